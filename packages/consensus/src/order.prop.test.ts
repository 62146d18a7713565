import { fc, it } from '@fast-check/vitest';
import { create, RuleNumberSchema, type Ballot } from '@multigres/rpc';
import { describe, expect } from 'vitest';
import { compareBallots, compareRuleNumbers } from './order.ts';
import { ballot } from './testing/words.ts';

const few = fc.integer({ min: 0, max: 2 });
const anyBallot: fc.Arbitrary<Ballot | undefined> = fc.option(
  fc.tuple(few, few, few).map(([term, nonce, name]) => ballot(term, String(nonce), `o${name}`)),
  { nil: undefined },
);

describe('ballots', () => {
  it.prop([anyBallot, anyBallot, anyBallot])('are totally ordered', (a, b, c) => {
    expect(Math.sign(compareBallots(a, b))).toBe(-Math.sign(compareBallots(b, a)) + 0);
    if (compareBallots(a, b) <= 0 && compareBallots(b, c) <= 0) expect(compareBallots(a, c)).toBeLessThanOrEqual(0);
    expect(compareBallots(a, b) === 0).toBe(JSON.stringify(a, plain) === JSON.stringify(b, plain));
  });

  it.prop([anyBallot, anyBallot, few, few])('decide before subterms', (a, b, subtermA, subtermB) => {
    const number = (of: Ballot | undefined, subterm: number): Parameters<typeof compareRuleNumbers>[0] =>
      create(RuleNumberSchema, { ...(of && { ballot: of }), subterm: BigInt(subterm) });
    const byNumber = compareRuleNumbers(number(a, subtermA), number(b, subtermB));
    expect(Math.sign(byNumber)).toBe(Math.sign(compareBallots(a, b) || subtermA - subtermB));
  });

  it('of a higher term are newer, whatever the rest', () => {
    expect(compareBallots(ballot(10, '0', 'a'), ballot(9, 'f', 'z'))).toBeGreaterThan(0);
    expect(compareBallots(undefined, ballot(0))).toBeLessThan(0);
  });
});

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
