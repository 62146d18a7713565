import {
  BallotSchema,
  create,
  MemberIdSchema,
  PositionSchema,
  RuleSchema,
  SetPrimaryRequestSchema,
  type Ballot,
  type MemberId,
} from '@multigres/rpc';
import { expect, it } from 'vitest';
import { whyNoReads } from './follower-reads.ts';
import type { Sight } from './member-sight.ts';
import { initialMember, type MemberState, type Order } from './member.machine.ts';
import { noRules } from './rule-table.ts';

const id = (name: string): MemberId => create(MemberIdSchema, { pooler: { cell: 'c', name }, incarnation: '1' });
const ballot = (term: number): Ballot => create(BallotSchema, { term: BigInt(term) });
const [self, leader, third] = [id('self'), id('leader'), id('third')];
const following = create(SetPrimaryRequestSchema, { rule: { ballot: ballot(2), subterm: 0n }, leader });
const state: MemberState = { ...initialMember, self, role: { kind: 'follower', of: following, counted: true } };

function sees(more: {
  readonly n?: number;
  readonly term?: number;
  readonly decided?: boolean;
  readonly voters?: MemberId[];
}): Sight {
  const { n = 2, term = 2, decided = true, voters = [leader, self, third] } = more;
  const number = { ballot: ballot(term), subterm: 0n };
  const rule = create(RuleSchema, { number, leader, voters, policy: { name: 'AT_LEAST_N', n } });
  const position = create(PositionSchema, { rule, decided });
  const nothing = { history: noRules, rulesKey: '', streaming: true, receivedLsn: 0n, replayedLsn: 0n };
  return { ...nothing, atMs: 0, up: true, inRecovery: true, position };
}

function doing(kind: Order['kind']): MemberState {
  const order = { kind, ballot: ballot(2), request: following } as Order;
  return { ...state, deed: { id: 1, order, calls: [] } };
}

it('reads are served where the leader and this follower are a quorum by themselves, and the rule is decided', () => {
  expect(whyNoReads(state, sees({}))).toBe('');
  expect(whyNoReads(state, sees({ n: 1 }))).toBe('');
  expect(whyNoReads(doing('join'), sees({}))).toBe('');
});

it.each<readonly [string, MemberState, Sight | undefined]>([
  ['to follow', initialMember, sees({})],
  ['to recruit', doing('recruit'), sees({})],
  ['to rejoin', doing('rejoin'), sees({})],
  ['as a standby', state, undefined],
  ['as a standby', state, { ...sees({}), inRecovery: false }],
  ['has not joined', { ...state, role: { kind: 'follower', of: following, counted: false } }, sees({})],
  ['has not joined', state, sees({ term: 1 })],
  ['not decided', state, sees({ decided: false })],
  ['quorum', state, sees({ n: 3 })],
  ['quorum', state, sees({ voters: [leader, third] })],
])('and else they are not: %s', (reason, member, sight) => {
  expect(whyNoReads(member, sight)).toContain(reason.replace('to follow', 'not follow').replace(/^to /, 'about to '));
});
