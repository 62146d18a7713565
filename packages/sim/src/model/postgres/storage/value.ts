import type { Decimal } from '../sql/decimal.ts';

/**
 * A datum by its type: bool as boolean; int2, int4, oid and float8 as number; int8, xid8, dates (days) and timestamps (microseconds
 * since 1970) as bigint; pg_lsn as bigint; numeric as Decimal; bytea as bytes; everything textual as string.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | Decimal;

export type Row = readonly Value[];
