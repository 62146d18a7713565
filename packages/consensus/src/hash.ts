import { utf8 } from '@multigres/core';

const offsetBasis = 0xcbf2_9ce4_8422_2325n;
const prime = 0x100_0000_01b3n;
const mask = 0xffff_ffff_ffff_ffffn;

/** FNV-1a of the text's UTF-8, 64 bits as 16 hexadecimal digits (RFC 9923): the same everywhere, no secret, no defence against malice. */
export function hash64(text: string): string {
  let hash = offsetBasis;
  for (const byte of utf8(text)) hash = ((hash ^ BigInt(byte)) * prime) & mask;
  return hash.toString(16).padStart(16, '0');
}
