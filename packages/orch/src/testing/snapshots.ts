import {
  create,
  DataState,
  MemberIdSchema,
  MemberRole,
  MemberStatusSchema,
  PoolerSchema,
  PoolerStatusSchema,
  RuleSchema,
  type Ballot,
  type MemberId,
  type MessageInitShape,
  type Rule,
} from '@multigres/rpc';
import { defaultOrchTuning } from '../config.ts';
import { poolerKey, type ObservedMember, type ShardSnapshot } from '../observe/snapshot.ts';
import { testShard } from './fake-member.ts';

type Init = MessageInitShape<typeof MemberStatusSchema>;

/** `memberOf('b')`: the member of cell b. */
export function memberOf(cell: string, incarnation = '000000000000000a'): MemberId {
  return create(MemberIdSchema, { pooler: { cell, name: `${cell}1` }, incarnation });
}

export function ballotOf(term: number, cell = 'a'): Ballot {
  return { term: BigInt(term), coordinator: { cell, name: `orch-${cell}` }, nonce: '0000000000000001' } as Ballot;
}

/** Three voters in three cells, two of which must have each commit; a leads. */
export const threeVoters: Rule = create(RuleSchema, {
  number: { ballot: ballotOf(1), subterm: 0n },
  leader: memberOf('a'),
  voters: [memberOf('a'), memberOf('b'), memberOf('c')],
  policy: { name: 'AT_LEAST_N', n: 2 },
});

const nowMs = 100_000;

/** What one pooler is seen to be: a healthy leader in cell a, healthy followers elsewhere, but for what is said otherwise. */
export function seen(cell: string, member: Init = {}, more: Partial<ObservedMember> = {}): ObservedMember {
  const id = { cell, name: `${cell}1` };
  const number = threeVoters.number;
  const following = { leader: memberOf('a'), streaming: true, joined: true, ...(number && { rule: number }) };
  const leading = { role: MemberRole.LEADER, open: true, ...(number && { leading: number }) };
  const position = { rule: threeVoters, decided: true, flushedLsn: 100n };
  const status = create(PoolerStatusSchema, {
    postgres: { versionNumber: 170_002 },
    member: create(MemberStatusSchema, {
      ...{ member: memberOf(cell), postgresUp: true, data: DataState.FINE, promise: { ballot: ballotOf(1) }, position },
      ...(cell === 'a' ? leading : { role: MemberRole.FOLLOWER, following }),
      ...member,
    } as Init),
  });
  const record = create(PoolerSchema, { id, shard: testShard });
  return {
    ...{ key: poolerKey(record.id), id: record.id as ObservedMember['id'], record, isRegistered: true, status },
    ...{ position: status.member?.position, heardMs: nowMs - 300, isGone: false, roleSinceMs: 0, promisedMs: 0 },
    ...{ received: { lsn: 100n, sinceMs: nowMs - 300 }, notFollowingMs: undefined },
    ...more,
  };
}

/** As the orchestrator of a cell sees the shard. */
export function snapshotOf(members: readonly ObservedMember[], more: Partial<ShardSnapshot> = {}): ShardSnapshot {
  const orchestrators = ['a', 'b', 'c'].map((cell) => ballotOf(0, cell).coordinator as ShardSnapshot['self']);
  return {
    ...{ nowMs, shard: testShard, self: orchestrators[1] as ShardSnapshot['self'], orchestrators },
    ...{ tuning: defaultOrchTuning, listeningMs: 0, policy: threeVoters.policy, cells: ['a', 'b', 'c'] },
    ...{ systemIdentifier: 7n, bootstrapPooler: undefined, removed: new Set<string>(), isTopologyConnected: true },
    ...{ members, wishes: new Map() },
    ...more,
  };
}
