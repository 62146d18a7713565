import type { Xid } from './commit-log.ts';
import type { LockHolder } from './lock-manager.ts';
import type { LockMode } from './lock-mode.ts';

/** A transaction between PREPARE TRANSACTION and its end: nobody's session, but its locks and changes stay. */
export interface PreparedTransaction {
  readonly gid: string;
  readonly xids: readonly Xid[];
  readonly owner: string;
  readonly database: string;
  readonly preparedMicros: bigint;
  readonly locks: readonly (readonly [key: string, mode: LockMode])[];
  /** In place of the session that made it. */
  readonly holder: LockHolder;
  /** Somebody is just ending it. */
  busy: boolean;
}
