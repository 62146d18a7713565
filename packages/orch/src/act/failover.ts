import { check, PgError, type Clock, type Timer } from '@multigres/core';
import type { MemberId, MemberService, PromoteRequest, RpcClient, RuleNumber } from '@multigres/rpc';
import { ballotBelowPromise } from '../errors.ts';
import {
  beginFailover,
  failoverInvariants,
  onFailoverEvent,
  type Failover,
  type FailoverEffect,
  type FailoverEvent,
  type FailoverOutcome,
  type FailoverPlan,
} from '../failover.machine.ts';

export interface FailoverParts {
  readonly clock: Clock;
  /** Calls to a pooler; throws a PgError for one that nobody knows. */
  readonly member: (pooler: string) => RpcClient<typeof MemberService>;
  /** Since when nothing more of the log than this was received there, as its health told; now, if nobody knows. */
  readonly quietSinceMs: (pooler: string, flushedLsn: bigint) => number;
  /** Points a pooler at the leader; reports for itself. */
  readonly setPrimary: (pooler: string, rule: RuleNumber, leader: MemberId) => void;
  readonly recruitMs: number;
  readonly promoteMs: number;
  /** A phase has ended; how long it took, for metrics. */
  readonly phase: (name: 'recruit' | 'promote', ms: number) => void;
}

type EventBody = FailoverEvent extends infer E ? (E extends unknown ? Omit<E, 'nowMs'> : never) : never;

/** Does what the machine says: one attempt, from the first Recruit to a leader or the reason why there is none. It decides nothing. */
export class FailoverDriver {
  readonly #plan: FailoverPlan;
  readonly #parts: FailoverParts;
  readonly #timers = new Set<Timer>();
  #state: Failover;
  #phaseMs: number;
  #end: (outcome: FailoverOutcome) => void = () => {};

  constructor(plan: FailoverPlan, parts: FailoverParts) {
    this.#plan = plan;
    this.#parts = parts;
    this.#state = beginFailover(plan);
    this.#phaseMs = parts.clock.nowMs();
  }

  /** Never rejects. */
  run(): Promise<FailoverOutcome> {
    return new Promise((resolve) => {
      this.#end = resolve;
      this.#on({ kind: 'started' });
    });
  }

  /** The pooler's own health says that it has promised the ballot and leads no more. */
  leaderFenced(pooler: string): void {
    if (!this.#state.fenced.has(pooler)) this.#on({ kind: 'leaderFenced', pooler });
  }

  #on(event: EventBody): void {
    const [next, effects] = onFailoverEvent(this.#state, {
      ...event,
      nowMs: this.#parts.clock.nowMs(),
    });
    check(next, failoverInvariants);
    this.#state = next;
    for (const effect of effects) this.#start(effect);
  }

  #start(effect: FailoverEffect): void {
    switch (effect.kind) {
      case 'recruit':
        return void this.#recruit(effect.pooler);
      case 'wake':
        return this.#wake(effect.atMs);
      case 'promote':
        return void this.#promote(effect.pooler, effect.request);
      case 'setPrimary':
        return this.#parts.setPrimary(effect.pooler, effect.rule, effect.leader);
      case 'end':
        return this.#finish(effect.outcome);
    }
  }

  #wake(atMs: number): void {
    const { clock } = this.#parts;
    const timer = clock.after(Math.max(0, atMs - clock.nowMs()), () => {
      this.#timers.delete(timer);
      this.#on({ kind: 'timePassed' });
    });
    this.#timers.add(timer);
  }

  async #recruit(pooler: string): Promise<void> {
    const { shard, ballot } = this.#plan;
    try {
      const response = await this.#parts
        .member(pooler)
        .recruit({ shard, ballot }, { deadlineMs: this.#parts.recruitMs });
      const quietSinceMs = this.#parts.quietSinceMs(pooler, response.position?.flushedLsn ?? 0n);
      this.#on({ kind: 'recruited', pooler, response, quietSinceMs });
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.#on({ kind: 'notRecruited', pooler, reason: error.message, outbid: error.sqlstate === ballotBelowPromise });
    }
  }

  async #promote(pooler: string, request: PromoteRequest): Promise<void> {
    this.#endPhase('recruit');
    try {
      const { rule } = await this.#parts.member(pooler).promote(request, { deadlineMs: this.#parts.promoteMs });
      this.#endPhase('promote');
      this.#on({ kind: 'promoted', rule });
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.#on({ kind: 'notPromoted', reason: error.message });
    }
  }

  #endPhase(name: 'recruit' | 'promote'): void {
    const nowMs = this.#parts.clock.nowMs();
    this.#parts.phase(name, nowMs - this.#phaseMs);
    this.#phaseMs = nowMs;
  }

  #finish(outcome: FailoverOutcome): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#end(outcome);
  }
}
