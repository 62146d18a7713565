import { utf8Text } from '@multigres/core';

/** Signed 32 bits, most significant byte first. The caller knows that four bytes are there. */
export function int32At(buffer: Uint8Array, at: number): number {
  return (
    ((buffer[at] as number) << 24) |
    ((buffer[at + 1] as number) << 16) |
    ((buffer[at + 2] as number) << 8) |
    (buffer[at + 3] as number)
  );
}

/** Unsigned 32 bits. */
export function uint32At(buffer: Uint8Array, at: number): number {
  return int32At(buffer, at) >>> 0;
}

/** Unsigned 16 bits. */
export function uint16At(buffer: Uint8Array, at: number): number {
  return ((buffer[at] as number) << 8) | (buffer[at + 1] as number);
}

/** Names end within a few bytes: a loop beats a call into the engine until about here. */
const loopBytes = 48;

/** Where the first zero byte in [from, end) is, or -1. */
export function zeroAt(buffer: Uint8Array, from: number, end: number): number {
  const loopEnd = Math.min(end, from + loopBytes);
  for (let at = from; at < loopEnd; at++) if (buffer[at] === 0) return at;
  if (loopEnd === end) return -1;
  const found = buffer.indexOf(0, loopEnd);
  return found >= 0 && found < end ? found : -1;
}

const shortTextBytes = 24;

/** The UTF-8 text in [start, end); malformed sequences become U+FFFD. */
export function textAt(buffer: Uint8Array, start: number, end: number): string {
  if (end - start <= shortTextBytes) {
    let text = '';
    let at = start;
    for (; at < end; at++) {
      const byte = buffer[at] as number;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (at === end) return text;
  }
  return utf8Text(buffer.subarray(start, end));
}

/** Whether [start, end) of `buffer` holds exactly these bytes. */
export function bytesAtEqual(buffer: Uint8Array, start: number, end: number, bytes: Uint8Array): boolean {
  if (end - start !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (buffer[start + i] !== bytes[i]) return false;
  return true;
}

/** A 32-bit hash of [start, end) (FNV-1a), to find a name or a statement by its bytes without making a string. Equal hashes prove
 * nothing: compare the bytes, too, and bound the chains, as anybody can make collisions. */
export function hashAt(buffer: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (buffer[at] as number), 0x01000193);
  return hash >>> 0;
}
