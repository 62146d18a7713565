import { create, PolicySchema, RuleSchema } from '@multigres/rpc';
import { describe, expect, it } from 'vitest';
import { isQuorum, policyKinds, refusePolicy, type PolicyKinds } from './policy.ts';
import { member, rule } from './testing/words.ts';

const members = (...names: readonly string[]): ReturnType<typeof member>[] => names.map((name) => member(name));
const voters = members('a1', 'a2', 'b1', 'c1');
const policy = (name: string, n: number): Parameters<typeof isQuorum>[0] => create(PolicySchema, { name, n });

describe('a quorum', () => {
  it.each([
    ['AT_LEAST_N', 2, ['a1'], false],
    ['AT_LEAST_N', 2, ['a1', 'a1'], false],
    ['AT_LEAST_N', 2, ['a1', 'x1'], false],
    ['AT_LEAST_N', 2, ['a1', 'a2'], true],
    ['AT_LEAST_N', 4, ['a1', 'a2', 'b1', 'c1'], true],
    ['MULTI_CELL_AT_LEAST_N', 2, ['a1', 'a2'], false],
    ['MULTI_CELL_AT_LEAST_N', 2, ['a1', 'b1'], true],
    ['MULTI_CELL_AT_LEAST_N', 3, ['a1', 'a2', 'b1'], false],
    ['MULTI_CELL_AT_LEAST_N', 3, ['a2', 'b1', 'c1'], true],
  ] as const)('of %s %i: %j is %s', (name, n, some, expected) => {
    expect(isQuorum(policy(name, n), members(...some), voters)).toBe(expected);
  });

  it('does not count another incarnation of a voter', () => {
    expect(isQuorum(policy('AT_LEAST_N', 2), [member('a1'), member('b1', '9')], voters)).toBe(false);
  });

  it('of an unknown policy is not guessed', () => {
    expect(() => isQuorum(policy('MOST', 2), voters, voters)).toThrow('durability policy "MOST" is not known');
    expect(() => isQuorum(policy('toString', 2), voters, voters)).toThrow('is not known');
    expect(() => isQuorum(undefined, voters, voters)).toThrow('is not known');
  });

  it('can be of a kind that is handed in', () => {
    const kinds: PolicyKinds = {
      ...policyKinds,
      ALL: {
        isQuorum: (_n, some) => some.length === voters.length,
        largestWithout: (_n, others) => others.length - 1,
      },
    };
    expect(isQuorum(policy('ALL', 1), voters, voters, kinds)).toBe(true);
    expect(isQuorum(policy('ALL', 1), voters.slice(1), voters, kinds)).toBe(false);
  });
});

describe('a rule is refused', () => {
  it.each([
    ['whose policy is unknown', { policy: ['MOST', 1] }, '0A000'],
    ['with a number of 0', { policy: ['AT_LEAST_N', 0] }, '22023'],
    ['without voters', { voters: [] }, '22023'],
    ['whose leader does not vote', { leader: 'c1' }, '22023'],
    ['that its cohort cannot meet', { policy: ['AT_LEAST_N', 3] }, '22023'],
    [
      'that needs more cells than there are',
      { policy: ['MULTI_CELL_AT_LEAST_N', 3], voters: ['a1', 'a2', 'b1'] },
      '22023',
    ],
    ['with a member that votes twice', { voters: ['a1', 'a1'] }, '22023'],
    ['with a member that votes and learns', { learners: ['b1'] }, '22023'],
  ] as const)('%s', (_what, words, state) => {
    const error = refusePolicy(rule({ leader: 'a1', voters: ['a1', 'b1'], ...words }));
    expect(error?.sqlstate).toBe(state);
    expect(error?.report.hint).toMatch(/\.$/);
  });

  it('with two incarnations of one pooler, which has one data directory', () => {
    const twice = create(RuleSchema, {
      ...rule({ leader: 'a1', voters: ['a1', 'b1'] }),
      learners: [member('b1', '7')],
    });
    expect(refusePolicy(twice)?.report.message).toContain('is named twice');
  });

  it('else not', () => {
    expect(refusePolicy(rule({ leader: 'a1', voters: ['a1'], policy: ['AT_LEAST_N', 1] }))).toBeUndefined();
    expect(refusePolicy(rule({ leader: 'a1', voters: ['a1', 'b1'], learners: ['c1'] }))).toBeUndefined();
  });
});
