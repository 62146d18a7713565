import type { Lsn } from '@multigres/core';

/** Microseconds between 1970 and 2000, where Postgres's times begin. */
const postgresEpochMicros = 946_684_800_000_000n;

const tag = { data: 0x77, keepalive: 0x6b, status: 0x72, feedback: 0x68 } as const;

/** What travels inside CopyData (PostgreSQL documentation, "Streaming Replication Protocol"). */
export type ReplicationMessage =
  | { readonly kind: 'data'; readonly start: Lsn; readonly end: Lsn; readonly data: Uint8Array }
  | { readonly kind: 'keepalive'; readonly end: Lsn; readonly replyNow: boolean }
  | {
      readonly kind: 'status';
      readonly write: Lsn;
      readonly flush: Lsn;
      readonly apply: Lsn;
      readonly replyNow: boolean;
    }
  | { readonly kind: 'feedback' };

function framed(kind: number, length: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(length);
  bytes[0] = kind;
  return { bytes, view: new DataView(bytes.buffer) };
}

/** XLogData. */
export function encodeLogData(start: Lsn, end: Lsn, wallMicros: bigint, data: Uint8Array): Uint8Array {
  const { bytes, view } = framed(tag.data, 25 + data.length);
  view.setBigUint64(1, start);
  view.setBigUint64(9, end);
  view.setBigInt64(17, wallMicros - postgresEpochMicros);
  bytes.set(data, 25);
  return bytes;
}

/** Primary keepalive message. */
export function encodeKeepalive(end: Lsn, wallMicros: bigint, replyNow: boolean): Uint8Array {
  const { bytes, view } = framed(tag.keepalive, 18);
  view.setBigUint64(1, end);
  view.setBigInt64(9, wallMicros - postgresEpochMicros);
  bytes[17] = replyNow ? 1 : 0;
  return bytes;
}

/** Standby status update. */
export function encodeStatus(write: Lsn, flush: Lsn, apply: Lsn, wallMicros: bigint, replyNow: boolean): Uint8Array {
  const { bytes, view } = framed(tag.status, 34);
  view.setBigUint64(1, write);
  view.setBigUint64(9, flush);
  view.setBigUint64(17, apply);
  view.setBigInt64(25, wallMicros - postgresEpochMicros);
  bytes[33] = replyNow ? 1 : 0;
  return bytes;
}

/** Undefined if it is none. `data` is a view of the given bytes. */
export function decodeReplicationMessage(bytes: Uint8Array): ReplicationMessage | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lsn = (at: number): Lsn => view.getBigUint64(at) as Lsn;
  switch (bytes[0]) {
    case tag.data:
      return bytes.length < 25 ? undefined : { kind: 'data', start: lsn(1), end: lsn(9), data: bytes.subarray(25) };
    case tag.keepalive:
      return bytes.length === 18 ? { kind: 'keepalive', end: lsn(1), replyNow: bytes[17] === 1 } : undefined;
    case tag.status:
      if (bytes.length !== 34) return undefined;
      return { kind: 'status', write: lsn(1), flush: lsn(9), apply: lsn(17), replyNow: bytes[33] === 1 };
    case tag.feedback:
      return { kind: 'feedback' };
    default:
      return undefined;
  }
}
