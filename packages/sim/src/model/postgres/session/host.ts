import type { Lsn, PgReport } from '@multigres/core';

import type { SyncMode } from '../replication/sync-waits.ts';
import type { ServerProcesses } from '../server/processes.ts';
import type { ActivityEntry } from '../sql/system-views.ts';
import type { Store } from '../storage/store.ts';
import type { Task, Wait } from '../wait.ts';
import type { Notification } from './notifications.ts';
import type { Session } from './session.ts';

export interface RoleOptions {
  readonly name: string;
  readonly superuser?: boolean;
  /** Needed for SCRAM; without one nobody logs in with a password. */
  readonly password?: string;
  /** May become these roles with SET ROLE; superusers may become any. */
  readonly memberOf?: readonly string[];
  /** Default true. */
  readonly login?: boolean;
  /** May use the replication protocol, as superusers may. */
  readonly replication?: boolean;
  /** ALTER ROLE ... SET. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Functions that only superusers may call unless they were granted. */
  readonly functions?: readonly string[];
}

/** All roles, by name. */
export interface RoleBook {
  get(name: string): RoleOptions | undefined;
  has(name: string): boolean;
  all(): RoleOptions[];
}

/** Severity of a NoticeResponse and the rest of its fields. */
export type Notice = Omit<PgReport, 'severity'> & { readonly level: 'NOTICE' | 'WARNING' | 'INFO' };

/** What a session needs from the server around it. */
export interface SessionHost {
  readonly store: Store;
  readonly roles: RoleBook;
  /** Recovery, replication, configuration: what is not of one session. */
  readonly processes: ServerProcesses;
  readonly inRecovery: boolean;
  /** All processes, as pg_stat_activity shows them. */
  activity(): ActivityEntry[];
  /** `pg_authid.rolpassword`. */
  storedPassword(role: string): string | undefined;
  wallMicros(): bigint;
  fraction(): number;
  sleep(delayMs: number): Wait;
  /** Waits until the log is durable up to a position. */
  flush(lsn: Lsn): Task<void>;
  /** Waits until enough standbys have it too; an interrupt ends the wait, not the commit. */
  replicate(lsn: Lsn, mode: SyncMode, session: Session): Task<void>;
  /** ALTER SYSTEM has changed what stands in postgresql.auto.conf: waits until that is on the disk. */
  alteredSystem(): Task<void>;
  /** The log has grown by a commit that nobody waits for. */
  flushLater(): void;
  databaseOid(name: string): number;
  /** Hands committed notifications to the listeners of a database, in order. */
  publish(database: string, notifications: readonly Notification[]): void;
  /** False if there is no such backend. Throws 42501 if the session may not. */
  signal(by: Session, pid: number, signal: 'cancel' | 'terminate'): boolean;
}

/** The client's end of a session, as statements use it. */
export interface SessionClient {
  notice(notice: Notice): void;
  /** COPY FROM STDIN: asks for data; then `copyData` answers piece by piece, undefined at the end. Throws on CopyFail. */
  beginCopyIn(columns: number): void;
  copyData(): Task<Uint8Array | undefined>;
  /** COPY TO STDOUT. */
  beginCopyOut(columns: number): void;
  /** A wait if the client is slow. */
  copyLine(line: string): Wait | undefined;
  endCopyOut(): void;
  /** From here on no time limit interrupts. */
  commitBegins(): void;
  /** The session is over when its commit is done, and the client hears nothing more. */
  endQuietly(): void;
}
