import { hex, utf8, utf8Text, type Lsn } from '@multigres/core';

import { Decimal } from '../sql/decimal.ts';
import type { Change, LogRecord } from './log-record.ts';

/** A record as it travels between servers. What is inside is the model's own: nobody else reads it. */
export function encodeRecord(record: LogRecord): Uint8Array {
  record.bytes ??= utf8(
    JSON.stringify([record.start.toString(), record.end.toString(), record.prev.toString(), record.change], tag),
  );
  return record.bytes;
}

/** Whole records, one after the other, each with its length before it. */
export function decodeRecords(bytes: Uint8Array): LogRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: LogRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at);
    // The bytes are valid during the call only.
    records.push(decodeRecord(bytes.slice(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return records;
}

export function encodeRecords(records: readonly LogRecord[]): Uint8Array {
  const encoded = records.map(encodeRecord);
  const bytes = new Uint8Array(encoded.reduce((sum, one) => sum + 4 + one.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const one of encoded) {
    view.setUint32(at, one.length);
    bytes.set(one, at + 4);
    at += 4 + one.length;
  }
  return bytes;
}

function decodeRecord(bytes: Uint8Array): LogRecord {
  const [start, end, prev, change] = JSON.parse(utf8Text(bytes), untag) as [string, string, string, Change];
  return { start: BigInt(start) as Lsn, end: BigInt(end) as Lsn, prev: BigInt(prev) as Lsn, change, bytes };
}

function tag(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { $: 'n', v: value.toString() };
  if (value instanceof Decimal) return { $: 'd', v: value.toString() };
  if (value instanceof Uint8Array) return { $: 'b', v: hex(value) };
  // What is not finite is a value of float8 too.
  return typeof value === 'number' && !Number.isFinite(value) ? { $: 'f', v: String(value) } : value;
}

function untag(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('$' in value) || !('v' in value)) return value;
  const text = value.v as string;
  if (value.$ === 'n') return BigInt(text);
  if (value.$ === 'd') return Decimal.parse(text);
  return value.$ === 'b' ? bytesOfHex(text) : Number(text);
}

export function bytesOfHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}
