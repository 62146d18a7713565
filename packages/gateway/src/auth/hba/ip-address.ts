/** An IP address or a mask as bytes: 4 of IPv4, 16 of IPv6. */
export type IpBytes = Uint8Array;

/**
 * Reads an IPv4 address in dotted decimals or an IPv6 address (RFC 4291, section 2.2); undefined if it is none. An IPv4 address inside IPv6
 * (`::ffff:1.2.3.4`, how a socket for both tells of an IPv4 client) is that IPv4 address.
 */
export function parseIp(text: string): IpBytes | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  const bytes = parseIpv6(text);
  if (bytes === undefined) return undefined;
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

/** The mask of an address family with this many leading ones. */
export function maskOfBits(bits: number, length: number): IpBytes {
  const mask = new Uint8Array(length);
  for (let i = 0; i < length; i++) mask[i] = (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff;
  return mask;
}

/** Whether both are of one family and alike in the bits of the mask. */
export function sameNetwork(a: IpBytes, b: IpBytes, mask: IpBytes): boolean {
  if (a.length !== b.length || a.length !== mask.length) return false;
  for (let i = 0; i < a.length; i++)
    if ((((a[i] as number) ^ (b[i] as number)) & (mask[i] as number)) !== 0) return false;
  return true;
}

function parseIpv4(text: string): IpBytes | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): IpBytes | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  if (tail === undefined) return head.length === 16 ? Uint8Array.from(head) : undefined;
  const zeros = 16 - head.length - tail.length;
  // "::" stands for at least one group.
  if (zeros < 2) return undefined;
  return Uint8Array.from([...head, ...Array.from({ length: zeros }, () => 0), ...tail]);
}

/** The bytes of `a:b:c`, where the last may be a dotted IPv4 address. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (group.includes('.') && index === groups.length - 1) {
      const ipv4 = parseIpv4(group);
      if (ipv4 === undefined) return undefined;
      bytes.push(...ipv4);
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}
