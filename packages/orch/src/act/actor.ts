import { endpointMessage, endpointOf, type MemberId, type RuleNumber, type UpdateRuleResponse } from '@multigres/rpc';
import type { World } from '@multigres/core';
import type { Directory } from '@multigres/topology';
import { failoverFailed, unknownPooler } from '../errors.ts';
import type { Action } from '../judge/finding.ts';
import type { ShardObserver } from '../observe/shard-observer.ts';
import type { ShardView } from '../observe/shard-view.ts';
import type { ObservedMember } from '../observe/snapshot.ts';
import { poolerKey } from '../observe/snapshot.ts';
import type { OrchMetrics } from '../orch-metrics.ts';
import { bootstrapShard, recordBootstrap } from './bootstrap.ts';
import type { LeaderChanges } from './change-leader.ts';
import type { MemberCalls } from './member-calls.ts';

export interface ActorParts {
  readonly world: World;
  readonly directory: Directory;
  readonly calls: MemberCalls;
  readonly observer: ShardObserver;
  readonly changes: LeaderChanges;
  readonly metrics: OrchMetrics;
}

type ActionOf<K extends Action['kind']> = Extract<Action, { readonly kind: K }>;

/** Does what was judged. Each deed rejects with a PgError or a TopologyError, and answers how it came out, for people. */
export class Actor {
  readonly #parts: ActorParts;

  constructor(parts: ActorParts) {
    this.#parts = parts;
  }

  async act(action: Action, view: ShardView, sinceMs: number): Promise<string> {
    const { directory, changes } = this.#parts;
    switch (action.kind) {
      case 'bootstrap':
        await bootstrapShard(this.#parts, view, this.#at(action.pooler, view));
        return 'made';
      case 'recordBootstrap':
        await recordBootstrap(directory, view, action.systemIdentifier);
        return 'recorded';
      case 'failover':
        return this.#failover(action, view, sinceMs);
      case 'switchover':
        await changes.switchover(view, action.successor, view.tuning.drainMs);
        return `${poolerKey(action.successor)} leads`;
      case 'setPrimary':
        await this.setPrimary(action.pooler, action.rule, action.leader);
        return 'told';
      case 'rejoin':
        return this.#rejoin(action, view);
      case 'updateRule':
        await this.updateRule(action, view);
        return 'decided';
    }
  }

  async setPrimary(pooler: string, rule: RuleNumber, leader: MemberId): Promise<void> {
    const view = this.#parts.observer.snapshot();
    const request = { shard: view.shard, rule, leader, ...this.#postgresOf(leader) };
    await this.#member(pooler).setPrimary(request, { deadlineMs: view.tuning.setPrimaryMs });
  }

  updateRule(action: Omit<ActionOf<'updateRule'>, 'kind'>, view: ShardView): Promise<UpdateRuleResponse> {
    const { leader, expected, voters, learners, policy } = action;
    const request = {
      shard: view.shard,
      expected,
      voters: [...voters],
      learners: [...learners],
      ...(policy && { policy }),
    };
    return this.#member(leader).updateRule(request, { deadlineMs: view.tuning.updateRuleMs });
  }

  async #failover({ avoid }: ActionOf<'failover'>, view: ShardView, sinceMs: number): Promise<string> {
    const { world, changes, metrics } = this.#parts;
    const outcome = await changes.failover(view, { avoid });
    if (outcome.kind !== 'led') throw failoverFailed(outcome.reason);
    metrics.failoverTime.recordMs(world.clock.nowMs() - sinceMs);
    return `${poolerKey(outcome.leader.pooler)} leads`;
  }

  async #rejoin(action: ActionOf<'rejoin'>, view: ShardView): Promise<string> {
    const { pooler, incarnation, clone, rewindOnly, rule, leader, leaderships } = action;
    const request = {
      shard: view.shard,
      rule,
      leader,
      leaderships: [...leaderships],
      clone,
      rewindOnly,
      incarnation,
      ...this.#postgresOf(leader),
    };
    const { cloned } = await this.#member(pooler).rejoin(request, { deadlineMs: view.tuning.rejoinMs });
    return cloned ? 'cloned' : 'rewound';
  }

  #member(pooler: string): ReturnType<MemberCalls['member']> {
    return this.#parts.calls.member(pooler, this.#parts.observer.observed(pooler)?.record);
  }

  /** Where the leader's Postgres takes replication connections. */
  #postgresOf(leader: MemberId): { postgresEndpoint: ReturnType<typeof endpointMessage> } | Record<string, never> {
    const endpoint = endpointOf(this.#parts.observer.observed(poolerKey(leader.pooler))?.record.postgresEndpoint);
    return endpoint === undefined ? {} : { postgresEndpoint: endpointMessage(endpoint) };
  }

  #at(pooler: string, view: ShardView): ObservedMember {
    const at = view.members.find(({ key }) => key === pooler);
    if (at === undefined) throw unknownPooler(pooler, view.shard);
    return at;
  }
}
