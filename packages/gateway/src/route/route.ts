import type { PgError } from '@multigres/core';
import type { Answer, Question } from '@multigres/relay';
import type { StoredRole } from '../auth/stored-secret.ts';
import type { CatalogStatement } from '../statement/statement-catalog.ts';
import type { PoolerClient } from './pooler-client.ts';

/** Whom a session wants: the leader, or a follower that serves reads and has replayed up to an LSN. */
export type Wish = { readonly at: 'leader' } | { readonly at: 'follower'; readonly lsn: bigint };

/** Who wants a channel to somebody. */
export interface Seeker {
  /** Once, now or later: a channel can be opened there. */
  found(client: PoolerClient): void;
  /** Nobody was found in time; nothing was executed. */
  notFound(error: PgError): void;
}

/** The way from sessions to poolers: today one shard, tomorrow a table of them. */
export interface Route {
  /** Tells `seeker` who is as it wishes, as soon as somebody is, at most until `untilMs` (57P03 then, and at once if too many wait). */
  seek(seeker: Seeker, untilMs: number, wish: Wish): void;
  /** There may be others than the leader: what sessions say about where they read means something. */
  readonly hasFollowers: boolean;
  /** A follower that serves reads and has replayed up to there: in the own cell if possible, of those the one with the fewest channels. */
  follower(lsn: bigint): PoolerClient | undefined;
  /** How far the leader's log has got: beyond all that was answered before the call. Undefined if that cannot be learned now. Never rejects. */
  walEnd(): Promise<bigint | undefined>;
  /** It does not want it any more. Idempotent. */
  forget(seeker: Seeker): void;
  /** A seeker that waits keeps this many more bytes for its client. False: it is too much, and no more is to be read. */
  keeps(seeker: Seeker, bytes: number): boolean;
  /** The pooler says that it does not lead, whatever was heard of it: it is left alone until it is heard anew. */
  refusedBy(client: PoolerClient): void;
  /** There is an open leader, and a link to it. */
  readonly isUp: boolean;
  /** Bytes that the network has not taken. */
  readonly backlogBytes: number;
  /** Asks somebody's pooler, or through it all other gateways; see `PoolerClient.ask`. */
  ask(question: Question): Promise<readonly Answer[]>;
  askNow(question: Question): Promise<readonly Answer[]>;
  /** Looks up what Postgres stores of a role. Rejects with a PgError. */
  verifier(role: string): Promise<StoredRole>;
  forgetStatement(statement: CatalogStatement): void;
  stop(): void;
}
