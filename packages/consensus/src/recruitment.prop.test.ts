import { fc, it } from '@fast-check/vitest';
import type { MemberId, Rule } from '@multigres/rpc';
import { describe, expect } from 'vitest';
import { isAmong, memberKey } from './member.ts';
import { isQuorum } from './policy.ts';
import { comparePositions, isSameRule, liveRules } from './position.ts';
import { choose, intersectsEveryQuorum, isEnough, type Recruited } from './recruitment.ts';
import { jointNames } from './standby-names.ts';
import { member, position, rule, subsets } from './testing/words.ts';

const pool = ['a1', 'a2', 'b1', 'b2', 'c1', 'd1'];
const policy = fc.tuple(fc.constantFrom('AT_LEAST_N', 'MULTI_CELL_AT_LEAST_N'), fc.integer({ min: 1, max: 4 }));
const anyRule = fc
  .tuple(fc.shuffledSubarray(pool, { minLength: 1 }), policy)
  .map(([voters, of]) => rule({ leader: voters[0] as string, voters, policy: of }));

/** Each set that can commit something: under the rule itself, or the rule of a rival coordinator that builds on it, whoever leads there. */
function committing({ voters, policy: of }: Rule): MemberId[][] {
  return subsets(voters).filter((some) => isQuorum(of, some, voters));
}

describe('recruited members', () => {
  it.prop([anyRule, fc.subarray(pool)])(
    'intersect every quorum exactly if no set that could commit is without them',
    (of, names) => {
      const recruited = names.map((name) => member(name));
      const missed = committing(of).filter((some) => !some.some((each) => isAmong(each, recruited)));
      expect(intersectsEveryQuorum(recruited, of)).toBe(missed.length === 0);
    },
  );

  it('of another incarnation stand for nobody', () => {
    const of = rule({ leader: 'a1', voters: ['a1', 'b1', 'c1'] });
    expect(intersectsEveryQuorum([member('b1'), member('c1', '7')], of)).toBe(false);
    expect(intersectsEveryQuorum([member('a1', '7')], of)).toBe(false);
  });

  it('are not enough while an undecided rule has a quorum without them', () => {
    const before = rule({ term: 1, leader: 'a1', voters: ['a1', 'b1', 'c1'] });
    const proposed = rule({ term: 2, leader: 'b1', voters: ['b1', 'd1', 'd2'] });
    const c1 = { member: member('c1'), position: position(proposed, 10, { decided: false, outgoing: [before] }) };
    const a1 = { member: member('a1'), position: position(before, 10) };
    expect(isEnough([a1, c1])).toBe(false);
    expect(isEnough([a1])).toBe(false);
    expect(isEnough([a1, { member: member('b1'), position: position(before, 10) }])).toBe(true);
    expect(isEnough([a1, c1, { member: member('d1'), position: position(before, 1) }])).toBe(false);
    const b1 = { member: member('b1'), position: position(proposed, 11, { decided: false, outgoing: [before] }) };
    expect(isEnough([a1, b1])).toBe(false);
    const d1 = { member: member('d1'), position: position(before, 1) };
    expect(isEnough([a1, b1, d1])).toBe(true);
    expect(isEnough([b1, d1])).toBe(false);
  });

  it('are not enough for being the leader: a rival may be deciding its rule with all others', () => {
    const of = rule({ leader: 'a1', voters: ['a1', 'b1', 'c1'] });
    expect(intersectsEveryQuorum([member('a1')], of)).toBe(false);
    expect(intersectsEveryQuorum([member('a1'), member('b1')], of)).toBe(true);
  });

  it('are not enough while a rule may live that was undecided two proposals ago', () => {
    const first = rule({ term: 1, leader: 'a1', voters: ['a1', 'b1', 'c1'] });
    const smaller = rule({ term: 1, subterm: 1, leader: 'a1', voters: ['a1', 'b1'] });
    const third = rule({ term: 2, leader: 'b1', voters: ['a1', 'b1'] });
    const b1 = { member: member('b1'), position: position(third, 9, { decided: false, outgoing: [smaller, first] }) };
    expect(isEnough([b1])).toBe(false);
  });

  it('without any rule are never enough', () => {
    expect(isEnough([])).toBe(false);
    expect(
      isEnough([
        { member: member('a1'), position: position(rule({ leader: 'a1', voters: ['a1'] }), 1, { rule: undefined }) },
      ]),
    ).toBe(false);
  });
});

describe('the chosen member', () => {
  const world = fc.record({
    before: fc.shuffledSubarray(pool, { minLength: 1 }),
    after: fc.shuffledSubarray(pool, { minLength: 1 }),
    policies: fc.tuple(policy, policy),
    lsns: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 6, maxLength: 6 }),
    recruited: fc.subarray(pool),
    isDecided: fc.boolean(),
  });

  it.prop([world])('has everything that was acknowledged, whatever the rules, and whoever was recruited', (drawn) => {
    const rules = drawnRules(drawn);
    if (rules === undefined) return;
    const [before, proposed] = rules;
    // One history: the rule's row is at 10. A member's log is as long as was drawn.
    const logs = new Map(pool.map((name, at) => [memberKey(member(name)), drawn.lsns[at] as number]));
    const lengthOf = (each: MemberId): number => logs.get(memberKey(each)) as number;
    // Nothing is decided, or marked so, that a quorum does not have.
    const acknowledged = acknowledgedUpTo(lengthOf, before, proposed);
    const isMarked = drawn.isDecided && acknowledged > 10;
    const answers: Recruited[] = drawn.recruited.map((name) => {
      const lsn = lengthOf(member(name));
      const decided = isMarked && lsn > 10;
      const at = lsn >= 10 ? position(proposed, lsn, { decided, outgoing: [before] }) : position(before, lsn);
      return { member: member(name), position: at };
    });
    const choice = choose(answers);
    expect(choice === undefined).toBe(!isEnough(answers));
    if (choice === undefined) return;
    expect(lengthOf(choice.chosen.member)).toBeGreaterThanOrEqual(acknowledged);
    expect(isAmong(choice.chosen.member, choice.voters)).toBe(true);
    expect(choice.outgoing.map(({ number }) => number)).toEqual(
      liveRules(answers.map((answer) => answer.position)).map(({ number }) => number),
    );
    const rivals = answers.filter(
      (answer) =>
        isAmong(answer.member, choice.voters) &&
        isSameRule(answer.position.rule?.number, choice.chosen.position.rule?.number),
    );
    if (choice.outgoing.some(({ voters }) => isAmong(choice.chosen.member, voters)))
      for (const rival of rivals)
        if (choice.outgoing.some(({ voters }) => isAmong(rival.member, voters)))
          expect(comparePositions(rival.position, choice.chosen.position)).toBeLessThanOrEqual(0);
  });

  function drawnRules(drawn: {
    before: string[];
    after: string[];
    policies: [[string, number], [string, number]];
  }): [Rule, Rule] | undefined {
    const leader = drawn.before[0] as string;
    const before = rule({ leader, voters: drawn.before, policy: drawn.policies[0] });
    const proposed = rule({
      leader,
      subterm: 1,
      voters: [...new Set([leader, ...drawn.after])],
      policy: drawn.policies[1],
    });
    const isMet = [before, proposed].every(({ policy: of, voters }) => isQuorum(of, voters, voters));
    return isMet ? [before, proposed] : undefined;
  }

  /** The end of what the leader may have acknowledged: before the row by the one rule, from there on jointly. */
  function acknowledgedUpTo(lengthOf: (each: MemberId) => number, before: Rule, proposed: Rule): number {
    const leader = before.leader as MemberId;
    const reached = (lsn: number, rules: readonly Rule[]): boolean => {
      if (lengthOf(leader) < lsn) return false;
      const { count, members } = jointNames(leader, rules);
      return count === 0 || members.filter((each) => lengthOf(each) >= lsn).length >= count;
    };
    let end = 0;
    for (let lsn = 1; lsn <= 20; lsn++) if (reached(lsn, lsn < 10 ? [before] : [before, proposed])) end = lsn;
    return end;
  }

  const three = rule({ leader: 'a1', voters: ['a1', 'b1', 'c1'] });
  const at = (name: string, lsn: number): Recruited => ({ member: member(name), position: position(three, lsn) });

  it('is the most advanced: by rule first, then by log, not by who answered first or is preferred', () => {
    expect(choose([at('b1', 5), at('c1', 6)], { cell: 'b' })?.chosen.member.pooler?.name).toBe('c1');
    const newer = rule({ term: 2, leader: 'b1', voters: ['a1', 'b1', 'c1'] });
    const b1 = { member: member('b1'), position: position(newer, 1) };
    expect(choose([at('a1', 50), b1, at('c1', 50)])?.chosen.member.pooler?.name).toBe('b1');
  });

  it('among equals is of the preferred cell, then of the smaller name', () => {
    expect(choose([at('b1', 5), at('c1', 5)], { cell: 'c' })?.chosen.member.pooler?.name).toBe('c1');
    expect(choose([at('c1', 5), at('b1', 5)])?.chosen.member.pooler?.name).toBe('b1');
  });

  it('is the wanted successor only if it has all that was acknowledged', () => {
    const successor = member('b1').pooler as NonNullable<MemberId['pooler']>;
    const chosen = (acknowledgedLsn?: bigint): string | undefined =>
      choose([at('b1', 5), at('c1', 6)], { successor, ...(acknowledgedLsn !== undefined && { acknowledgedLsn }) })
        ?.chosen.member.pooler?.name;
    expect(chosen()).toBe('c1');
    expect(chosen(6n)).toBe('c1');
    expect(chosen(5n)).toBe('b1');
  });

  it('among voters is preferred to a learner with a longer log', () => {
    const learner = { member: member('d1'), position: position(three, 9) };
    expect(choose([at('b1', 5), at('c1', 4), learner])?.chosen.member.pooler?.name).toBe('b1');
  });

  it('is the learner, and votes from then on, where nobody else has the newest rule', () => {
    const proposed = rule({ subterm: 1, leader: 'a1', voters: ['a1', 'b1'], learners: ['d1'] });
    const learner = { member: member('d1'), position: position(proposed, 9, { decided: false, outgoing: [three] }) };
    const choice = choose([at('b1', 8), at('c1', 8), learner]);
    expect(choice?.chosen.member.pooler?.name).toBe('d1');
    expect(choice?.voters.map(({ pooler }) => pooler?.name)).toEqual(['a1', 'b1', 'd1']);
    expect(choice?.learners).toEqual([]);
    expect(choice?.outgoing.map(({ number }) => number?.subterm)).toEqual([1n, 0n]);
  });
});
