import { PgError } from '@multigres/core';
import {
  create,
  PolicySchema,
  RuleSchema,
  type ComponentIdMessage,
  type MemberId,
  type Policy,
  type Rule,
} from '@multigres/rpc';
import { isAmong, refusePolicy, sameMember } from '@multigres/consensus';
import { TopologyError, type Directory } from '@multigres/topology';
import { changeShard } from './act/bootstrap.ts';
import { bestSuccessor, canSucceed } from './act/successor.ts';
import {
  cannotJoin,
  failoverFailed,
  noLeader,
  noSuccessor,
  notBootstrapped,
  removesLeader,
  ruleHasChanged,
  stillJoining,
  topologyAway,
  underWay,
  unfitSuccessor,
  unknownPooler,
} from './errors.ts';
import { majorOf } from './judge/followers.ts';
import type { ShardKeeper } from './keeper/shard-keeper.ts';
import { isForeign, type Head, type ShardView } from './observe/shard-view.ts';
import { poolerKey, type ObservedMember } from './observe/snapshot.ts';

const joinMsMax = 600_000;

/** What people order. Each is refused with a PgError that says what to do, before anything is changed. */
export class Orders {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  async switchover(
    keeper: ShardKeeper,
    successor: ComponentIdMessage | undefined,
    drainMs: number,
  ): Promise<{ rule: Rule; pausedMs: number }> {
    const view = keeper.view();
    openHead(view);
    const next = successor === undefined ? bestSuccessor(view) : poolerAt(view, successor);
    if (next === undefined) throw noSuccessor();
    const why = canSucceed(view, next);
    if (why !== undefined) throw unfitSuccessor(next.key, why);
    const limitMs = drainMs === 0 ? view.tuning.drainMs : drainMs;
    const changed = await keeper.order('leader', `switchover to ${next.key}`, () =>
      keeper.changes.switchover(view, next.id, limitMs),
    );
    if (changed === undefined) throw underWay('another change of the leader');
    return changed;
  }

  async failover(keeper: ShardKeeper, successor: ComponentIdMessage | undefined): Promise<Rule | undefined> {
    const view = keeper.view();
    if (view.live.length === 0) throw notBootstrapped(view.shard);
    if (successor !== undefined) poolerAt(view, successor);
    const what = `failover${successor === undefined ? '' : ` to ${poolerKey(successor)}`}`;
    const outcome = await keeper.order('leader', what, async () => {
      // Somebody else than who leads now, unless it is named itself.
      const avoid = poolerKey(successor) === view.head?.at.key ? undefined : view.head?.at.key;
      const came = await keeper.changes.failover(view, { successor, avoid });
      if (came.kind !== 'led') throw failoverFailed(came.reason);
      return came;
    });
    if (outcome === undefined) throw underWay('another change of the leader');
    return outcome.rule;
  }

  async addMember(keeper: ShardKeeper, pooler: ComponentIdMessage | undefined, learner: boolean): Promise<Rule> {
    const view = keeper.view();
    const head = openHead(view);
    const at = poolerAt(view, pooler);
    refuseJoin(view, head, at);
    if (view.removed.has(at.key)) await this.#changeRemoved(view, at.id, false);
    keeper.observer.wishes.set(at.key, learner ? 'learner' : 'voter');
    const isDone = (now: ShardView): boolean => isIn(now, at.key, learner);
    const isIn_ = await keeper.until(isDone, joinMsMax);
    if (!isIn_) throw stillJoining(at.key);
    keeper.observer.wishes.delete(at.key);
    return keeper.view().live[0] as Rule;
  }

  async removeMember(keeper: ShardKeeper, pooler: ComponentIdMessage | undefined): Promise<Rule> {
    const view = keeper.view();
    const head = openHead(view);
    const key = poolerKey(pooler);
    const rule = view.live[0] as Rule;
    const isGone = (member: MemberId): boolean => poolerKey(member.pooler) === key;
    const isKnown = [...rule.voters, ...rule.learners].some(isGone) || view.members.some((at) => at.key === key);
    if (!isKnown || pooler === undefined) throw unknownPooler(key, view.shard);
    if (rule.voters.length === 1 && rule.voters.some(isGone)) {
      const refused = refusePolicy(create(RuleSchema, { ...rule, voters: [] }));
      if (refused !== undefined) throw refused;
    }
    if (head.at.key === key) throw removesLeader(key);
    const without = {
      voters: rule.voters.filter((member) => !isGone(member)),
      learners: rule.learners.filter((member) => !isGone(member)),
      policy: rule.policy,
    };
    const refused = refusePolicy(create(RuleSchema, { ...rule, ...without }));
    if (refused !== undefined) throw refused;
    keeper.observer.wishes.delete(key);
    await this.#changeRemoved(view, pooler, true);
    return this.#change(keeper, `remove ${key}`, (now) => ({
      voters: now.voters.filter((member) => !isGone(member)),
      learners: now.learners.filter((member) => !isGone(member)),
      policy: now.policy,
    }));
  }

  async setPolicy(keeper: ShardKeeper, policy: Policy | undefined): Promise<Rule> {
    const view = keeper.view();
    openHead(view);
    const rule = view.live[0] as Rule;
    const refused = refusePolicy(create(RuleSchema, { ...rule, policy: policy ?? create(PolicySchema) }));
    if (refused !== undefined) throw refused;
    await this.#changeShard(view, (record) =>
      policy === undefined ? record : { ...record, durabilityPolicy: policy },
    );
    const what = `policy ${policy?.name} ${policy?.n}`;
    return this.#change(keeper, what, ({ voters, learners }) => ({ voters, learners, policy }));
  }

  /** By the leader, from whatever rule is newest; once more if somebody changed it meanwhile. */
  async #change(
    keeper: ShardKeeper,
    what: string,
    next: (rule: Rule) => Pick<Rule, 'voters' | 'learners'> & { policy: Policy | undefined },
  ): Promise<Rule> {
    for (let attempt = 0; ; attempt++) {
      const view = keeper.view();
      const head = openHead(view);
      const rule = view.live[0] as Rule;
      const action = { leader: head.at.key, expected: rule.number ?? head.number, ...next(rule) };
      try {
        const changed = await keeper.order('rule', what, () => keeper.actor.updateRule(action, view));
        if (changed === undefined) throw underWay('another change of the rule');
        return changed.rule ?? rule;
      } catch (error) {
        if (!(error instanceof PgError) || error.sqlstate !== ruleHasChanged || attempt > 0) throw error;
        await keeper.until((now) => !sameNumber(now.live[0], rule), view.tuning.silenceMs);
      }
    }
  }

  #changeRemoved(view: ShardView, id: ComponentIdMessage, removed: boolean): Promise<void> {
    const key = poolerKey(id);
    return this.#changeShard(view, (record) => {
      const others = record.removedPoolers.filter((each) => poolerKey(each) !== key);
      return { ...record, removedPoolers: removed ? [...others, id] : others };
    });
  }

  async #changeShard(view: ShardView, change: Parameters<typeof changeShard>[2]): Promise<void> {
    try {
      await changeShard(this.#directory, view.shard, change);
    } catch (error) {
      throw error instanceof TopologyError ? topologyAway(error) : error;
    }
  }
}

function openHead(view: ShardView): Head {
  if (view.live.length === 0) throw notBootstrapped(view.shard);
  if (view.head?.isOpen !== true) throw noLeader(view.shard);
  return view.head;
}

function poolerAt(view: ShardView, id: ComponentIdMessage | undefined): ObservedMember {
  const key = poolerKey(id);
  const at = view.members.find((each) => each.key === key);
  if (at === undefined) throw unknownPooler(key, view.shard);
  return at;
}

function refuseJoin(view: ShardView, head: Head, at: ObservedMember): void {
  if (isForeign(at, view)) throw cannotJoin(at.key, 'It holds data of another Postgres cluster');
  const [own, leaders] = [majorOf(at), majorOf(head.at)];
  if (own !== 0 && leaders !== 0 && own !== leaders)
    throw cannotJoin(at.key, `Its Postgres is of version ${own}, the leader's of ${leaders}`);
}

function isIn(view: ShardView, key: string, learner: boolean): boolean {
  const [rule] = view.live;
  const member = view.members.find((at) => at.key === key)?.status?.member?.member;
  if (rule === undefined || member === undefined || view.live.length > 1) return false;
  return isAmong(member, rule.voters) || (learner && isAmong(member, rule.learners));
}

function sameNumber(a: Rule | undefined, b: Rule): boolean {
  return (
    a?.number !== undefined &&
    b.number !== undefined &&
    a.number.subterm === b.number.subterm &&
    sameMember(a.leader, b.leader)
  );
}
