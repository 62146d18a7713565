import type { PgError } from '@multigres/core';
import type { Answer, Question } from '@multigres/relay';
import type { StoredRole } from '../auth/stored-secret.ts';
import type { CatalogStatement } from '../statement/statement-catalog.ts';
import type { PoolerClient } from './pooler-client.ts';

/** Who wants a channel to whoever leads. */
export interface Seeker {
  /** Once, now or later: a channel can be opened there. */
  found(client: PoolerClient): void;
  /** Nobody was found in time; nothing was executed. */
  notFound(error: PgError): void;
}

/** The way from sessions to poolers: today one shard, tomorrow a table of them. */
export interface Route {
  /** Tells `seeker` who leads, as soon as somebody does, at most until `untilMs` (57P03 then, and at once if too many wait). */
  seek(seeker: Seeker, untilMs: number): void;
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
