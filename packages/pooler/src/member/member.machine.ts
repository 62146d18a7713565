import { compareBallots, compareRuleNumbers, sameMember } from '@multigres/consensus';
import type { PgError, Step } from '@multigres/core';
import type {
  Ballot,
  BootstrapRequest,
  MemberId,
  PromoteRequest,
  RejoinRequest,
  ResignRequest,
  Rule,
  RuleNumber,
  SetPrimaryRequest,
  UpdateRuleRequest,
} from '@multigres/rpc';
import {
  ballotUsed,
  belowPromise,
  formatBallot,
  memberBusy,
  memberNotReady,
  notTheLeader,
  ruleHasChanged,
} from '../errors.ts';

/** What the member is. Only `leader` serves. */
export type Role =
  /** Nobody to follow. `released`: it has let go of everything, for this ballot. */
  | { readonly kind: 'idle'; readonly released: Ballot | undefined }
  /** `counted`: under the name that the leader waits for, because the row of its ballot is replayed here. */
  | { readonly kind: 'follower'; readonly of: SetPrimaryRequest; readonly counted: boolean }
  /** Promoted, or about to be; the rule may be decided by others than this member's knowledge. */
  | { readonly kind: 'proposing'; readonly rule: Rule }
  | { readonly kind: 'leader'; readonly rule: Rule }
  /** A leader that lets nobody begin anything, for a switchover. */
  | { readonly kind: 'resigned'; readonly rule: Rule };

/** What somebody asked for. */
export type Order =
  | { readonly kind: 'recruit'; readonly ballot: Ballot }
  | { readonly kind: 'promote'; readonly ballot: Ballot; readonly request: PromoteRequest; readonly askedMs: number }
  | { readonly kind: 'follow'; readonly ballot: Ballot; readonly request: SetPrimaryRequest }
  | { readonly kind: 'updateRule'; readonly ballot: Ballot; readonly request: UpdateRuleRequest }
  | { readonly kind: 'resign'; readonly ballot: Ballot; readonly request: ResignRequest }
  /** `streams`: its Postgres receives from whom it follows, as it was last seen. */
  | { readonly kind: 'rejoin'; readonly ballot: Ballot; readonly request: RejoinRequest; readonly streams: boolean }
  | { readonly kind: 'bootstrap'; readonly ballot: Ballot; readonly request: BootstrapRequest }
  /** Its own: the row of the leader's ballot is replayed, and the follower takes the name that counts. */
  | { readonly kind: 'join'; readonly ballot: Ballot; readonly request: SetPrimaryRequest }
  /** Its own: a primary that it has no right to be becomes a standby. */
  | { readonly kind: 'stepDown'; readonly ballot: Ballot | undefined };

/** An order that is being carried out. */
export interface Deed {
  readonly id: number;
  readonly order: Order;
  /** Who waits for its outcome. */
  readonly calls: readonly number[];
}

export interface MemberState {
  /** Undefined: there is no data directory, or its promises are not known. */
  readonly self: MemberId | undefined;
  readonly promise: Ballot | undefined;
  readonly attempts: readonly Ballot[];
  readonly role: Role;
  readonly deed: Deed | undefined;
  /** It overtook the deed, and starts when that has let go. */
  readonly next: Deed | undefined;
  readonly lastDeed: number;
}

export type MemberEvent =
  /** What the file and the data directory say: at the start, and after a data directory was made. */
  | {
      readonly kind: 'known';
      readonly self: MemberId | undefined;
      readonly promise: Ballot | undefined;
      readonly attempts: readonly Ballot[];
      readonly role: Role;
    }
  | { readonly kind: 'asked'; readonly call: number; readonly order: Order }
  /** It stands in the file. */
  | { readonly kind: 'attempted'; readonly ballot: Ballot }
  /** A deed has made it this. */
  | { readonly kind: 'became'; readonly deed: number; readonly role: Role }
  | { readonly kind: 'done'; readonly deed: number }
  | { readonly kind: 'failed'; readonly deed: number; readonly error: PgError }
  /** The row of the leader's ballot stands in its own table. */
  | { readonly kind: 'leaderReplayed' }
  /** Postgres is no primary (any more): it was restarted, by whomever. */
  | { readonly kind: 'primaryLost' }
  /** Postgres is a primary, and the member has no right to lead. */
  | { readonly kind: 'strayPrimarySeen' }
  /** A newer rule of its own stands in its table: a commit of an earlier life of this pooler has returned, which nobody waited for any more. */
  | { readonly kind: 'ruleFound'; readonly rule: Rule; readonly decided: boolean }
  /** Nobody came after it had resigned. */
  | { readonly kind: 'pauseEnded' };

export type MemberEffect =
  | { readonly kind: 'refuse'; readonly call: number; readonly error: PgError }
  /** By what is so already. */
  | { readonly kind: 'answer'; readonly call: number; readonly order: Order }
  | {
      readonly kind: 'settle';
      readonly calls: readonly number[];
      readonly deed: number;
      readonly error: PgError | undefined;
    }
  | { readonly kind: 'perform'; readonly deed: Deed }
  /** The deed must stop at its next step; `failed` follows. */
  | { readonly kind: 'overtake'; readonly deed: number }
  /** Nobody may be served from now on. */
  | { readonly kind: 'close'; readonly why: string }
  | { readonly kind: 'publish' };

export const initialMember: MemberState = {
  self: undefined,
  promise: undefined,
  attempts: [],
  role: { kind: 'idle', released: undefined },
  deed: undefined,
  next: undefined,
  lastDeed: 0,
};

type Verdict =
  | { readonly kind: 'refuse'; readonly error: PgError }
  | { readonly kind: 'answer' }
  | { readonly kind: 'join' }
  | { readonly kind: 'perform' };

/** The member's decisions. docs/consensus.md, "A leader is lost" and "A healthy leader changes its rule". */
export function onMemberEvent(state: MemberState, event: MemberEvent): Step<MemberState, MemberEffect> {
  switch (event.kind) {
    case 'known':
      return known(state, event);
    case 'asked':
      return asked(state, event.call, event.order);
    case 'attempted':
      if (state.attempts.some((each) => compareBallots(each, event.ballot) === 0)) return [state, []];
      return [{ ...state, attempts: [...state.attempts, event.ballot] }, []];
    case 'became':
      return became(state, event.deed, event.role);
    case 'done':
    case 'failed':
      return ended(state, event.deed, event.kind === 'failed' ? event.error : undefined);
    case 'leaderReplayed':
      return leaderReplayed(state);
    case 'ruleFound':
      return ruleFound(state, event.rule, event.decided);
    case 'primaryLost':
      return primaryLost(state);
    case 'strayPrimarySeen':
      if (state.deed !== undefined || leads(state.role)) return [state, []];
      return begin(state, { kind: 'stepDown', ballot: state.promise }, []);
    case 'pauseEnded':
      if (state.role.kind !== 'resigned' || state.deed !== undefined) return [state, []];
      return [{ ...state, role: { kind: 'leader', rule: state.role.rule } }, [{ kind: 'publish' }]];
  }
}

function known(
  state: MemberState,
  event: Extract<MemberEvent, { readonly kind: 'known' }>,
): Step<MemberState, MemberEffect> {
  const { self, promise, attempts, role } = event;
  // Of the same member a promise only rises, whatever a file says.
  const kept = sameMember(self, state.self) ? later(state.promise, promise) : promise;
  return [{ ...state, self, promise: kept, attempts, role }, [{ kind: 'publish' }]];
}

function asked(state: MemberState, call: number, order: Order): Step<MemberState, MemberEffect> {
  const verdict = judge(state, order);
  switch (verdict.kind) {
    case 'refuse':
      return [state, [{ kind: 'refuse', call, error: verdict.error }]];
    case 'answer':
      return [state, [{ kind: 'answer', call, order }]];
    case 'join':
      return [joined(state, order, call), []];
    case 'perform':
      return begin(state, order, [call]);
  }
}

function became(state: MemberState, deed: number, role: Role): Step<MemberState, MemberEffect> {
  if (state.deed?.id !== deed) return [state, []];
  const ballot = role.kind === 'follower' && role.counted ? role.of.rule?.ballot : undefined;
  // Its log is that leader's: what came of earlier promotions is known.
  const attempts = state.attempts.filter((each) => compareBallots(each, ballot) >= 0);
  return [{ ...state, role, attempts }, [{ kind: 'publish' }]];
}

/** Joins, overtakes, waits behind nothing: one deed at a time. */
function begin(state: MemberState, order: Order, calls: readonly number[]): Step<MemberState, MemberEffect> {
  const deed = { id: state.lastDeed + 1, order, calls };
  // In memory at once, so that nothing below comes in between; it is answered only when it stands on disk, which is the deed's first step.
  const promise = order.kind === 'stepDown' ? state.promise : later(state.promise, order.ballot);
  const next = { ...state, promise, lastDeed: deed.id };
  const effects: MemberEffect[] = [];
  if (releases(order, state) && leads(state.role)) effects.push({ kind: 'close', why: closedBecause(order) });
  if (state.deed === undefined)
    return [{ ...next, deed }, [...effects, { kind: 'perform', deed }, { kind: 'publish' }]];
  effects.push({ kind: 'overtake', deed: state.deed.id });
  if (state.next !== undefined) {
    effects.push({ kind: 'settle', calls: state.next.calls, deed: state.next.id, error: belowPromise(promise) });
  }
  return [{ ...next, next: deed }, [...effects, { kind: 'publish' }]];
}

function joined(state: MemberState, order: Order, call: number): MemberState {
  if (state.next !== undefined && isSame(state.next.order, order)) {
    return { ...state, next: { ...state.next, calls: [...state.next.calls, call] } };
  }
  if (state.deed === undefined) return state;
  return { ...state, deed: { ...state.deed, calls: [...state.deed.calls, call] } };
}

function ended(state: MemberState, id: number, error: PgError | undefined): Step<MemberState, MemberEffect> {
  const { deed, next } = state;
  if (deed?.id !== id) return [state, []];
  const effects: MemberEffect[] = [{ kind: 'settle', calls: deed.calls, deed: id, error }];
  if (next !== undefined) effects.push({ kind: 'perform', deed: next });
  const role = next === undefined ? entitled(state) : state.role;
  return [{ ...state, role, deed: next, next: undefined }, [...effects, { kind: 'publish' }]];
}

/** Who was recruited and could not even write that down leads no more, all the same. */
function entitled({ role, promise }: MemberState): Role {
  const superseded = leads(role) && compareBallots(role.rule.number?.ballot, promise) < 0;
  return superseded ? { kind: 'idle', released: undefined } : role;
}

function leaderReplayed(state: MemberState): Step<MemberState, MemberEffect> {
  const { role, deed } = state;
  const ballot = role.kind === 'follower' ? role.of.rule?.ballot : undefined;
  if (role.kind !== 'follower' || role.counted || deed !== undefined || ballot === undefined) return [state, []];
  // Promised something higher since: it must not be counted for this one any more.
  if (compareBallots(ballot, state.promise) !== 0) return [state, []];
  return begin(state, { kind: 'join', ballot, request: role.of }, []);
}

/** Which names it was written under, and what of it was done besides, nobody knows: unless it is marked as decided, another ballot must settle it. */
function ruleFound(state: MemberState, rule: Rule, decided: boolean): Step<MemberState, MemberEffect> {
  const { role, deed, self } = state;
  if (!leads(role) || deed !== undefined || !sameMember(rule.leader, self)) return [state, []];
  if (compareRuleNumbers(rule.number, role.rule.number) <= 0) return [state, []];
  if (compareBallots(rule.number?.ballot, state.promise) !== 0) return [state, []];
  if (decided) return [{ ...state, role: { kind: role.kind, rule } }, [{ kind: 'publish' }]];
  const why = 'a rule that it proposed before is not decided';
  return [{ ...state, role: { kind: 'proposing', rule } }, [{ kind: 'close', why }, { kind: 'publish' }]];
}

/** A crashed leader comes back as a standby, and so does every primary: it leads again only if it is promoted again. */
function primaryLost(state: MemberState): Step<MemberState, MemberEffect> {
  if (!leads(state.role)) return [state, []];
  const role: Role = { kind: 'idle', released: undefined };
  const effects: MemberEffect[] = [{ kind: 'close', why: 'its Postgres is not a primary any more' }];
  // What is being done by a leader is over; what made it a standby goes on.
  if (state.deed !== undefined && isLeaders(state.deed.order)) effects.push({ kind: 'overtake', deed: state.deed.id });
  return [{ ...state, role }, [...effects, { kind: 'publish' }]];
}

// --- who may ask for what ---

function judge(state: MemberState, order: Order): Verdict {
  if (order.kind !== 'bootstrap' && order.kind !== 'rejoin' && state.self === undefined) {
    return refuse(memberNotReady('it has no data directory whose promises it knows', 'Clone it (rejoin with clone).'));
  }
  if (compareBallots(order.ballot, state.promise) < 0) return refuse(belowPromise(state.promise));
  const running = state.next ?? state.deed;
  if (running !== undefined && isSame(running.order, order)) return { kind: 'join' };
  const verdict = judgeByRole(state, order);
  if (verdict.kind !== 'perform' || running === undefined) return verdict;
  return overtakes(order, running.order) ? verdict : refuse(memberBusy(running.order.kind));
}

function judgeByRole(state: MemberState, order: Order): Verdict {
  switch (order.kind) {
    case 'recruit':
      return judgeRecruit(state, order.ballot);
    case 'promote':
      return judgePromote(state, order.ballot);
    case 'follow':
      return judgeFollow(state, order.request, order.ballot);
    case 'rejoin':
      return judgeRejoin(state, order);
    case 'updateRule':
      return judgeLeader(state, order.request.expected);
    case 'resign':
      return judgeLeader(state, order.request.rule);
    case 'bootstrap':
      return judgeBootstrap(state, order.ballot);
    case 'join':
    case 'stepDown':
      return { kind: 'perform' };
  }
}

/** Under the same ballot only as long as nothing has been made of it: later it is a delayed duplicate. */
function judgeRecruit({ promise, role, self }: MemberState, ballot: Ballot): Verdict {
  if (compareBallots(ballot, promise) > 0) return { kind: 'perform' };
  const used = leadsUnder(role, ballot) || (role.kind === 'follower' && isOf(role.of.rule, ballot));
  return used && self !== undefined ? refuse(ballotUsed(promise)) : { kind: 'perform' };
}

function judgePromote({ promise, role }: MemberState, ballot: Ballot): Verdict {
  if (compareBallots(ballot, promise) !== 0)
    return refuse(memberNotReady(`it was not recruited with ${formatBallot(ballot)}`));
  if (role.kind === 'leader' && isOf(role.rule.number, ballot)) return { kind: 'answer' };
  if (role.kind === 'idle') return { kind: 'perform' };
  return refuse(memberNotReady(`it is ${role.kind} since it was recruited`));
}

function judgeFollow({ role, self }: MemberState, request: SetPrimaryRequest, ballot: Ballot): Verdict {
  if (sameMember(request.leader, self)) return refuse(memberNotReady('it is that leader itself'));
  if (leadsUnder(role, ballot)) return refuse(ruleHasChanged('The member leads under this ballot itself.'));
  if (role.kind === 'follower') {
    if (compareRuleNumbers(request.rule, role.of.rule) < 0 && !isOf(role.of.rule, ballot))
      return refuse(ruleHasChanged('The member follows under a newer rule.'));
    if (isSameFollowing(role.of, request)) return { kind: 'answer' };
  }
  return { kind: 'perform' };
}

/** What it destroys must be what was meant: a delayed duplicate would take away a member that has acknowledged commits meanwhile. */
function judgeRejoin(
  { role, self, promise }: MemberState,
  order: Extract<Order, { readonly kind: 'rejoin' }>,
): Verdict {
  const { request, ballot, streams } = order;
  if (sameMember(request.leader, self)) return refuse(memberNotReady('it is that leader itself'));
  if (leadsUnder(role, ballot)) return refuse(ballotUsed(promise));
  if (request.incarnation !== (self?.incarnation ?? ''))
    return refuse(memberNotReady('its data directory is another one by now'));
  // Its log may have the leader's row and still go on in another way: then it does not stream.
  if (streams && role.kind === 'follower' && role.counted && sameMember(role.of.leader, request.leader))
    return refuse(memberNotReady('it follows that leader, and counts'));
  return { kind: 'perform' };
}

function judgeLeader({ role }: MemberState, expected: RuleNumber | undefined): Verdict {
  if (role.kind !== 'leader' && role.kind !== 'resigned') return refuse(notTheLeader(`it is ${role.kind}`));
  if (compareRuleNumbers(role.rule.number, expected) === 0) return { kind: 'perform' };
  const { ballot, subterm } = role.rule.number ?? {};
  return refuse(ruleHasChanged(`In force is ${formatBallot(ballot)}, subterm ${subterm}.`));
}

function judgeBootstrap({ role }: MemberState, ballot: Ballot): Verdict {
  if (role.kind === 'leader' && isOf(role.rule.number, ballot)) return { kind: 'answer' };
  if (role.kind === 'idle') return { kind: 'perform' };
  return refuse(memberNotReady(`it is ${role.kind} already`));
}

/**
 * A higher ballot overtakes whatever is under way, and so does following the leader whom the same ballot has made, after having been recruited for it. But
 * a data directory that is being copied can only be waited for.
 */
function overtakes(order: Order, running: Order): boolean {
  if (running.kind === 'rejoin' || running.kind === 'bootstrap') return false;
  if (order.kind === 'updateRule' || order.kind === 'resign') return false;
  const compared = compareBallots(order.ballot, running.ballot);
  if (compared !== 0) return compared > 0;
  return running.kind === 'join' || (running.kind === 'recruit' && order.kind === 'follow');
}

function isLeaders({ kind }: Order): boolean {
  return kind === 'promote' || kind === 'bootstrap' || kind === 'updateRule' || kind === 'resign';
}

/** Whether carrying it out begins with letting go of what the member leads. */
function releases(order: Order, { role }: MemberState): boolean {
  if (order.kind === 'recruit' || order.kind === 'stepDown') return true;
  return (order.kind === 'follow' || order.kind === 'rejoin') && leads(role);
}

function closedBecause(order: Order): string {
  return order.kind === 'follow' || order.kind === 'rejoin' ? 'it follows another leader now' : 'it was recruited';
}

/** The same thing is asked for again: a duplicate, or a caller that did not hear the answer. */
export function isSame(a: Order, b: Order): boolean {
  if (a.kind !== b.kind || compareBallots(a.ballot, b.ballot) !== 0) return false;
  if (a.kind === 'follow' && b.kind === 'follow') return isSameFollowing(a.request, b.request);
  if (a.kind === 'updateRule' && b.kind === 'updateRule') return isSameUpdate(a.request, b.request);
  if (a.kind === 'resign' && b.kind === 'resign') return sameMember(a.request.successor, b.request.successor);
  return true;
}

function isSameUpdate(a: UpdateRuleRequest, b: UpdateRuleRequest): boolean {
  const same = (one: readonly MemberId[], other: readonly MemberId[]): boolean =>
    one.length === other.length && one.every((member, at) => sameMember(member, other[at]));
  const samePolicy = a.policy?.name === b.policy?.name && a.policy?.n === b.policy?.n;
  return (
    compareRuleNumbers(a.expected, b.expected) === 0 &&
    same(a.voters, b.voters) &&
    same(a.learners, b.learners) &&
    samePolicy
  );
}

/** Subterms do not matter: it is the leader of the ballot whom it follows. */
function isSameFollowing(a: SetPrimaryRequest, b: SetPrimaryRequest): boolean {
  return (
    compareBallots(a.rule?.ballot, b.rule?.ballot) === 0 &&
    sameMember(a.leader, b.leader) &&
    isSameEndpoint(a.postgresEndpoint, b.postgresEndpoint)
  );
}

type EndpointMessage = SetPrimaryRequest['postgresEndpoint'];

function isSameEndpoint(a: EndpointMessage, b: EndpointMessage): boolean {
  const [one, other] = [a?.address, b?.address];
  if (one?.case === 'tcp' && other?.case === 'tcp')
    return one.value.host === other.value.host && one.value.port === other.value.port;
  return one?.case === other?.case && one?.value === other?.value;
}

export function leads(role: Role): role is Extract<Role, { readonly rule: Rule }> {
  return role.kind === 'leader' || role.kind === 'proposing' || role.kind === 'resigned';
}

function leadsUnder(role: Role, ballot: Ballot): boolean {
  return leads(role) && isOf(role.rule.number, ballot);
}

function isOf(number: RuleNumber | undefined, ballot: Ballot): boolean {
  return number?.ballot !== undefined && compareBallots(number.ballot, ballot) === 0;
}

function later(a: Ballot | undefined, b: Ballot | undefined): Ballot | undefined {
  return compareBallots(a, b) < 0 ? b : a;
}

function refuse(error: PgError): Verdict {
  return { kind: 'refuse', error };
}

/** Checked after each step, by tests and by the simulator. */
export const memberInvariants: Readonly<Record<string, (after: MemberState, before: MemberState) => boolean>> = {
  'a promise of the same member never falls': (after, before) =>
    !sameMember(after.self, before.self) || compareBallots(after.promise, before.promise) >= 0,
  'who leads has promised exactly that ballot, or is being relieved of it': ({ role, promise, deed, next }) =>
    !leads(role) || compareBallots(role.rule.number?.ballot, promise) === 0 || deed !== undefined || next !== undefined,
  'who leads has an attempt on record for it': ({ role, attempts }) =>
    !leads(role) || attempts.some((ballot) => isOf(role.rule.number, ballot)),
  'nobody leads or follows without a data directory': ({ role, self }) => self !== undefined || role.kind === 'idle',
  'what waits has overtaken something': ({ deed, next }) => next === undefined || deed !== undefined,
  'deeds are numbered in order': (after, before) => after.lastDeed >= before.lastDeed,
};
