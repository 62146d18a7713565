import type { Step } from '@multigres/core';
import { create, PromoteRequestSchema, RuleSchema } from '@multigres/rpc';
import type { Ballot, MemberId, PromoteRequest, RecruitResponse, Rule, RuleNumber, ShardKey } from '@multigres/rpc';
import { choose, compareBallots, membersOf, type Choice, type Preference, type Recruited } from '@multigres/consensus';
import { poolerKey } from './observe/snapshot.ts';

/** What one attempt to give a shard a leader begins with. Poolers are named `cell/name`. */
export interface FailoverPlan {
  readonly shard: ShardKey;
  readonly ballot: Ballot;
  /** Who is asked at once: everybody who may be in a live rule, and can be called. */
  readonly ask: readonly string[];
  /** Those of them that should answer at once: worth a short wait when the others are enough. */
  readonly quick: ReadonlySet<string>;
  /** Those whose pooler is heard: if an old leader is among them, its word that it has stopped is worth a wait. */
  readonly heard: ReadonlySet<string>;
  readonly preference: Preference;
  /** The old leader resigned: all that it acknowledged ends there, and it acknowledges and answers nothing until then, by the monotonic clock. */
  readonly resigned?: { readonly lsn: bigint; readonly untilMs: number };
  /** Who shall not lead if the others are enough without it: it cannot commit, or somebody wants another leader. */
  readonly avoid: string | undefined;
  readonly graceMs: number;
  readonly fenceGraceMs: number;
  /** Leases of old leaders, with the margin for drift. */
  readonly leaseMs: number;
  /** When recruiting is given up, by the monotonic clock. */
  readonly recruitUntilMs: number;
}

interface Answer {
  readonly response: RecruitResponse;
  /** Since when its log has not grown: no lease that its acknowledgement renewed began later. */
  readonly quietSinceMs: number;
}

interface Common {
  readonly plan: FailoverPlan;
  readonly asked: ReadonlySet<string>;
  readonly answers: ReadonlyMap<string, Answer>;
  readonly failed: ReadonlyMap<string, string>;
  /** Poolers that have said that they no longer lead. */
  readonly fenced: ReadonlySet<string>;
}

interface Recruiting extends Common {
  readonly kind: 'recruiting';
  /** Since when the answers are enough. */
  readonly enoughMs: number | undefined;
}

interface Promoting extends Common {
  readonly kind: 'promoting';
  readonly chosen: string;
  readonly leader: MemberId;
}

export type Failover = Recruiting | Promoting | (Common & { readonly kind: 'ended' });

export type FailoverEvent = { readonly nowMs: number } & (
  | { readonly kind: 'started' }
  | {
      readonly kind: 'recruited';
      readonly pooler: string;
      readonly response: RecruitResponse;
      readonly quietSinceMs: number;
    }
  /** `outbid`: it has promised a higher ballot. */
  | { readonly kind: 'notRecruited'; readonly pooler: string; readonly reason: string; readonly outbid: boolean }
  /** A pooler says, in its health stream, that it has promised our ballot and does not lead. */
  | { readonly kind: 'leaderFenced'; readonly pooler: string }
  | { readonly kind: 'timePassed' }
  | { readonly kind: 'promoted'; readonly rule: Rule | undefined }
  | { readonly kind: 'notPromoted'; readonly reason: string }
);

export type FailoverOutcome =
  | { readonly kind: 'led'; readonly rule: Rule | undefined; readonly leader: MemberId }
  | { readonly kind: 'outbid'; readonly reason: string }
  | { readonly kind: 'notEnough'; readonly reason: string }
  | { readonly kind: 'notPromoted'; readonly reason: string };

export type FailoverEffect =
  | { readonly kind: 'recruit'; readonly pooler: string }
  | { readonly kind: 'wake'; readonly atMs: number }
  | { readonly kind: 'promote'; readonly pooler: string; readonly request: PromoteRequest }
  | { readonly kind: 'setPrimary'; readonly pooler: string; readonly rule: RuleNumber; readonly leader: MemberId }
  | { readonly kind: 'end'; readonly outcome: FailoverOutcome };

type FailoverStep = Step<Failover, FailoverEffect>;

export function beginFailover(plan: FailoverPlan): Failover {
  const empty = { asked: new Set<string>(), answers: new Map(), failed: new Map(), fenced: new Set<string>() };
  return { kind: 'recruiting', plan, ...empty, enoughMs: undefined };
}

/** Recruit everybody, go on as soon as they are enough, promote the most advanced, point the others at it. */
export function onFailoverEvent(state: Failover, event: FailoverEvent): FailoverStep {
  if (state.kind === 'ended') return [state, []];
  if (state.kind === 'promoting') return whilePromoting(state, event);
  switch (event.kind) {
    case 'started':
      return start(state);
    case 'recruited':
      return consider(withAnswer(state, event), event.nowMs);
    case 'notRecruited':
      if (event.outbid) return end(state, { kind: 'outbid', reason: `${event.pooler}: ${event.reason}` });
      return consider({ ...state, failed: new Map(state.failed).set(event.pooler, event.reason) }, event.nowMs);
    case 'leaderFenced':
      return consider({ ...state, fenced: new Set(state.fenced).add(event.pooler) }, event.nowMs);
    case 'timePassed':
      return consider(state, event.nowMs);
    default:
      return [state, []];
  }
}

function start(state: Recruiting): FailoverStep {
  const { ask, recruitUntilMs } = state.plan;
  const effects = ask.map((pooler): FailoverEffect => ({ kind: 'recruit', pooler }));
  const late = recruitUntilMs - state.plan.graceMs;
  const wakes = [late, recruitUntilMs].map((atMs): FailoverEffect => ({ kind: 'wake', atMs }));
  return [{ ...state, asked: new Set(ask) }, [...effects, ...wakes]];
}

function withAnswer<S extends Common>(
  state: S,
  { pooler, response, quietSinceMs }: { pooler: string; response: RecruitResponse; quietSinceMs: number },
): S {
  // An answer to another ballot is a stray: it promises us nothing.
  if (compareBallots(response.promise?.ballot, state.plan.ballot) !== 0) return state;
  return { ...state, answers: new Map(state.answers).set(pooler, { response, quietSinceMs }) };
}

/** Promote, wait a little longer, or give up. */
function consider(before: Recruiting, nowMs: number): FailoverStep {
  const [state, recruits] = askMore(before);
  const choice = bestChoice(state, nowMs);
  if (choice === undefined) return [...giveUpOrWait(state, nowMs, recruits)];
  const enoughMs = state.enoughMs ?? nowMs;
  const untilMs = waitUntil(state, choice, enoughMs, nowMs);
  if (untilMs <= nowMs) return promote(state, choice, nowMs);
  return [{ ...state, enoughMs }, [...recruits, { kind: 'wake', atMs: untilMs }]];
}

/** The others are a choice of their own where they are enough among themselves. */
function bestChoice(state: Recruiting, nowMs: number): Choice | undefined {
  const { avoid, graceMs } = state.plan;
  const preference = preferenceOf(state.plan, nowMs);
  const all = recruitedOf(state);
  const others = all.filter(({ member }) => poolerKey(member.pooler) !== avoid);
  const among = choose(others, preference);
  if (among !== undefined || others.length === all.length) return among;
  // Nobody else can come any more, or not soon: better this one than none.
  const isLate = outstandingOf(state).length === 0 || nowMs >= state.plan.recruitUntilMs - graceMs;
  return isLate ? choose(all, preference) : undefined;
}

function preferenceOf({ preference, resigned }: FailoverPlan, nowMs: number): Preference {
  return resigned === undefined || nowMs >= resigned.untilMs
    ? preference
    : { ...preference, acknowledgedLsn: resigned.lsn };
}

/** Answers may tell of rules that were not known, and of members that were not asked. */
function askMore(state: Recruiting): readonly [Recruiting, FailoverEffect[]] {
  const positions = recruitedOf(state).map(({ position }) => position);
  const rules = positions.flatMap(({ rule, outgoing }) => [...(rule === undefined ? [] : [rule]), ...outgoing]);
  const more = new Set(membersOf(rules).map(({ pooler }) => poolerKey(pooler)));
  for (const key of state.asked) more.delete(key);
  if (more.size === 0) return [state, []];
  const asked = new Set([...state.asked, ...more]);
  return [{ ...state, asked }, [...more].map((pooler) => ({ kind: 'recruit', pooler }))];
}

function giveUpOrWait(state: Recruiting, nowMs: number, recruits: FailoverEffect[]): FailoverStep {
  const outstanding = outstandingOf(state);
  if (outstanding.length > 0 && nowMs < state.plan.recruitUntilMs) return [state, recruits];
  const without = [...state.failed].map(([pooler, reason]) => `${pooler}: ${reason}`);
  const silent = outstanding.map((pooler) => `${pooler}: no answer`);
  const reason = `not enough members were recruited (${[...without, ...silent].join('; ') || 'none has a rule in its log'})`;
  return end(state, { kind: 'notEnough', reason });
}

function outstandingOf({ asked, answers, failed }: Common): string[] {
  return [...asked].filter((pooler) => !answers.has(pooler) && !failed.has(pooler));
}

function waitUntil(state: Recruiting, choice: Choice, enoughMs: number, nowMs: number): number {
  const { quick, heard, graceMs, fenceGraceMs } = state.plan;
  const outstanding = outstandingOf(state);
  let untilMs = outstanding.some((pooler) => quick.has(pooler)) ? enoughMs + graceMs : nowMs;
  const mayStillSay = (pooler: string): boolean => heard.has(pooler) && !state.failed.has(pooler);
  if (leaseWaitMs(state, choice, nowMs) > 0 && unfenced(state, choice).some(mayStillSay))
    untilMs = Math.max(untilMs, enoughMs + fenceGraceMs);
  return untilMs;
}

/** Leaders of live rules of which nobody knows that they have stopped. */
function unfenced(state: Common, { outgoing }: Choice): string[] {
  const leaders = new Set(outgoing.map(({ leader }) => poolerKey(leader?.pooler)));
  return [...leaders].filter((pooler) => !state.answers.has(pooler) && !state.fenced.has(pooler));
}

/**
 * How long an old leader that was not fenced may still answer reads. Its lease was renewed by a commit that a recruited member acknowledged, hence began before
 * the log of that member last grew.
 */
function leaseWaitMs(state: Common, choice: Choice, nowMs: number): number {
  const { resigned, leaseMs } = state.plan;
  // While it is paused its lease runs out.
  if (unfenced(state, choice).length === 0 || (resigned !== undefined && nowMs + leaseMs <= resigned.untilMs)) return 0;
  const lastMs = Math.max(...[...state.answers.values()].map(({ quietSinceMs }) => quietSinceMs));
  return Math.max(0, Math.ceil(lastMs + leaseMs - nowMs));
}

function promote(state: Recruiting, choice: Choice, nowMs: number): FailoverStep {
  const { shard, ballot } = state.plan;
  const number = { ballot, subterm: 0n };
  const { voters, learners, policy, outgoing, chosen } = choice;
  const rule = create(RuleSchema, {
    ...{ number, leader: chosen.member, voters: [...voters], learners: [...learners] },
    ...(policy && { policy }),
  });
  const request = create(PromoteRequestSchema, {
    ...{ shard, ballot, rule, outgoing: [...outgoing], expected: chosen.position },
    leaseWaitMs: leaseWaitMs(state, choice, nowMs),
  });
  const pooler = poolerKey(chosen.member.pooler);
  const next: Promoting = { ...state, kind: 'promoting', chosen: pooler, leader: chosen.member };
  const others = [...state.answers.keys()].filter((other) => other !== pooler);
  return [next, [{ kind: 'promote', pooler, request }, ...others.map((other) => follow(next, other))]];
}

function follow({ plan, leader }: Promoting, pooler: string): FailoverEffect {
  const rule = create(RuleSchema, { number: { ballot: plan.ballot, subterm: 0n } }).number as RuleNumber;
  return { kind: 'setPrimary', pooler, rule, leader };
}

function whilePromoting(state: Promoting, event: FailoverEvent): FailoverStep {
  switch (event.kind) {
    case 'recruited': {
      // Too late to be chosen, not too late to follow: the new rule may need it for its quorum.
      const next = withAnswer(state, event);
      return next === state || event.pooler === state.chosen ? [state, []] : [next, [follow(state, event.pooler)]];
    }
    case 'promoted':
      return end(state, { kind: 'led', rule: event.rule, leader: state.leader });
    case 'notPromoted':
      return end(state, { kind: 'notPromoted', reason: `${state.chosen}: ${event.reason}` });
    default:
      return [state, []];
  }
}

function end(state: Failover, outcome: FailoverOutcome): FailoverStep {
  return [{ ...state, kind: 'ended' }, [{ kind: 'end', outcome }]];
}

function recruitedOf({ answers }: Common): Recruited[] {
  return [...answers.values()].flatMap(({ response: { member, position } }) =>
    member === undefined || position === undefined ? [] : [{ member, position }],
  );
}

/** What must hold after each step; the simulator checks it. */
export const failoverInvariants: Readonly<Record<string, (state: Failover) => boolean>> = {
  'who is promoted has promised the ballot': (state) => state.kind !== 'promoting' || state.answers.has(state.chosen),
  'only answers to this ballot count': ({ answers, plan }) =>
    [...answers.values()].every(({ response }) => compareBallots(response.promise?.ballot, plan.ballot) === 0),
  'nobody answers who was not asked': ({ answers, asked }) => [...answers.keys()].every((pooler) => asked.has(pooler)),
};
