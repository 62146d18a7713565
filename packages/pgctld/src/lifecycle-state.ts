import type { PgError } from '@multigres/core';
import type { PgctldLimits } from './config.ts';
import type { PostmasterPhase } from './postmaster-pid.ts';

/** How a server is made to end, from kind to brutal (PostgreSQL documentation, "Shutting Down the Server"). */
export type Force = 'smart' | 'fast' | 'immediate' | 'kill';

/** What is so, as far as we know. */
export type Server =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unusable'; readonly refusal: PgError }
  | { readonly kind: 'notInitialized' }
  | { readonly kind: 'initializing' }
  /** A rewind or a swap was interrupted: only good to be cloned anew. */
  | { readonly kind: 'broken' }
  | { readonly kind: 'rewinding' }
  | { readonly kind: 'cloning' }
  | { readonly kind: 'stopped'; readonly crashed: boolean }
  /** `pid` is not known until the process is there. */
  | { readonly kind: 'starting'; readonly pid: number | undefined; readonly sinceMs: number }
  /** It has ended while starting; we are finding out why. */
  | { readonly kind: 'failing'; readonly pid: number | undefined }
  | { readonly kind: 'running'; readonly pid: number; readonly standby: boolean; readonly sinceMs: number }
  /** A standby that was told to end recovery and takes reads meanwhile. */
  | { readonly kind: 'promoting'; readonly pid: number; readonly sinceMs: number }
  | { readonly kind: 'stopping'; readonly pid: number; readonly force: Force; readonly sinceMs: number };

/** Somebody waits for an answer. A restart is a stop (`down`) and then a start (`up`). */
export interface Ask {
  readonly id: number;
  readonly what: 'init' | 'start' | 'stop' | 'restart' | 'reload' | 'promote' | 'rewind' | 'clone';
  readonly force: Force;
  readonly phase: 'down' | 'up';
  readonly sinceMs: number;
}

export interface Lifecycle {
  readonly server: Server;
  readonly asks: readonly Ask[];
  /** What was last asked for; `running` is also what we found when we came. */
  readonly wanted: 'running' | 'stopped';
  /** How many times it has ended of its own accord lately. */
  readonly crashes: number;
  /** What we know may be old: nobody is answered before we have looked again. */
  readonly checking: boolean;
}

export type DataSeen =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present' }
  | { readonly kind: 'broken' }
  | { readonly kind: 'unusable'; readonly refusal: PgError };

export type ServerSeen =
  | { readonly kind: 'none' }
  /** No process, but its pid file. */
  | { readonly kind: 'crashed' }
  | { readonly kind: 'alive'; readonly pid: number; readonly phase: PostmasterPhase };

export type LifecycleEvent = { readonly nowMs: number } & (
  | { readonly kind: 'observed'; readonly data: DataSeen; readonly server: ServerSeen }
  | { readonly kind: 'asked'; readonly id: number; readonly what: Ask['what']; readonly force: Force }
  | { readonly kind: 'initialized' }
  | { readonly kind: 'initRefused'; readonly refusal: PgError }
  /** The rewind or the clone has ended. */
  | { readonly kind: 'overhauled'; readonly id: number; readonly refusal: PgError | undefined }
  | { readonly kind: 'spawned'; readonly pid: number }
  | { readonly kind: 'exited'; readonly pid: number; readonly exit: string }
  | { readonly kind: 'startRefused'; readonly refusal: PgError }
  | { readonly kind: 'promoteRefused'; readonly refusal: PgError }
  | { readonly kind: 'restartDue' }
  | { readonly kind: 'ticked' }
);

export type LifecycleEffect =
  | { readonly kind: 'observe' }
  /** What the ask says how. */
  | { readonly kind: 'initialize'; readonly id: number }
  | { readonly kind: 'overhaul'; readonly id: number }
  | { readonly kind: 'spawn' }
  /** Find out why the process has ended; answered by `startRefused`. */
  | { readonly kind: 'explain'; readonly pid: number | undefined; readonly exit: string }
  | { readonly kind: 'stop'; readonly pid: number; readonly force: Force }
  | { readonly kind: 'reload'; readonly pid: number }
  /** Tell the standby to end recovery; that it has shows in what is observed. */
  | { readonly kind: 'promote'; readonly pid: number }
  /** After a pause that grows with the attempt, `restartDue`. */
  | { readonly kind: 'restartLater'; readonly attempt: number }
  | { readonly kind: 'answer'; readonly id: number; readonly refusal: PgError | undefined }
  /** A start takes too long: answer with what the server's log says meanwhile. */
  | { readonly kind: 'answerLate'; readonly id: number };

export interface LifecycleOptions {
  readonly dataDirectory: string;
  readonly keepRunning: boolean;
  readonly limits: PgctldLimits;
}
