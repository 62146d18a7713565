import { fc, it } from '@fast-check/vitest';
import type { MemberId, Rule } from '@multigres/rpc';
import { describe, expect } from 'vitest';
import { isAmong, memberKey } from './member.ts';
import { isQuorum } from './policy.ts';
import { joiningName, jointNames, namesOfNobody, standbyName, synchronousNames } from './standby-names.ts';
import { ballot, member, rule, subsets } from './testing/words.ts';

const pool = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1', 'd1'];
const policy = fc.tuple(fc.constantFrom('AT_LEAST_N', 'MULTI_CELL_AT_LEAST_N'), fc.integer({ min: 1, max: 4 }));
const anyRule = fc
  .tuple(fc.subarray(pool, { minLength: 1 }), policy)
  .map(([voters, of]) => rule({ leader: voters[0] as string, voters, policy: of }));

function meetsAll(leader: MemberId, some: readonly MemberId[], rules: readonly Rule[]): boolean {
  return rules.every((each) => isQuorum(each.policy, [leader, ...some], each.voters));
}

/** As many as `count` of the members, in every way. */
function ofSize(count: number, members: readonly MemberId[]): MemberId[][] {
  return subsets(members).filter((some) => some.length === count);
}

describe('joint names', () => {
  it.prop([fc.array(anyRule, { minLength: 1, maxLength: 3 }), fc.constantFrom(...pool)])(
    'are the least number of which any, with the leader, are a quorum of every rule',
    (rules, name) => {
      const leader = member(name);
      const union = pool
        .map((each) => member(each))
        .filter((each) => rules.some(({ voters }) => isAmong(each, voters)));
      const others = union.filter((each) => memberKey(each) !== memberKey(leader));
      if (!meetsAll(leader, others, rules)) {
        expect(() => jointNames(leader, rules)).toThrow('cannot be met');
        return;
      }
      const { count, members } = jointNames(leader, rules);
      if (count > 0) expect(members.map(memberKey).toSorted()).toEqual(others.map(memberKey).toSorted());
      for (const some of ofSize(count, others)) expect(meetsAll(leader, some, rules)).toBe(true);
      if (count > 0) expect(ofSize(count - 1, others).every((some) => meetsAll(leader, some, rules))).toBe(false);
    },
  );

  it('are empty only where the leader alone is enough', () => {
    const alone = rule({ leader: 'a1', voters: ['a1', 'b1'], policy: ['AT_LEAST_N', 1] });
    expect(synchronousNames(jointNames(member('a1'), [alone]), ballot(1))).toBe('');
    expect(synchronousNames(jointNames(member('c1'), [alone]), ballot(1))).toMatch(/^ANY 1 \(mg_\S+, mg_\S+\)$/);
  });
});

describe('standby names', () => {
  const name = fc.string({ unit: 'binary', minLength: 1 });
  it.prop([name, name, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })])(
    'fit in PostgreSQL, unquoted, for any pooler',
    (cell, of, nonce) => {
      const strange = {
        ...member('a1'),
        pooler: { ...(member('a1').pooler as NonNullable<MemberId['pooler']>), cell, name: of },
      };
      const counted = standbyName(strange, ballot(1, nonce.toString(16)));
      expect(counted).toMatch(/^mg_[0-9a-f]{16}_[0-9a-f]{16}$/);
      expect(joiningName(strange)).toMatch(/^mg_[0-9a-f]{16}_join$/);
    },
  );

  it('tell members, incarnations and ballots apart, and never name nobody', () => {
    const names = [member('a1'), member('a2'), member('a1', '7')].flatMap((each) => [
      joiningName(each),
      standbyName(each, ballot(1, '1')),
      standbyName(each, ballot(2, '2')),
    ]);
    expect(new Set(names).size).toBe(9);
    for (const each of names) expect(namesOfNobody).not.toContain(each);
  });

  it('stay the same from version to version: a rolling upgrade must not lose its followers', () => {
    expect(standbyName(member('a1'), ballot(1, 'ab'))).toMatchInlineSnapshot(`"mg_de3b428691ca6161_00000000000000ab"`);
    expect(joiningName(member('a1'))).toMatchInlineSnapshot(`"mg_de3b428691ca6161_join"`);
  });

  it('need a nonce that Postgres can be told', () => {
    expect(() => standbyName(member('a1'), { ...ballot(1), nonce: "x', *" })).toThrow('is no nonce');
  });
});
