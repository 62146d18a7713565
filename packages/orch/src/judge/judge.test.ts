import { DataState, MemberRole } from '@multigres/rpc';
import { describe, expect, it } from 'vitest';
import { ballotOf, memberOf, seen, snapshotOf, threeVoters } from '../testing/snapshots.ts';
import type { ObservedMember, ShardSnapshot } from '../observe/snapshot.ts';
import type { Finding } from './finding.ts';
import { judge } from './judge.ts';

const [a, b, c] = [seen('a'), seen('b'), seen('c')];
const silent = { heardMs: 98_000 };
const still = { received: { lsn: 100n, sinceMs: 98_000 } };
const down = { postgresUp: false, open: false };

function kinds(members: readonly ObservedMember[], more: Partial<ShardSnapshot> = {}): string[] {
  return judge(snapshotOf(members, more)).map(({ kind, subject }) => `${kind} ${subject}`.trim());
}

function finding(
  kind: string,
  members: readonly ObservedMember[],
  more: Partial<ShardSnapshot> = {},
): Finding | undefined {
  return judge(snapshotOf(members, more)).find((each) => each.kind === kind);
}

describe('a healthy shard', () => {
  it('is left alone', () => {
    expect(kinds([a, b, c])).toEqual([]);
  });

  it('is left alone though a question to Postgres was not answered in time: commits get through', () => {
    expect(kinds([seen('a', { postgresUp: false }), b, c])).toEqual([]);
  });
});

describe('a member whose Postgres does not start', () => {
  const position = { rule: threeVoters, decided: true, flushedLsn: 100n, leaderships: [{ ballot: ballotOf(1) }] };
  const leader = seen('a', { position });
  const dead = (notFollowingMs: number, more: { postgresUp?: boolean } = {}): ObservedMember =>
    seen('b', { role: MemberRole.IDLE, postgresUp: false, ...more }, { notFollowingMs });

  it('is told whom to follow, and made again when that has not helped for long', () => {
    expect(finding('notReplicating', [leader, dead(90_000), c])?.action?.kind).toBe('setPrimary');
    expect(finding('notReplicating', [leader, dead(70_000), c])?.action?.kind).toBe('rejoin');
  });

  it('is not made again while Postgres runs, nor while nobody has led for as long', () => {
    expect(finding('notReplicating', [leader, dead(70_000, { postgresUp: true }), c])?.action?.kind).toBe('setPrimary');
    const young = seen('a', { position }, { roleSinceMs: 99_000 });
    expect(finding('notReplicating', [young, dead(70_000), c])?.action?.kind).toBe('setPrimary');
  });
});

describe('a leader is lost', () => {
  it.each<[string, ObservedMember[], boolean]>([
    ['if its Postgres is down', [seen('a', down), b, c], true],
    ['if it leads no more', [seen('a', { role: MemberRole.IDLE, open: false }), b, c], true],
    [
      'if its data directory is another one',
      [seen('a', { member: memberOf('a', '00000000000000ff'), role: MemberRole.IDLE }), b, c],
      true,
    ],
    ['not while it is being recruited', [seen('a', { promise: { ballot: ballotOf(2) } }), b, c], false],
    ['not if it is silent and followers receive from it', [seen('a', {}, silent), b, seen('c', {}, still)], false],
    [
      'if it is silent and nobody receives anything',
      [seen('a', {}, silent), seen('b', {}, still), seen('c', {}, still)],
      true,
    ],
    [
      'not if its silence is young',
      [seen('a', {}, { heardMs: 99_000 }), seen('b', {}, still), seen('c', {}, still)],
      false,
    ],
    [
      'at once if nobody answers there and nobody streams',
      [seen('a', {}, { isGone: true }), ...['b', 'c'].map((cell) => seen(cell, { following: {} }))],
      true,
    ],
    ['not at once if somebody still streams', [seen('a', {}, { isGone: true }), b, c], false],
  ])('%s', (_what, members, expected) => {
    expect(kinds(members).includes('leaderLost')).toBe(expected);
  });

  it('not if we were not listening ourselves', () => {
    const members = [
      seen('a', {}, silent),
      seen('b', {}, { ...silent, ...still }),
      seen('c', {}, { ...silent, ...still }),
    ];
    expect(kinds(members, { listeningMs: 99_500 })).toEqual([]);
  });

  it('and replaced by the orchestrator whose turn it is, the one of its own cell last', () => {
    const afterMs = (cell: string): number | undefined =>
      finding('leaderLost', [seen('a', down), b, c], { self: ballotOf(0, cell).coordinator as ShardSnapshot['self'] })
        ?.afterMs;
    expect([afterMs('b'), afterMs('c'), afterMs('a')]).toEqual([0, 150, 300]);
  });

  it('and not replaced without a quorum: a ballot in vain only harms', () => {
    const members = [seen('a', down), seen('b', {}, silent), seen('c', {}, silent)];
    const lost = finding('leaderLost', [...members]);
    expect(lost?.action).toBeUndefined();
    expect(lost?.remedy).toMatch(/^Nothing can be done: a quorum cannot be reached: b\/b1/);
    // The pooler of a, though its Postgres is down, is somebody to be recruited.
    expect(finding('leaderLost', [seen('a', down), b, seen('c', {}, silent)])?.action).toBeDefined();
  });

  it('and left to another coordinator whose ballot is fresh', () => {
    const promise = { promise: { ballot: ballotOf(2, 'c') } };
    const members = (promisedMs: number): ObservedMember[] => [seen('a', down), b, seen('c', promise, { promisedMs })];
    expect(finding('leaderLost', members(99_000))?.action).toBeUndefined();
    expect(finding('leaderLost', members(90_000))?.action).toBeDefined();
  });

  it('with live rules in mind: a proposal that nobody marked as decided needs its own quorum', () => {
    const proposed = {
      ...threeVoters,
      number: { ...threeVoters.number, subterm: 1n },
      voters: [memberOf('a'), memberOf('b')],
    } as typeof threeVoters;
    const position = { rule: proposed, decided: false, outgoing: [threeVoters], flushedLsn: 101n };
    // b and c are a quorum of the old rule, and say nothing of what a may have decided without them.
    const lost = finding('leaderLost', [
      seen('a', { ...down, position }, silent),
      seen('b', {}, still),
      seen('c', {}, still),
    ]);
    expect(lost?.action).toBeUndefined();
  });
});

describe('a leader that lives', () => {
  it('is replaced by others if its commits are stalled and they could do better', () => {
    const stalled = (commitStalledMs: number): ObservedMember => seen('a', { commitStalledMs });
    const [stillB, stillC] = [seen('b', {}, still), seen('c', {}, still)];
    const replace = { kind: 'failover', avoid: 'a/a1' };
    expect(finding('leaderCannotCommit', [stalled(3_500), stillB, stillC])?.action).toMatchObject(replace);
    expect(finding('leaderCannotCommit', [stalled(3_500), stillB, seen('c', {}, silent)])?.action).toBeUndefined();
    expect(kinds([stalled(2_000), stillB, stillC])).toEqual([]);
  });

  it('is given more time while followers receive its log: they only have far to go', () => {
    expect(kinds([seen('a', { commitStalledMs: 14_000 }), b, seen('c', {}, still)])).toEqual([]);
    expect(kinds([seen('a', { commitStalledMs: 16_000 }), b, seen('c', {}, still)])).toEqual(['leaderCannotCommit']);
    const proposing = seen('a', { role: MemberRole.PROPOSING, open: false }, { roleSinceMs: 60_000 });
    expect(kinds([proposing, b, seen('c', {}, still)])).toEqual([]);
  });

  it('is replaced if it does not open for long, though it was leader for long', () => {
    const closed = (roleSinceMs: number): ObservedMember => seen('a', { open: false }, { roleSinceMs });
    expect(kinds([closed(95_000), b, c])).toEqual([]);
    expect(kinds([closed(80_000), b, c])).toEqual(['leaderCannotCommit']);
  });

  it('is replaced if it proposes for too long', () => {
    const proposing = seen('a', { role: MemberRole.PROPOSING, open: false }, { roleSinceMs: 90_000 });
    expect(kinds([proposing, seen('b', {}, still), seen('c', {}, still)])).toContain('proposalStuck');
    expect(kinds([seen('a', { role: MemberRole.PROPOSING, open: false }, { roleSinceMs: 99_000 }), b, c])).toEqual([]);
  });

  it('under an older rule is told who leads now', () => {
    const number = { ballot: ballotOf(2), subterm: 0n };
    const newer = { ...threeVoters, number, leader: memberOf('b') } as typeof threeVoters;
    const position = { rule: newer, decided: true, flushedLsn: 200n };
    const head = seen('b', {
      role: MemberRole.LEADER,
      open: true,
      leading: number,
      promise: { ballot: ballotOf(2) },
      position,
    });
    expect(finding('staleLeader', [a, head, c])?.action).toMatchObject({
      kind: 'setPrimary',
      pooler: 'a/a1',
      rule: number,
    });
  });
});

describe('a follower', () => {
  it('that is rewound, cloned or recruited at the moment is left alone', () => {
    expect(kinds([a, seen('b', { role: MemberRole.IDLE, busy: 'rejoin', following: {} }), c])).toEqual([]);
  });

  it('that has promised something higher is not pointed at a lower leader: it would refuse', () => {
    const stray = { role: MemberRole.IDLE, promise: { ballot: ballotOf(5) }, following: {} };
    expect(finding('notReplicating', [a, seen('b', stray), c])).toBeUndefined();
    expect(kinds([a, seen('b', stray), c])).toEqual(['promisedElsewhere']);
  });

  it('without data, or with a directory whose promises nobody knows, is cloned; not one of another major version', () => {
    const none = { data: DataState.NONE, postgresUp: false };
    const clone = { kind: 'rejoin', clone: true };
    const empty = seen('b', none);
    if (empty.status?.member !== undefined) delete empty.status.member.member;
    expect(finding('noData', [a, empty, c])?.action).toMatchObject(clone);
    const unknown = seen('b');
    if (unknown.status?.member !== undefined) delete unknown.status.member.member;
    expect(finding('noData', [a, unknown, c])?.action).toMatchObject(clone);
    const older = seen('b', none);
    if (older.status?.postgres !== undefined) older.status.postgres.versionNumber = 150_018;
    expect(kinds([a, older, c])).toContain('mixedMajors b/b1');
    expect(finding('mixedMajors', [a, older, c])?.action).toBeUndefined();
  });

  it('that was removed is left alone', () => {
    const members = [a, b, seen('c', { role: MemberRole.IDLE, following: {} })];
    const without = { ...threeVoters, voters: [memberOf('a'), memberOf('b')] } as typeof threeVoters;
    const position = { rule: without, decided: true, flushedLsn: 100n };
    const now = [
      seen('a', { position }),
      seen('b', { position }),
      ...members.slice(2).map((at) => ({ ...at, position: undefined })),
    ];
    expect(kinds(now, { removed: new Set(['c/c1']) })).toEqual([]);
    expect(kinds(now)).toContain('notReplicating c/c1');
  });
});
