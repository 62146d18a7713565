import { fc, test } from '@fast-check/vitest';
import {
  BallotSchema,
  create,
  MemberIdSchema,
  RuleSchema,
  SetPrimaryRequestSchema,
  UpdateRuleRequestSchema,
  type Ballot,
  type MemberId,
  type Rule,
  type SetPrimaryRequest,
} from '@multigres/rpc';
import { PromoteRequestSchema, RejoinRequestSchema, ResignRequestSchema } from '@multigres/rpc';
import { describe, expect, it } from 'vitest';
import { overtaken } from '../errors.ts';
import {
  initialMember,
  memberInvariants,
  onMemberEvent,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  type Order,
  type Role,
} from './member.machine.ts';

const id = (name: string): MemberId =>
  create(MemberIdSchema, { pooler: { cell: 'a', name }, incarnation: '0000000000000001' });
const self = id('self');

function ballot(term: number): Ballot {
  const nonce = String(term).padStart(16, '0');
  return create(BallotSchema, { term: BigInt(term), coordinator: { cell: 'a', name: 'orch' }, nonce });
}

function rule(term: number, subterm = 0): Rule {
  return create(RuleSchema, {
    number: { ballot: ballot(term), subterm: BigInt(subterm) },
    leader: self,
    voters: [self],
  });
}

function target(term: number, leader = id('other')): SetPrimaryRequest {
  return create(SetPrimaryRequestSchema, { rule: { ballot: ballot(term), subterm: 0n }, leader });
}

const recruit = (term: number): Order => ({ kind: 'recruit', ballot: ballot(term) });
const follow = (term: number, leader?: MemberId): Order => ({
  kind: 'follow',
  ballot: ballot(term),
  request: target(term, leader),
});
const promote = (term: number): Order => ({
  kind: 'promote',
  ballot: ballot(term),
  request: create(PromoteRequestSchema),
  askedMs: 0,
});
const rejoin = (term: number, incarnation = self.incarnation, streams = true): Order => ({
  kind: 'rejoin',
  streams,
  ballot: ballot(term),
  request: create(RejoinRequestSchema, { leader: id('other'), incarnation }),
});
const updateRule = (term: number, subterm = 0): Order => ({
  kind: 'updateRule',
  ballot: ballot(term),
  request: create(UpdateRuleRequestSchema, { expected: { ballot: ballot(term), subterm: BigInt(subterm) } }),
});
const resign = (term: number, subterm = 0): Order => ({
  kind: 'resign',
  ballot: ballot(term),
  request: create(ResignRequestSchema, { rule: { ballot: ballot(term), subterm: BigInt(subterm) } }),
});

/** A member that remembers what it was told to do, and checks itself after each step. */
class Told {
  state: MemberState = initialMember;
  effects: MemberEffect[] = [];
  #calls = 0;

  constructor(role: Role = { kind: 'idle', released: undefined }, promised = 1) {
    const attempts = [ballot(promised)];
    this.step({ kind: 'known', self, promise: ballot(promised), attempts, role });
  }

  step(event: MemberEvent): this {
    const before = this.state;
    const [state, effects] = onMemberEvent(before, event);
    const broken = Object.entries(memberInvariants).filter(([, holds]) => !holds(state, before));
    expect(broken.map(([name]) => name)).toEqual([]);
    this.state = state;
    this.effects = [...effects];
    return this;
  }

  ask(order: Order): string {
    this.#calls += 1;
    this.step({ kind: 'asked', call: this.#calls, order });
    return this.said;
  }

  /** The effects in short; a refusal by its SQLSTATE. */
  get said(): string {
    return this.effects
      .filter(({ kind }) => kind !== 'publish')
      .map((effect) => (effect.kind === 'refuse' ? effect.error.sqlstate : effect.kind))
      .join(' ');
  }

  /** The deed under way ends well, and leaves the member this. */
  done(role?: Role): this {
    const deed = this.state.deed?.id ?? 0;
    if (role !== undefined) this.step({ kind: 'became', deed, role });
    return this.step({ kind: 'done', deed });
  }
}

const leading: Role = { kind: 'leader', rule: rule(1) };
const following: Role = { kind: 'follower', of: target(1), counted: true };

describe('a member', () => {
  it('refuses every call with a ballot below its promise', () => {
    const member = new Told(undefined, 5);
    for (const order of [recruit(4), promote(4), follow(4), rejoin(4), updateRule(4), resign(4)])
      expect(member.ask(order)).toBe('MG003');
  });

  it('raises its promise the moment it is asked, so that nothing lower comes in between', () => {
    const member = new Told();
    expect(member.ask(recruit(5))).toBe('perform');
    expect(member.state.promise).toEqual(ballot(5));
    expect(member.ask(recruit(4))).toBe('MG003');
  });

  it('closes at once when it leads and is recruited', () => {
    const member = new Told(leading);
    expect(member.ask(recruit(2))).toBe('close perform');
  });

  it('lets a duplicate join what is under way, and settles both', () => {
    const member = new Told();
    member.ask(recruit(2));
    expect(member.ask(recruit(2))).toBe('');
    member.done({ kind: 'idle', released: ballot(2) });
    expect(member.effects[0]).toMatchObject({ kind: 'settle', calls: [1, 2] });
  });

  it('answers a recruitment again under the same ballot, but not once something was made of it', () => {
    const member = new Told();
    member.ask(recruit(2));
    member.done({ kind: 'idle', released: ballot(2) });
    expect(member.ask(recruit(2))).toBe('perform');
    member.done();
    member.ask(follow(2));
    member.done({ kind: 'follower', of: target(2), counted: false });
    expect(member.ask(recruit(2))).toBe('MG003');
    expect(new Told(leading).ask(recruit(1))).toBe('MG003');
  });

  it('is overtaken by a higher ballot, which starts when the deed has let go', () => {
    const member = new Told();
    member.ask(recruit(2));
    const first = member.state.deed?.id as number;
    expect(member.ask(recruit(3))).toBe('overtake');
    member.step({ kind: 'failed', deed: first, error: overtaken(ballot(3)) });
    expect(member.said).toBe('settle perform');
    expect(member.state.deed?.order).toEqual(recruit(3));
  });

  it('refuses who waits behind a deed when a still higher ballot comes', () => {
    const member = new Told();
    member.ask(recruit(2));
    member.ask(recruit(3));
    expect(member.ask(recruit(4))).toBe('overtake settle');
    expect(member.state.next?.order).toEqual(recruit(4));
  });

  it('is promoted under exactly the ballot that it was recruited with', () => {
    const member = new Told(undefined, 2);
    expect(member.ask(promote(3))).toBe('55000');
    expect(member.ask(promote(2))).toBe('perform');
  });

  it('answers a repeated promotion by what it is', () => {
    expect(new Told(leading).ask(promote(1))).toBe('answer');
    expect(new Told(following).ask(promote(1))).toBe('55000');
  });

  it('follows nobody under the ballot under which it leads, and never itself', () => {
    expect(new Told(leading).ask(follow(1))).toBe('MG004');
    expect(new Told().ask(follow(2, self))).toBe('55000');
    expect(new Told(leading).ask(follow(2))).toBe('close perform');
  });

  it('answers at once that it follows already', () => {
    expect(new Told(following).ask(follow(1))).toBe('answer');
    expect(new Told(following).ask(follow(1, id('third')))).toBe('perform');
  });

  it('joins when the row of its leader is replayed, once, and not after a higher promise', () => {
    const member = new Told({ ...following, counted: false });
    expect(member.step({ kind: 'leaderReplayed' }).said).toBe('perform');
    member.done(following);
    expect(member.step({ kind: 'leaderReplayed' }).said).toBe('');
    const promised = new Told({ kind: 'follower', of: target(1), counted: false }, 2);
    expect(promised.step({ kind: 'leaderReplayed' }).said).toBe('');
  });

  it('forgets attempts of lower ballots once it counts for a leader', () => {
    const member = new Told(undefined, 1);
    member.ask(follow(3));
    member.done({ kind: 'follower', of: target(3), counted: true });
    expect(member.state.attempts).toEqual([]);
  });

  it('changes its rule only if the caller knows the one in force', () => {
    const member = new Told(leading);
    expect(member.ask(updateRule(1, 3))).toBe('MG004');
    expect(member.ask(updateRule(1))).toBe('perform');
    expect(member.ask(resign(1))).toBe('55006');
    expect(new Told(following).ask(updateRule(1))).toBe('MG005');
  });

  it('can be recruited out of a change that hangs', () => {
    const member = new Told(leading);
    member.ask(updateRule(1));
    expect(member.ask(recruit(2))).toBe('close overtake');
  });

  it('waits for a copy that is under way, whatever comes', () => {
    const member = new Told();
    member.ask(rejoin(2));
    expect(member.ask(recruit(3))).toBe('55006');
  });

  it('does not replace another data directory than the one that was meant, nor one that counts', () => {
    const member = new Told();
    expect(member.ask(rejoin(2, ''))).toBe('55000');
    expect(member.ask(rejoin(2, 'ffffffffffffffff'))).toBe('55000');
    expect(member.ask(rejoin(2))).toBe('perform');
    const counted = new Told({ kind: 'follower', of: target(2), counted: true });
    expect(counted.ask(rejoin(2))).toBe('55000');
    expect(counted.ask(rejoin(2, self.incarnation, false))).toBe('perform');
  });

  it('leads no more when its Postgres came back as a standby', () => {
    const member = new Told(leading);
    expect(member.step({ kind: 'primaryLost' }).said).toBe('close');
    expect(member.state.role.kind).toBe('idle');
  });

  it('makes a standby of a primary that it has no right to be', () => {
    expect(new Told().step({ kind: 'strayPrimarySeen' }).said).toBe('perform');
    expect(new Told(leading).step({ kind: 'strayPrimarySeen' }).said).toBe('');
  });

  it('leads no more when a rule of its own turns up that is not decided, and goes on by one that is', () => {
    const member = new Told(leading);
    member.step({ kind: 'ruleFound', rule: rule(1), decided: false });
    expect(member.state.role).toBe(leading);
    member.step({ kind: 'ruleFound', rule: rule(1, 1), decided: true });
    expect(member.state.role).toEqual({ kind: 'leader', rule: rule(1, 1) });
    expect(member.step({ kind: 'ruleFound', rule: rule(1, 2), decided: false }).said).toBe('close');
    expect(member.state.role).toEqual({ kind: 'proposing', rule: rule(1, 2) });
  });

  it('goes on leading when nobody came after it had resigned', () => {
    const member = new Told({ kind: 'resigned', rule: rule(1) });
    member.step({ kind: 'pauseEnded' });
    expect(member.state.role.kind).toBe('leader');
  });

  it('leads no more when it could not write down that it was recruited', () => {
    const member = new Told(leading);
    member.ask(recruit(2));
    member.step({ kind: 'failed', deed: member.state.deed?.id ?? 0, error: overtaken(undefined) });
    expect(member.state.role.kind).toBe('idle');
  });

  it('does nothing while its promises are not known, but can be made anew', () => {
    const member = new Told();
    member.step({
      kind: 'known',
      self: undefined,
      promise: undefined,
      attempts: [],
      role: { kind: 'idle', released: undefined },
    });
    expect(member.ask(recruit(9))).toBe('55000');
    expect(member.ask(rejoin(9, ''))).toBe('perform');
  });
});

const orders = fc.tuple(
  fc.constantFrom(recruit, promote, follow, rejoin, updateRule, resign),
  fc.integer({ min: 1, max: 6 }),
);
const roles = fc.integer({ min: 1, max: 6 }).map((term): Role[] => [
  { kind: 'idle', released: ballot(term) },
  { kind: 'follower', of: target(term), counted: term % 2 === 0 },
]);
const events = fc.oneof(
  orders.map(([order, term]) => ({ kind: 'ask' as const, order: order(term) })),
  roles.map((some) => ({ kind: 'end' as const, role: some[0] as Role })),
  roles.map((some) => ({ kind: 'end' as const, role: some[1] as Role })),
  fc
    .constantFrom('lead', 'fail', 'primaryLost', 'strayPrimarySeen', 'leaderReplayed', 'pauseEnded')
    .map((kind) => ({ kind })),
);

/** A deed ends as it may: it leads only under the ballot that it was told to, and follows only whom it was told to. */
function play(member: Told, event: { readonly kind: string; readonly order?: Order; readonly role?: Role }): void {
  const { deed } = member.state;
  if (event.order !== undefined) return void member.ask(event.order);
  if (event.kind === 'fail' && deed !== undefined)
    return void member.step({ kind: 'failed', deed: deed.id, error: overtaken(undefined) });
  if (event.kind === 'lead' && deed?.order.kind === 'promote' && member.state.next === undefined) {
    member.step({ kind: 'attempted', ballot: deed.order.ballot });
    return void member.done({
      kind: 'leader',
      rule: { ...rule(1), number: { ...rule(1).number, ballot: deed.order.ballot } as never },
    });
  }
  if (event.role !== undefined && deed !== undefined) return void member.done(event.role);
  if (['primaryLost', 'strayPrimarySeen', 'leaderReplayed', 'pauseEnded'].includes(event.kind))
    member.step({ kind: event.kind } as MemberEvent);
}

describe('whatever a member is told', () => {
  test.prop([fc.array(events, { maxLength: 40 })])('its invariants hold', (told) => {
    const member = new Told();
    for (const event of told) play(member, event);
  });

  test.prop([fc.array(events, { maxLength: 40 })])('each call is settled once all deeds have ended', (told) => {
    const member = new Told();
    const open = new Set<number>();
    let calls = 0;
    for (const event of told) {
      if ('order' in event) open.add((calls += 1));
      play(member, event);
      settle(member, open);
    }
    for (let left = 3; left > 0; left--) {
      const { deed } = member.state;
      if (deed !== undefined) member.step({ kind: 'done', deed: deed.id });
      settle(member, open);
    }
    expect([...open]).toEqual([]);
  });
});

function settle(member: Told, open: Set<number>): void {
  for (const effect of member.effects) {
    if (effect.kind === 'refuse' || effect.kind === 'answer') open.delete(effect.call);
    if (effect.kind === 'settle') for (const call of effect.calls) open.delete(call);
  }
}
