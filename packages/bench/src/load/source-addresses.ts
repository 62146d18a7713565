import { readFileSync } from 'node:fs';
import { tooFewPorts } from '../errors.ts';

/** Some ports are taken by others, or rest after their last connection. */
const usableShare = 0.8;
const addressesMax = 250;

/**
 * Addresses of the loopback that so many connections to one port can come from: each has only the ports of `ip_local_port_range`. Empty if
 * one is enough and the system may choose. Throws a BenchError if there are too few.
 */
export function sourceAddresses(connections: number, ports: number = localPorts()): readonly string[] {
  const perAddress = Math.floor(ports * usableShare);
  const count = Math.ceil(connections / Math.max(1, perAddress));
  if (count <= 1) return [];
  if (perAddress < 1 || count > addressesMax) throw tooFewPorts(connections, ports, addressesMax);
  return Array.from({ length: count }, (_, index) => `127.0.0.${index + 1}`);
}

function localPorts(): number {
  const [first = 32_768, last = 60_999] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1')
    .trim()
    .split(/\s+/)
    .map(Number);
  return last - first + 1;
}
