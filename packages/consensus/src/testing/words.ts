import { BallotSchema, create, LeadershipSchema, MemberIdSchema, PositionSchema, RuleSchema } from '@multigres/rpc';
import type { Ballot, Leadership, MemberId, MessageInitShape, Position, Rule } from '@multigres/rpc';

/** `member('a1')`: pooler 1 in cell a. */
export function member(name: string, incarnation = '0'): MemberId {
  return create(MemberIdSchema, {
    pooler: { cell: name.slice(0, 1), name },
    incarnation: incarnation.padStart(16, '0'),
  });
}

export function ballot(term: number, nonce = '0', coordinator = 'o1'): Ballot {
  const id = { cell: 'a', name: coordinator };
  return create(BallotSchema, { term: BigInt(term), coordinator: id, nonce: nonce.padStart(16, '0') });
}

export interface RuleWords {
  readonly term?: number;
  readonly subterm?: number;
  readonly leader: string;
  readonly voters: readonly string[];
  readonly learners?: readonly string[];
  readonly policy?: readonly [name: string, n: number];
}

export function rule({ term = 1, subterm = 0, leader, voters, learners = [], policy }: RuleWords): Rule {
  const [name, n] = policy ?? ['AT_LEAST_N', 2];
  return create(RuleSchema, {
    number: { ballot: ballot(term), subterm: BigInt(subterm) },
    leader: member(leader),
    voters: voters.map((each) => member(each)),
    learners: learners.map((each) => member(each)),
    policy: { name, n },
  });
}

export function position(
  newest: Rule,
  flushedLsn: number,
  more: MessageInitShape<typeof PositionSchema> = {},
): Position {
  return create(PositionSchema, { rule: newest, flushedLsn: BigInt(flushedLsn), decided: true, ...more });
}

export function leadership(term: number, timeline: number, startLsn: number, nonce = '0'): Leadership {
  return create(LeadershipSchema, { ballot: ballot(term, nonce), timeline, startLsn: BigInt(startLsn) });
}

/** Every subset, the empty one first. */
export function subsets<T>(items: readonly T[]): T[][] {
  return items.reduce<T[][]>((all, item) => [...all, ...all.map((some) => [...some, item])], [[]]);
}
