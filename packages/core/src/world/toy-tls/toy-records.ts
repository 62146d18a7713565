import { assert } from '../../base/assert.ts';
import { concat, emptyBytes } from '../../base/bytes.ts';

/** The record types of TLS (RFC 8446, 5.1). */
export const recordType = { alert: 0x15, handshake: 0x16, data: 0x17 } as const;
type RecordType = (typeof recordType)[keyof typeof recordType];

export interface ToyRecord {
  readonly type: RecordType;
  readonly content: Uint8Array;
}

const headerBytes = 5;
const contentBytesMax = 16_384;

/** Not secret, but nothing that a peer without TLS could take for its protocol. */
const mask = 0xa5;

/** Data is cut into records of at most 16 KiB. */
export function encodeRecords(type: RecordType, content: Uint8Array): Uint8Array {
  const count = Math.max(1, Math.ceil(content.length / contentBytesMax));
  const out = new Uint8Array(content.length + count * headerBytes);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const piece = content.subarray(i * contentBytesMax, (i + 1) * contentBytesMax);
    out.set([type, 3, 3, piece.length >> 8, piece.length & 0xff], at);
    for (let j = 0; j < piece.length; j++) out[at + headerBytes + j] = (piece[j] as number) ^ mask;
    at += headerBytes + piece.length;
  }
  assert(at === out.length, 'each record has its place');
  return out;
}

/** Puts records together from pieces of any size. */
export class ToyRecordReader {
  #held: Uint8Array = emptyBytes;

  /** The records that are whole now, or undefined if this is no TLS. `bytes` is not kept. */
  read(bytes: Uint8Array): ToyRecord[] | undefined {
    const input = this.#held.length === 0 ? bytes : concat([this.#held, bytes]);
    const records: ToyRecord[] = [];
    let at = 0;
    while (input.length > at) {
      if (!isRecordType(input[at] as number)) return undefined;
      if (input.length - at < headerBytes) break;
      const length = ((input[at + 3] as number) << 8) | (input[at + 4] as number);
      if (input[at + 1] !== 3 || length > contentBytesMax) return undefined;
      if (input.length - at < headerBytes + length) break;
      const content = input.slice(at + headerBytes, at + headerBytes + length).map((byte) => byte ^ mask);
      records.push({ type: input[at] as RecordType, content });
      at += headerBytes + length;
    }
    this.#held = input.slice(at);
    return records;
  }
}

function isRecordType(byte: number): byte is RecordType {
  return byte === recordType.alert || byte === recordType.handshake || byte === recordType.data;
}
