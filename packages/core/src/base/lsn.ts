import type { Branded } from './ids.ts';

/** A position in the write-ahead log, in bytes (PostgreSQL documentation, "pg_lsn Type"). */
export type Lsn = Branded<bigint, 'Lsn'>;

export const lsnZero: Lsn = 0n as Lsn;

/** `16/B374D848` to a position; undefined if the text is no LSN. */
export function parseLsn(text: string): Lsn | undefined {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) return undefined;
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn;
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}
