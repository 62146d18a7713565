import type { Lsn } from '@multigres/core';

import type { RoleOptions } from '../session/host.ts';
import type { Xid } from './commit-log.ts';
import type { LockMode } from './lock-mode.ts';
import type { TableShape } from './relation.ts';
import type { Value } from './value.ts';
import type { Row } from './value.ts';

/** A change, as the write-ahead log records it. Replaying all of them in order gives the store. */
export type Change =
  | { readonly kind: 'insert'; readonly xid: Xid; readonly heap: number; readonly tid: number; readonly values: Row }
  | {
      readonly kind: 'update';
      readonly xid: Xid;
      readonly heap: number;
      readonly from: number;
      readonly to: number;
      readonly values: Row;
    }
  | { readonly kind: 'delete'; readonly xid: Xid; readonly heap: number; readonly tid: number }
  /** SELECT ... FOR UPDATE. Nothing for a replay to do, but a reason to wait for a flush at the commit. */
  | { readonly kind: 'lock'; readonly xid: Xid; readonly heap: number; readonly tid: number }
  | {
      readonly kind: 'create';
      readonly xid: Xid;
      readonly database: string;
      readonly oid: number;
      readonly heap: number;
      readonly shape: TableShape;
    }
  | { readonly kind: 'drop'; readonly xid: Xid; readonly database: string; readonly oid: number }
  | {
      readonly kind: 'truncate';
      readonly xid: Xid;
      readonly database: string;
      readonly oid: number;
      readonly heap: number;
    }
  /** Not transactional: a sequence never goes back, whoever rolls back. */
  | {
      readonly kind: 'sequence';
      readonly database: string;
      readonly oid: number;
      readonly last: bigint;
      readonly called: boolean;
    }
  /** `gid`: of a prepared transaction. */
  | { readonly kind: 'commit'; readonly xids: readonly Xid[]; readonly gid?: string }
  | { readonly kind: 'abort'; readonly xids: readonly Xid[]; readonly gid?: string }
  /** Its locks stand in the log, because it holds them again after a crash or a promotion. */
  | {
      readonly kind: 'prepare';
      readonly gid: string;
      readonly xids: readonly Xid[];
      readonly owner: string;
      readonly database: string;
      readonly preparedMicros: bigint;
      readonly locks: readonly (readonly [key: string, mode: LockMode])[];
    }
  /** Row versions were removed that only views before this transaction's end could see. */
  | { readonly kind: 'cleanup'; readonly xid: Xid }
  /** `role` undefined: dropped. */
  | { readonly kind: 'role'; readonly xid: Xid; readonly name: string; readonly role: RoleOptions | undefined }
  /** Where recovery may begin. `shutdown` if nothing was running. */
  | { readonly kind: 'checkpoint'; readonly timeline: number; readonly shutdown: boolean }
  /** The first record of a timeline that a promotion began. Whoever runs had been running before is aborted. */
  | { readonly kind: 'endOfRecovery'; readonly timeline: number; readonly previous: number };

export interface LogRecord {
  readonly start: Lsn;
  /** Where it ends; a flush up to here makes it durable. */
  readonly end: Lsn;
  /** Where the record before it starts: replay goes on only if it is the one that was replayed last (xl_prev). */
  readonly prev: Lsn;
  readonly change: Change;
  /** As it travels, made when first needed. */
  bytes?: Uint8Array;
}

/** Plausible sizes, so that positions advance as they do in Postgres: a header of 24 bytes, the row, aligned to 8. */
export function sizeOf(change: Change): number {
  let payload = 24;
  if ('values' in change) {
    payload = 32;
    for (const value of change.values) payload += sizeOfValue(value);
  }
  return (24 + payload + 7) & ~7;
}

function sizeOfValue(value: Value): number {
  if (typeof value === 'string') return 4 + value.length;
  return value instanceof Uint8Array ? 4 + value.length : 8;
}
