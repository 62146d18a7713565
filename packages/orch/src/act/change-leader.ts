import { hex, type World } from '@multigres/core';
import {
  create,
  BallotSchema,
  type Ballot,
  type ComponentIdMessage,
  type MemberId,
  type Rule,
  type RuleNumber,
} from '@multigres/rpc';
import { compareBallots, membersOf, sameMember, type Preference } from '@multigres/consensus';
import { failoverFailed, noSuccessor } from '../errors.ts';
import type { FailoverOutcome, FailoverPlan } from '../failover.machine.ts';
import { claimsToLead, type ShardView } from '../observe/shard-view.ts';
import type { ShardObserver } from '../observe/shard-observer.ts';
import { poolerKey } from '../observe/snapshot.ts';
import type { OrchMetrics } from '../orch-metrics.ts';
import { FailoverDriver } from './failover.ts';
import type { MemberCalls } from './member-calls.ts';

export interface ChangeLeaderParts {
  readonly world: World;
  readonly observer: ShardObserver;
  readonly calls: MemberCalls;
  readonly metrics: OrchMetrics;
  readonly setPrimary: (pooler: string, rule: RuleNumber, leader: MemberId) => void;
}

/** Margin for clocks of different speed, in which leases are waited out. */
const drift = 1.1;

/** Changes of the leader, with a fresh ballot each. */
export class LeaderChanges {
  readonly #parts: ChangeLeaderParts;
  #running: FailoverDriver | undefined;
  #ballot: Ballot | undefined;

  constructor(parts: ChangeLeaderParts) {
    this.#parts = parts;
  }

  /** One attempt. Never rejects. */
  async failover(
    view: ShardView,
    wanted: { readonly successor?: ComponentIdMessage | undefined; readonly avoid?: string | undefined } = {},
    resigned?: FailoverPlan['resigned'],
  ): Promise<FailoverOutcome> {
    const { world, metrics } = this.#parts;
    const { successor, avoid } = wanted;
    const preference = successor === undefined ? {} : { successor };
    const plan = { ...this.#plan(view, preference, avoid), ...(resigned && { resigned }) };
    const driver = this.#driver(plan);
    this.#running = driver;
    this.#ballot = plan.ballot;
    world.telemetry.log.info('changing the leader', { term: plan.ballot.term, nonce: plan.ballot.nonce });
    try {
      const outcome = await driver.run();
      metrics.failovers(outcome.kind).add();
      return outcome;
    } finally {
      this.#running = undefined;
    }
  }

  /** With the leader's consent: nobody sees an error. Rejects with a PgError; then the leader that was opens again. */
  async switchover(
    view: ShardView,
    successor: ComponentIdMessage,
    drainMs: number,
  ): Promise<{ rule: Rule; pausedMs: number }> {
    const { world, calls, metrics } = this.#parts;
    const { head, tuning } = view;
    const next = view.members.find(({ key }) => key === poolerKey(successor))?.status?.member?.member;
    if (head === undefined || next === undefined) throw noSuccessor();
    const startMs = world.clock.nowMs();
    const pauseMs = drainMs + tuning.pauseMs;
    const request = { shard: view.shard, rule: head.number, successor: next, drainMs, pauseMs };
    const leader = calls.member(head.at.key, head.at.record);
    const { lsn } = await leader.resign(request, { deadlineMs: drainMs + tuning.pauseMs });
    // The pause begins with its answer, which cannot have been before we asked.
    const outcome = await this.failover(view, { successor }, { lsn, untilMs: startMs + pauseMs / drift });
    const pausedMs = Math.round(world.clock.nowMs() - startMs);
    if (outcome.kind !== 'led') throw failoverFailed(outcome.reason);
    metrics.switchoverPause.recordMs(pausedMs);
    return { rule: outcome.rule as Rule, pausedMs: Math.round(pausedMs) };
  }

  /** Health was heard: an old leader may have stopped. */
  healthChanged(view: ShardView): void {
    if (this.#running === undefined) return;
    for (const at of view.heard) {
      const promise = at.status?.member?.promise?.ballot;
      if (compareBallots(promise, this.#ballot) === 0 && !claimsToLead(at)) this.#running.leaderFenced(at.key);
    }
  }

  #plan(view: ShardView, preference: Preference, avoid: string | undefined): FailoverPlan {
    const { world, observer } = this.#parts;
    const { tuning, live, heard, self, promised } = view;
    const seen = [promised?.ballot.term ?? 0n, ...live.map(({ number }) => number?.ballot?.term ?? 0n)];
    const term = seen.reduce((a, b) => (a > b ? a : b)) + 1n;
    const ballot = create(BallotSchema, { term, coordinator: self, nonce: hex(world.random.bytes(8)) });
    const cohort = membersOf(live).map(({ pooler }) => poolerKey(pooler));
    const leader = live[0]?.leader;
    const following = heard.filter(
      ({ status }) => status?.member?.postgresUp === true && !sameMember(status.member.member, leader),
    );
    return {
      ...{ shard: view.shard, ballot, ask: cohort.filter((key) => observer.observed(key) !== undefined) },
      avoid,
      quick: new Set(following.map(({ key }) => key)),
      heard: new Set(heard.map(({ key }) => key)),
      preference: { ...(leader?.pooler && { cell: leader.pooler.cell }), ...preference },
      ...{ graceMs: tuning.graceMs, fenceGraceMs: tuning.fenceGraceMs, leaseMs: tuning.leaseMs * drift },
      recruitUntilMs: world.clock.nowMs() + tuning.recruitMs,
    };
  }

  #driver(plan: FailoverPlan): FailoverDriver {
    const { world, observer, calls, metrics, setPrimary } = this.#parts;
    const { tuning } = observer.snapshot();
    return new FailoverDriver(plan, {
      clock: world.clock,
      member: (pooler) => calls.member(pooler, observer.observed(pooler)?.record),
      quietSinceMs: (pooler, flushedLsn) => this.#quietSinceMs(pooler, flushedLsn),
      setPrimary,
      recruitMs: tuning.recruitMs,
      promoteMs: tuning.promoteMs,
      phase: (name, ms) => (name === 'recruit' ? metrics.recruitTime : metrics.promoteTime).recordMs(ms),
    });
  }

  #quietSinceMs(pooler: string, flushedLsn: bigint): number {
    const at = this.#parts.observer.observed(pooler);
    const received = at?.received;
    const nowMs = this.#parts.world.clock.nowMs();
    return received !== undefined && received.lsn >= flushedLsn ? received.sinceMs : nowMs;
  }
}
