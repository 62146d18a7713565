import { explainRegister, type RegisterOp } from '@multigres/history';
import { describe, expect, it } from 'vitest';
import { BallotOracle, PromiseOracle, type SeenBallot } from './ballots.ts';
import { ConsensusLedger } from './consensus-ledger.ts';
import { GhostOracle, type QuorumView } from './quorum-view.ts';

const never = Number.POSITIVE_INFINITY;
const write = (
  value: string,
  beganMs: number,
  endedMs: number,
  outcome: 'ok' | 'failed' | 'unknown' = 'ok',
): RegisterOp => ({
  kind: 'write',
  client: 'w',
  value,
  beganMs,
  endedMs,
  outcome,
});
const read = (value: string | undefined, beganMs: number, endedMs: number): RegisterOp => ({
  kind: 'read',
  client: 'r',
  value,
  beganMs,
  endedMs,
});

describe('linearizability of a key', () => {
  it.each<[string, RegisterOp[]]>([
    ['nothing at all', []],
    ['a write and a read after it', [write('a', 0, 1), read('a', 2, 3)]],
    ['nothing there before the first write', [read(undefined, 0, 1), write('a', 2, 3)]],
    ['a read that overlaps a write and misses it', [write('a', 0, 5), read(undefined, 1, 2)]],
    ['a read that overlaps a write and sees it', [write('a', 0, 5), read('a', 1, 2)]],
    [
      'two writes at once, seen in either order',
      [write('a', 0, 5), write('b', 0, 5), read('b', 6, 7), read('b', 8, 9)],
    ],
    ['a refused write that is not there', [write('a', 0, 1), write('b', 2, 3, 'failed'), read('a', 4, 5)]],
    ['an unknown write that is never seen', [write('a', 0, 1), write('b', 2, 3, 'unknown'), read('a', 4, 5)]],
    [
      'an unknown write that is seen later',
      [write('a', 0, 1), write('b', 2, 3, 'unknown'), read('a', 4, 5), read('b', 6, 7)],
    ],
    [
      'an unknown write that takes effect after a later write',
      [write('a', 0, 1, 'unknown'), write('b', 2, 3), read('b', 4, 5), read('a', 6, 7)],
    ],
    ['a write that nobody has answered', [write('a', 0, never, 'unknown'), read(undefined, 1, 2), read('a', 100, 101)]],
    [
      'many unknown writes that nobody saw',
      [
        ...Array.from({ length: 200 }, (_, i) => write(`u${i}`, i, i + 1, 'unknown')),
        write('a', 300, 301),
        read('a', 302, 303),
      ],
    ],
  ])('lets pass: %s', (_, history) => {
    expect(explainRegister('k', history)).toBeUndefined();
  });

  it.each<[string, RegisterOp[], string]>([
    ['a lost write', [write('a', 0, 1), read(undefined, 2, 3)], 'read nothing'],
    ['a stale read', [write('a', 0, 1), write('b', 2, 3), read('a', 4, 5)], 'read a'],
    ['a read that goes back', [write('a', 0, 1), write('b', 2, 20), read('b', 3, 4), read('a', 5, 6)], 'read a'],
    ['a refused write that is there', [write('a', 0, 1, 'failed'), read('a', 2, 3)], 'told is not written'],
    ['a value that nobody wrote', [read('ghost', 0, 1)], 'which nobody wrote'],
    [
      'an unknown write seen and then gone',
      [write('a', 0, 1), write('b', 2, 3, 'unknown'), read('b', 4, 5), read('a', 6, 7)],
      'read a',
    ],
    ['an unknown write seen before it began', [read('a', 0, 1), write('a', 2, 3, 'unknown')], 'read a'],
    [
      'two readers who disagree about the order',
      [write('a', 0, 10), write('b', 0, 10), read('a', 11, 12), read('b', 13, 14)],
      'read b',
    ],
  ])('sees: %s', (_, history, words) => {
    expect(explainRegister('k', history)).toContain(words);
  });
});

describe('the ledger of consensus', () => {
  it('misses nothing on a log that has everything, and names what is missing', () => {
    const ledger = new ConsensusLedger();
    ledger.acknowledged('k1', 'user-1', 10);
    ledger.acknowledged('k2', 'user-2', 11);
    expect(ledger.promoted({ member: 'b', has: () => true })).toEqual([]);
    expect(ledger.promoted({ member: 'b', has: (key) => key === 'k1' })).toEqual([
      'b becomes leader without k2, which was acknowledged to user-2 at 11.0 ms',
    ]);
  });

  it('lets a record be decided again, and no other in its place', () => {
    const ledger = new ConsensusLedger();
    expect(ledger.decided(100n, 'k1', 'a')).toBeUndefined();
    expect(ledger.decided(100n, 'k1', 'b')).toBeUndefined();
    expect(ledger.decided(120n, 'k2', 'b')).toBeUndefined();
    expect(ledger.decided(100n, 'k3', 'b')).toContain('decided twice');
  });
});

describe('promises and ballots', () => {
  const ballot = (term: bigint, coordinator = 'c1/o1', nonce = '00'): SeenBallot => ({ term, coordinator, nonce });

  it('only grow, in the order of term, coordinator, nonce', () => {
    const oracle = new PromiseOracle();
    let nowMs = 0;
    const heard = (member: string, seen: SeenBallot): string | undefined => {
      nowMs += 10;
      return oracle.heard(member, seen, nowMs, nowMs + 5);
    };
    expect(heard('a', ballot(1n))).toBeUndefined();
    expect(heard('a', ballot(1n))).toBeUndefined();
    expect(heard('a', ballot(1n, 'c2/o1'))).toBeUndefined();
    expect(heard('a', ballot(1n, 'c2/o1', '01'))).toBeUndefined();
    expect(heard('b', ballot(1n))).toBeUndefined();
    expect(heard('a', ballot(1n))).toContain('after it had promised 1/c2/o1');
    expect(heard('a', ballot(10n))).toBeUndefined();
    expect(heard('a', ballot(9n))).toContain('a promises 9');
  });

  it('bind only what is asked after they were heard', () => {
    const oracle = new PromiseOracle();
    expect(oracle.heard('a', ballot(2n), 0, 10)).toBeUndefined();
    expect(oracle.heard('a', ballot(1n), 5, 12)).toBeUndefined();
    expect(oracle.heard('a', ballot(1n), 11, 20)).toContain('a promises 1');
  });

  it('are a storm when there are many', () => {
    const oracle = new BallotOracle();
    for (let term = 1n; term <= 5n; term++) oracle.heard(ballot(term), Number(term) * 100);
    oracle.heard(ballot(5n), 900);
    expect(oracle.storm(300, 3)).toBeUndefined();
    expect(oracle.storm(300, 2)).toBe('3 ballots after 300 ms, when at most 2 were to be expected');
  });
});

describe('the oracle of ghosts', () => {
  const view = (...holders: string[]): QuorumView => ({
    voters: ['a', 'b', 'c'],
    least: 2,
    has: (voter) => holders.includes(voter),
  });

  it('lets what a quorum has be seen, now and later', () => {
    const oracle = new GhostOracle();
    expect(oracle.read('k', 'user-1', view('a', 'c'))).toBeUndefined();
    expect(oracle.read('k', 'user-1', view('a'))).toBeUndefined();
  });

  it.each([
    [view('a'), 'only a has'],
    [view(), 'nobody has'],
  ])('sees what may still be lost', (few, words) => {
    expect(new GhostOracle().read('k', 'user-1', few)).toContain(words);
  });
});
