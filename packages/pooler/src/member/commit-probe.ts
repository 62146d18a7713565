import { isQuorum, standbyName } from '@multigres/consensus';
import { PgError, type Timer, type World } from '@multigres/core';
import { create, FollowerSchema, type Follower, type MemberId, type Rule } from '@multigres/rpc';
import type { AdminQueries, Row } from '../backend/admin-queries.ts';
import { lsnOf } from './log-position.ts';
import { memberSql } from './member-sql.ts';
import { memberTiming } from './member-timing.ts';
import type { PostgresAdmin } from './postgres-admin.ts';

/** What a leader has seen of its cohort. */
export interface LeaderSight {
  readonly flushedLsn: bigint;
  /** Everything up to here is on a quorum. */
  readonly durableLsn: bigint;
  readonly followers: readonly Follower[];
}

export interface ProbeListener {
  /** When the commit that has reached the quorum began (monotonic ms): until then no quorum had let go. */
  renewed(startMs: number): void;
  seen(sight: LeaderSight): void;
  /** The connection was lost, or Postgres refuses. */
  failed(error: PgError): void;
}

/**
 * The leader's proof that it leads: a small commit must reach the quorum, again and again. When it returns, no quorum had let go at its start. Commits
 * of users prove the same, but only a probe is there when nobody writes; a pending one is never joined by a second.
 */
export class CommitProbe {
  readonly #world: World;
  readonly #admin: PostgresAdmin;
  readonly #listener: ProbeListener;
  readonly #writer: AdminQueries;
  #rule: Rule;
  readonly #self: MemberId;
  #timer: Timer | undefined;
  #pendingSinceMs: number | undefined;
  #stopped = false;
  #resting = false;
  #beating = false;

  constructor(world: World, admin: PostgresAdmin, self: MemberId, rule: Rule, listener: ProbeListener) {
    this.#world = world;
    this.#admin = admin;
    this.#listener = listener;
    this.#self = self;
    this.#rule = rule;
    this.#writer = admin.open();
    void this.#beat();
  }

  /** Another rule of the same leader. */
  use(rule: Rule): void {
    this.#rule = rule;
  }

  /** For how long the present commit has been waiting, ms. */
  get stalledMs(): number {
    if (this.#pendingSinceMs === undefined) return 0;
    const ms = this.#world.clock.nowMs() - this.#pendingSinceMs;
    return ms > memberTiming.probeMs ? Math.floor(ms) : 0;
  }

  /** Begins no commit from now on; one that is under way goes on. */
  rest(): void {
    this.#resting = true;
    this.#timer?.cancel();
  }

  /** Goes on after a rest. */
  resume(): void {
    if (!this.#resting || this.#stopped) return;
    this.#resting = false;
    if (!this.#beating) void this.#beat();
  }

  /** A commit of its own is under way. */
  get isCommitting(): boolean {
    return this.#pendingSinceMs !== undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#admin.closed(this.#writer);
  }

  async #beat(): Promise<void> {
    this.#beating = true;
    const { clock } = this.#world;
    const startMs = clock.nowMs();
    this.#pendingSinceMs ??= startMs;
    try {
      await this.#writer.query(memberSql.beat, Infinity);
      if (this.#stopped) return;
      this.#pendingSinceMs = undefined;
      this.#listener.renewed(startMs);
      const [end, rows] = await Promise.all([
        this.#admin.ask(memberSql.primaryEnd),
        this.#admin.ask(memberSql.followers),
      ]);
      if (this.#stopped) return;
      this.#listener.seen(leaderSight(this.#self, this.#rule, lsnOf(end[0]?.[0]) ?? 0n, rows));
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      if (this.#stopped) return;
      this.#listener.failed(error);
    }
    this.#beating = false;
    if (this.#resting) return;
    const restMs = Math.max(0, startMs + memberTiming.probeMs - clock.nowMs());
    this.#timer = clock.after(Math.max(restMs, memberTiming.soonMs), () => void this.#beat());
  }
}

/** `rows`: of `memberSql.followers`. Durable is the highest LSN that a quorum has flushed. */
export function leaderSight(self: MemberId, rule: Rule, flushedLsn: bigint, rows: readonly Row[]): LeaderSight {
  const ballot = rule.number?.ballot;
  const byName = new Map<string, Row>();
  for (const row of rows) byName.set(row[1] ?? '', row);
  const followers: Follower[] = [];
  for (const member of [...rule.voters, ...rule.learners]) {
    const row = ballot && byName.get(standbyName(member, ballot));
    if (row === undefined) continue;
    const [, , state, flushed, replayed] = row;
    const voter = rule.voters.includes(member);
    followers.push(
      create(FollowerSchema, {
        member,
        flushedLsn: lsnOf(flushed) ?? 0n,
        replayedLsn: lsnOf(replayed) ?? 0n,
        counted: voter && state === 'streaming',
      }),
    );
  }
  return { flushedLsn, followers, durableLsn: durable(self, rule, flushedLsn, followers) };
}

function durable(self: MemberId, rule: Rule, flushedLsn: bigint, followers: readonly Follower[]): bigint {
  const ends = [flushedLsn, ...followers.map((each) => each.flushedLsn)].filter((lsn) => lsn <= flushedLsn);
  const has = (lsn: bigint): MemberId[] =>
    followers.flatMap(({ member, flushedLsn: end }) => (member !== undefined && end >= lsn ? [member] : []));
  const reached = ends.filter((lsn) => isQuorum(rule.policy, [self, ...has(lsn)], rule.voters));
  return reached.reduce((most, lsn) => (lsn > most ? lsn : most), 0n);
}
