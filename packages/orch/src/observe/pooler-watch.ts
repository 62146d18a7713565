import { backoffMs, PgError, sqlstate, type Clock, type Random } from '@multigres/core';
import { compareBallots, sameMember } from '@multigres/consensus';
import {
  client,
  ComponentIdSchema,
  create,
  MemberRole,
  PoolerService,
  type MemberStatus,
  type Pooler,
  type PoolerStatus,
  type Position,
  type RpcChannel,
  type RpcStream,
} from '@multigres/rpc';
import type { OrchTuning } from '../config.ts';
import type { ObservedMember } from './snapshot.ts';

export interface PoolerWatchParts {
  readonly world: { readonly clock: Clock; readonly random: Random };
  readonly tuning: OrchTuning;
  /** Where the pooler is now; throws a PgError if nobody knows. */
  readonly channel: () => RpcChannel;
  /** Something is known that was not. */
  readonly changed: () => void;
}

const pauses = { firstMs: 100, lastMs: 1_000 } as const;

/** Listens to one pooler's health stream, for ever, and keeps what it last said and since when. */
export class PoolerWatch {
  readonly #parts: PoolerWatchParts;
  readonly #key: string;
  #record: Pooler;
  #isRegistered = true;
  #status: PoolerStatus | undefined;
  #position: Position | undefined;
  #heardMs: number;
  #isGone = false;
  #roleSinceMs: number;
  #promisedMs: number;
  #received: ObservedMember['received'];
  #notFollowingMs: number | undefined;
  #stream: RpcStream<unknown> | undefined;
  #attempt = 0;
  #closed = false;

  constructor(key: string, record: Pooler, parts: PoolerWatchParts) {
    const nowMs = parts.world.clock.nowMs();
    this.#key = key;
    this.#record = record;
    this.#parts = parts;
    this.#heardMs = this.#roleSinceMs = this.#promisedMs = nowMs;
    void this.#run();
  }

  get observed(): ObservedMember {
    return {
      ...{ key: this.#key, record: this.#record, isRegistered: this.#isRegistered, status: this.#status },
      ...{ position: this.#position, heardMs: this.#heardMs, isGone: this.#isGone, roleSinceMs: this.#roleSinceMs },
      ...{ promisedMs: this.#promisedMs, received: this.#received, notFollowingMs: this.#notFollowingMs },
      id: this.#record.id ?? create(ComponentIdSchema, { name: this.#key }),
    };
  }

  /** As the topology tells; a pooler that left it is still listened to. */
  update(record: Pooler | undefined): void {
    this.#isRegistered = record !== undefined;
    if (record !== undefined) this.#record = record;
  }

  close(): void {
    this.#closed = true;
    this.#stream?.cancel();
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#parts.world;
    while (!this.#closed) {
      await this.#listen();
      if (this.#closed) return;
      // At once for the first time: whoever answers nothing then is gone, not only its stream.
      if (this.#attempt > 0) await clock.sleep(backoffMs(this.#attempt, random, pauses));
      this.#attempt += 1;
    }
  }

  async #listen(): Promise<void> {
    const { heartbeatMs, silenceMs } = this.#parts.tuning;
    try {
      const stream = client(PoolerService, this.#parts.channel()).watchHealth(
        { heartbeatMs },
        { idleMsMax: silenceMs },
      );
      this.#stream = stream;
      for await (const { status } of stream) if (status !== undefined && !this.#closed) this.#hear(status);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.#missed(error.sqlstate === sqlstate.sqlclientUnableToEstablishSqlconnection);
    }
  }

  #missed(isGone: boolean): void {
    if (this.#closed || this.#isGone === isGone) return;
    this.#isGone = isGone;
    this.#parts.changed();
  }

  #hear(status: PoolerStatus): void {
    const nowMs = this.#parts.world.clock.nowMs();
    const [before, after] = [this.#status?.member, status.member];
    const isSame = sameMember(before?.member, after?.member);
    if (!isSame || standing(before) !== standing(after)) this.#roleSinceMs = nowMs;
    if (compareBallots(before?.promise?.ballot, after?.promise?.ballot) !== 0) this.#promisedMs = nowMs;
    const lsn = after?.following?.receivedLsn;
    if (!isSame) this.#received = undefined;
    if (lsn !== undefined && lsn !== this.#received?.lsn) this.#received = { lsn, sinceMs: nowMs };
    const isFollowing = after?.following?.streaming === true && after.following.joined;
    if (isFollowing || after === undefined || leading.has(after.role)) this.#notFollowingMs = undefined;
    else this.#notFollowingMs ??= nowMs;
    this.#position = after?.position ?? (isSame ? this.#position : undefined);
    this.#status = status;
    this.#heardMs = nowMs;
    this.#isGone = false;
    this.#attempt = 0;
    this.#parts.changed();
  }
}

const leading: ReadonlySet<MemberRole> = new Set([MemberRole.PROPOSING, MemberRole.LEADER, MemberRole.RESIGNED]);

/** What `roleSinceMs` is about. */
function standing(member: MemberStatus | undefined): string {
  return `${member?.role} ${member?.open} ${member?.postgresUp}`;
}
