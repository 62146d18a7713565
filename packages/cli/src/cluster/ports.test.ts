import { readFileSync } from 'node:fs';
import net from 'node:net';
import { expect, test } from 'vitest';
import { freePorts, probePort } from './ports.ts';

test('free ports are different, free, and none that an outgoing connection could get', async () => {
  const ports = await freePorts('127.0.0.1', 20);
  const outgoing = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
  expect(new Set(ports).size).toBe(20);
  expect(ports.filter((port) => port >= outgoing)).toEqual([]);
  expect(await Promise.all(ports.map((port) => probePort('127.0.0.1', port)))).toEqual(ports);
});

test('a port that is taken is told as such', async () => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  expect(await probePort('127.0.0.1', port)).toBeUndefined();
  await new Promise((resolve) => server.close(resolve));
});
