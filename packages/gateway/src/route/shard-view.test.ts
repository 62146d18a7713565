import { create, MemberRole, PoolerStatusSchema, type PoolerStatus } from '@multigres/rpc';
import { describe, expect, it } from 'vitest';
import { rule } from '../testing/fake-pooler.ts';
import { poolerViews } from './pooler-views.ts';
import { emptyShard, seeShard, whyNoReads, whyNotLeader, type ShardEvent, type ShardView } from './shard-view.ts';

const limits = { replicaLagBytesMax: 100, replicaSilenceMsMax: 3000 };

interface Said {
  readonly role?: MemberRole;
  readonly open?: boolean;
  readonly term?: number;
  readonly subterm?: number;
  readonly decided?: boolean;
  readonly reads?: boolean;
  readonly streaming?: boolean;
  readonly replayed?: bigint;
  readonly durable?: bigint;
}

function status({ role = MemberRole.FOLLOWER, open = false, term = 1, subterm = 0, ...more }: Said): PoolerStatus {
  const { decided = true, reads = true, streaming = true, replayed = 0n, durable = 0n } = more;
  const position = { rule: { number: rule(term, subterm) }, decided };
  const following = { streaming, joined: true, replayedLsn: replayed };
  const member = { role, open, position, following, readsOpen: reads, durableLsn: durable };
  return create(PoolerStatusSchema, { member });
}

const leads = (term: number, subterm = 0, open = true): PoolerStatus =>
  status({ role: MemberRole.LEADER, open, term, subterm });
const heard = (name: string, said: PoolerStatus): ShardEvent => ({ kind: 'heard', name, status: said });

/** Of linked poolers, and then this. */
function saw(...events: readonly ShardEvent[]): ShardView {
  let view = emptyShard(0);
  for (const name of ['a', 'b', 'c']) {
    view = seeShard(view, { kind: 'listed', name, cell: name }, 0);
    view = seeShard(view, { kind: 'linked', name, up: true }, 0);
  }
  for (const [at, event] of events.entries()) view = seeShard(view, event, 1000 * (at + 1));
  return view;
}

describe('who leads', () => {
  it.each<readonly [string | undefined, string, readonly ShardEvent[]]>([
    [undefined, 'nobody was heard', []],
    ['b', 'it says so', [heard('b', leads(1))]],
    ['c', 'its rule is newer', [heard('b', leads(1)), heard('c', leads(2))]],
    ['c', 'its rule is newer, whoever was heard last', [heard('c', leads(2)), heard('b', leads(1))]],
    ['b', 'it has changed its own rule', [heard('b', leads(1, 1)), heard('b', leads(1, 2))]],
    [
      undefined,
      'the newest one has closed',
      [heard('b', leads(1)), heard('c', leads(2)), heard('c', leads(2, 0, false))],
    ],
    [undefined, 'a newer rule is decided', [heard('b', leads(1)), heard('c', status({ term: 2 }))]],
    ['b', 'a newer rule is only proposed', [heard('b', leads(1)), heard('c', status({ term: 2, decided: false }))]],
    [
      'b',
      'a follower knows of its next subterm first',
      [heard('b', leads(2)), heard('c', status({ term: 2, subterm: 1 }))],
    ],
    [undefined, 'the link is down', [heard('b', leads(1)), { kind: 'linked', name: 'b', up: false }]],
    [undefined, 'it has refused', [heard('b', leads(1)), { kind: 'refused', name: 'b' }]],
    ['b', 'it was heard again', [heard('b', leads(1)), { kind: 'refused', name: 'b' }, heard('b', leads(1))]],
    [undefined, 'it is gone', [heard('b', leads(1)), { kind: 'gone', name: 'b' }]],
    [
      'a',
      'there are no members, and it is the first',
      [heard('b', create(PoolerStatusSchema)), heard('a', create(PoolerStatusSchema))],
    ],
  ])('%s, because %s', (leader, _why, events) => {
    expect(saw(...events).leader).toBe(leader);
  });

  it('is known to be nobody since the leader was lost, however often that is heard', () => {
    const view = saw(heard('b', leads(1)), heard('b', leads(1, 0, false)), heard('b', leads(1, 0, false)));
    expect(view.leaderlessSinceMs).toBe(2000);
    expect(saw(heard('b', leads(1))).leaderlessSinceMs).toBeUndefined();
  });

  it('has a reason for everybody else', () => {
    const view = saw(heard('b', leads(2)), heard('c', status({ term: 2 })), heard('a', leads(1)));
    const reasons = [...view.poolers.values()].map((sight) => whyNotLeader(view, sight));
    expect(reasons).toEqual(['it leads by an older rule', '', 'it does not lead']);
  });
});

describe('who serves reads', () => {
  it.each<readonly [string, ShardEvent]>([
    ['', heard('b', status({ replayed: 900n }))],
    ['it is too far behind', heard('b', status({ replayed: 899n }))],
    ['it does not stream', heard('b', status({ replayed: 1000n, streaming: false }))],
    ['it serves no reads', heard('b', status({ replayed: 1000n, reads: false }))],
    ['it does not follow', heard('b', leads(2))],
    ['it has not said how it is', { kind: 'linked', name: 'b', up: true }],
    ['there is no connection to it', { kind: 'linked', name: 'b', up: false }],
  ])('%s', (reason, event) => {
    const sight = saw(event).poolers.get('b');
    expect(sight && whyNoReads(sight, 1000n, limits, 1500)).toBe(reason);
  });

  it('is nobody who was not heard for long', () => {
    const sight = saw(heard('b', status({}))).poolers.get('b');
    expect(sight && whyNoReads(sight, 0n, limits, 4001)).toBe('it has not been heard lately');
  });
});

it('the console shows each with rule, lag and reasons', () => {
  const view = saw(
    heard('a', status({ role: MemberRole.LEADER, open: true, term: 2, subterm: 3, durable: 500n })),
    heard('b', status({ term: 2, replayed: 450n })),
  );
  expect(poolerViews(view, () => 7, limits, 2500)).toMatchObject([
    { name: 'a', role: 'leader', rule: '2.3', isLeader: true, servesReads: false, channels: 7, silentMs: 1500 },
    { name: 'b', role: 'follower', rule: '2.0', isLeader: false, servesReads: true, lagBytes: 50, silentMs: 500 },
    { name: 'c', role: '', rule: '', isLeader: false, silentMs: undefined, reason: 'it has not said how it is' },
  ]);
});
