import { fc, it as property } from '@fast-check/vitest';
import { check } from '@multigres/core';
import {
  BallotSchema,
  create,
  MemberIdSchema,
  PositionSchema,
  RecruitResponseSchema,
  RuleSchema,
  ShardKeySchema,
  type Ballot,
  type MemberId,
  type MessageInitShape,
  type RecruitResponse,
  type Rule,
} from '@multigres/rpc';
import { describe, expect, it } from 'vitest';
import {
  beginFailover,
  failoverInvariants,
  onFailoverEvent,
  type Failover,
  type FailoverEffect,
  type FailoverEvent,
  type FailoverPlan,
} from './failover.machine.ts';

const member = (name: string): MemberId =>
  create(MemberIdSchema, { pooler: { cell: 'z', name }, incarnation: '000000000000000a' });
const ballot = (term: number): Ballot =>
  create(BallotSchema, { term: BigInt(term), coordinator: { cell: 'z', name: 'o' }, nonce: '0000000000000001' });
const ruleOf = (leader: string, voters: readonly string[], n = 2): Rule =>
  create(RuleSchema, {
    number: { ballot: ballot(1), subterm: 0n },
    leader: member(leader),
    voters: voters.map((each) => member(each)),
    policy: { name: 'AT_LEAST_N', n },
  });

const three = ruleOf('a', ['a', 'b', 'c']);
const plan: FailoverPlan = {
  shard: create(ShardKeySchema, { database: 'app', tableGroup: 'default', shard: '0' }),
  ballot: ballot(2),
  ask: ['z/a', 'z/b', 'z/c'],
  quick: new Set(['z/b', 'z/c']),
  heard: new Set(['z/b', 'z/c']),
  preference: {},
  avoid: undefined,
  graceMs: 50,
  fenceGraceMs: 250,
  leaseMs: 1_100,
  recruitUntilMs: 5_000,
};

function answer(
  name: string,
  lsn: number,
  more: MessageInitShape<typeof PositionSchema> = {},
  to: Ballot = ballot(2),
): RecruitResponse {
  const position = create(PositionSchema, { rule: three, decided: true, flushedLsn: BigInt(lsn), ...more });
  return create(RecruitResponseSchema, { member: member(name), promise: { ballot: to }, position });
}

type Told = FailoverEvent extends infer E ? (E extends unknown ? Omit<E, 'nowMs'> & { nowMs?: number } : never) : never;

/** Runs events through the machine; answers the last state and the effects of each step. */
function run(of: Partial<FailoverPlan>, ...events: readonly Told[]): [Failover, FailoverEffect[][]] {
  let state = beginFailover({ ...plan, ...of });
  const all: FailoverEffect[][] = [];
  for (const event of [{ kind: 'started' } as const, ...events]) {
    const [next, effects] = onFailoverEvent(state, { nowMs: 0, ...event });
    check(next, failoverInvariants);
    state = next;
    all.push([...effects]);
  }
  return [state, all];
}

const recruited = (name: string, lsn: number, nowMs = 0, quietSinceMs = nowMs): Told => ({
  kind: 'recruited',
  pooler: `z/${name}`,
  response: answer(name, lsn),
  quietSinceMs,
  nowMs,
});
const said = (effects: readonly FailoverEffect[] | undefined): string[] =>
  (effects ?? []).map((effect) => {
    switch (effect.kind) {
      case 'wake':
        return `wake ${effect.atMs}`;
      case 'end':
        return `end ${effect.outcome.kind}`;
      default:
        return `${effect.kind} ${effect.pooler}`;
    }
  });
const fenced: Told = { kind: 'leaderFenced', pooler: 'z/a' };

describe('a failover', () => {
  it('asks everybody at once', () => {
    const [, [first]] = run({});
    expect(said(first)).toEqual(['recruit z/a', 'recruit z/b', 'recruit z/c', 'wake 4950', 'wake 5000']);
  });

  it('goes on when it has enough, without waiting for the old leader', () => {
    const [state, steps] = run({}, fenced, recruited('b', 10), recruited('c', 9));
    expect(state.kind).toBe('promoting');
    expect(said(steps.at(-1))).toEqual(['promote z/b', 'setPrimary z/c']);
  });

  it('waits a moment for a better choice where one should come, and not longer', () => {
    const wide = { ask: ['z/a', 'z/b', 'z/c', 'z/d'], quick: new Set(['z/b', 'z/c', 'z/d']) };
    const four = ruleOf('a', ['a', 'b', 'c', 'd'], 3);
    const of = (name: string, lsn: number, nowMs: number): Told => ({
      kind: 'recruited',
      pooler: `z/${name}`,
      response: answer(name, lsn, { rule: four }),
      quietSinceMs: nowMs,
      nowMs,
    });
    const [, steps] = run(wide, fenced, of('b', 10, 0), of('c', 9, 1));
    expect(said(steps.at(-1))).toEqual(['wake 51']);
    const [, better] = run(wide, fenced, of('b', 10, 0), of('c', 9, 1), of('d', 12, 20));
    expect(said(better.at(-1))[0]).toBe('promote z/d');
    const [, late] = run(wide, fenced, of('b', 10, 0), of('c', 9, 1), { kind: 'timePassed', nowMs: 51 });
    expect(said(late.at(-1))[0]).toBe('promote z/b');
  });

  it('is not content with the less advanced one because it answered first', () => {
    const [, steps] = run({}, fenced, recruited('c', 9), recruited('b', 10));
    expect(said(steps.at(-1))[0]).toBe('promote z/b');
  });

  it('does not begin with the old leader alone, or with one follower', () => {
    expect(run({}, recruited('a', 10))[0].kind).toBe('recruiting');
    expect(run({}, recruited('b', 10))[0].kind).toBe('recruiting');
  });

  it('asks members of rules that it learns of', () => {
    const wider = ruleOf('b', ['b', 'c', 'e']);
    const response = answer('b', 10, { rule: wider, decided: false, outgoing: [three] });
    const [, steps] = run({}, { kind: 'recruited', pooler: 'z/b', response, quietSinceMs: 0 });
    expect(said(steps.at(-1))).toEqual(['recruit z/e']);
  });

  it('gives up as soon as nobody else can come', () => {
    const not = (pooler: string): Told => ({ kind: 'notRecruited', pooler, reason: 'gone', outbid: false });
    const [state, steps] = run({}, recruited('b', 10), not('z/a'), not('z/c'));
    expect(state.kind).toBe('ended');
    expect(steps.at(-1)).toMatchObject([
      { kind: 'end', outcome: { kind: 'notEnough', reason: /z\/a: gone; z\/c: gone/ } },
    ]);
  });

  it('gives up when its time is over', () => {
    expect(run({}, recruited('b', 10), { kind: 'timePassed', nowMs: 5_000 })[0].kind).toBe('ended');
  });

  it('gives way to a higher ballot', () => {
    const [, steps] = run({}, { kind: 'notRecruited', pooler: 'z/b', reason: 'below', outbid: true });
    expect(said(steps.at(-1))).toEqual(['end outbid']);
  });

  it('counts no answer to another ballot', () => {
    const stray: Told = { kind: 'recruited', pooler: 'z/b', response: answer('b', 99, {}, ballot(1)), quietSinceMs: 0 };
    const [state] = run({}, stray, recruited('c', 9));
    expect(state.kind).toBe('recruiting');
  });

  it('points those who answer late at the new leader', () => {
    const [, steps] = run({}, fenced, recruited('b', 10), recruited('c', 9), recruited('a', 11));
    expect(said(steps.at(-1))).toEqual(['setPrimary z/a']);
  });

  it('chooses the one to avoid only if the others are not enough', () => {
    const [, steps] = run({ avoid: 'z/a' }, recruited('a', 11), recruited('b', 10), recruited('c', 9));
    expect(said(steps.at(-1))[0]).toBe('promote z/b');
    const not: Told = { kind: 'notRecruited', pooler: 'z/c', reason: 'gone', outbid: false };
    expect(said(run({ avoid: 'z/a' }, recruited('a', 11), recruited('b', 10), not)[1].at(-1))[0]).toBe('promote z/a');
  });
});

describe('the lease of an old leader', () => {
  const waitOf = (steps: FailoverEffect[][]): number | undefined => {
    const effect = steps.at(-1)?.find(({ kind }) => kind === 'promote');
    return effect?.kind === 'promote' ? effect.request.leaseWaitMs : undefined;
  };

  it('is waited out where nothing tells that it has stopped', () => {
    expect(waitOf(run({}, recruited('b', 10), recruited('c', 9))[1])).toBe(1_100);
  });

  it('is counted from when a recruited log last grew: no renewal began later', () => {
    const steps = run({}, recruited('b', 10, 2_000, 1_200), recruited('c', 9, 2_000, 1_500))[1];
    expect(waitOf(steps)).toBe(600);
    expect(waitOf(run({}, recruited('b', 10, 4_000, 1_200), recruited('c', 9, 4_000, 1_500))[1])).toBe(0);
  });

  it('is nothing if it was recruited, or its health tells that it has stopped', () => {
    expect(waitOf(run({}, fenced, recruited('b', 10), recruited('c', 9))[1])).toBe(0);
    expect(waitOf(run({}, recruited('a', 5), recruited('b', 10), recruited('c', 9))[1])).toBe(0);
  });

  it('is worth a short wait for the word of a leader that is heard', () => {
    const heard = { heard: new Set(['z/a', 'z/b', 'z/c']) };
    const both = [recruited('b', 10), recruited('c', 9)];
    expect(said(run(heard, ...both)[1].at(-1))).toEqual(['wake 250']);
    expect(waitOf(run(heard, ...both, { ...fenced, nowMs: 20 })[1])).toBe(0);
    expect(waitOf(run(heard, ...both, { kind: 'timePassed', nowMs: 250 })[1])).toBe(850);
  });

  it('needs no wait while a leader that resigned is paused, for longer than a lease', () => {
    const resigned = { lsn: 9n, untilMs: 4_000 };
    const wanted = { preference: { successor: member('c').pooler } } as Partial<FailoverPlan>;
    const steps = run({ ...wanted, resigned }, recruited('b', 10), recruited('c', 9))[1];
    expect(said(steps.at(-1))[0]).toBe('promote z/c');
    expect(waitOf(steps)).toBe(0);
    // It may have opened again, and acknowledged more.
    const late = run({ ...wanted, resigned }, recruited('b', 10, 4_000), recruited('c', 9, 4_000))[1];
    expect(said(late.at(-1))[0]).toBe('promote z/b');
    expect(waitOf(late)).toBe(1_100);
  });
});

describe('whatever happens, in whatever order', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const told: fc.Arbitrary<Told> = fc.oneof(
    fc.tuple(name, fc.nat(3), fc.boolean()).map(([who, lsn, mine]): Told => ({
      kind: 'recruited',
      pooler: `z/${who}`,
      response: answer(who, lsn, {}, ballot(mine ? 2 : 3)),
      quietSinceMs: 0,
    })),
    name.map((who): Told => ({ kind: 'notRecruited', pooler: `z/${who}`, reason: 'x', outbid: false })),
    name.map((who): Told => ({ kind: 'leaderFenced', pooler: `z/${who}` })),
    fc.constant<Told>({ kind: 'promoted', rule: undefined }),
    fc.constant<Told>({ kind: 'notPromoted', reason: 'x' }),
    fc.nat(6_000).map((nowMs): Told => ({ kind: 'timePassed', nowMs })),
  );

  property.prop([fc.array(told, { maxLength: 20 })])(
    'one is promoted at most, and nothing follows its end',
    (events) => {
      const asked = events.filter((event) => event.kind !== 'recruited' || event.pooler !== 'z/d');
      const [, steps] = run({}, ...asked);
      const effects = steps.flat();
      expect(effects.filter(({ kind }) => kind === 'promote').length).toBeLessThanOrEqual(1);
      const end = effects.findIndex(({ kind }) => kind === 'end');
      if (end !== -1) expect(effects.slice(end + 1)).toEqual([]);
    },
  );
});
