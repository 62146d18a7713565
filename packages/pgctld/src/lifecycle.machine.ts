import { unreachable, type Machine, type PgError, type Step } from '@multigres/core';
import { busy, overtaken, promoteTimeout, stopTimeout } from './errors.ts';
import type { PgctldLimits } from './config.ts';
import type {
  Ask,
  DataSeen,
  Force,
  Lifecycle,
  LifecycleEffect,
  LifecycleEvent,
  LifecycleOptions,
  Server,
  ServerSeen,
} from './lifecycle-state.ts';
import type { PostmasterPhase } from './postmaster-pid.ts';
import { refusalOf, verdicts, wantOf } from './verdicts.ts';

const forces: readonly Force[] = ['smart', 'fast', 'immediate', 'kill'];
/** A server that has run for so long and ends is started again at once. */
const steadyMs = 10_000;
/** How long a state that passes soon is looked at often: cheap, and failovers wait for it. */
const eagerMs = 5_000;

function patienceMs(force: Force, limits: PgctldLimits): number {
  const byForce: Record<Force, number> = {
    smart: limits.smartMsMax,
    fast: limits.fastMsMax,
    immediate: limits.immediateMsMax,
    kill: limits.killMsMax,
  };
  return byForce[force];
}

const stops = (ask: Ask): boolean => wantOf(ask) === 'stop';
const starts = (ask: Ask): boolean => wantOf(ask) === 'start';
const promotes = (ask: Ask): boolean => ask.what === 'promote';

/** While the server is in one of these, nothing moves unless somebody asks, so what we know may be old. */
const resting: ReadonlySet<Server['kind']> = new Set(['unusable', 'broken', 'notInitialized', 'stopped', 'running']);

/** How often to look, in milliseconds; undefined: not now, an event will come. */
export function observeEveryMs(state: Lifecycle, nowMs: number): number | undefined {
  const { server } = state;
  const soonMs = 'sinceMs' in server && nowMs < server.sinceMs + eagerMs ? 10 : 50;
  const byKind: Record<Server['kind'], number | undefined> = {
    unknown: 0,
    unusable: 5_000,
    notInitialized: 5_000,
    broken: 5_000,
    initializing: undefined,
    rewinding: undefined,
    cloning: undefined,
    stopped: 5_000,
    starting: isBeingBorn(server) ? undefined : soonMs,
    failing: undefined,
    running: 1_000,
    promoting: soonMs,
    stopping: soonMs,
  };
  return byKind[server.kind];
}

/** When somebody's patience ends, in the clock's milliseconds; undefined: never. */
export function nextDeadlineMs(state: Lifecycle, limits: PgctldLimits): number | undefined {
  const deadlines = state.asks
    .filter((ask) => starts(ask) || promotes(ask))
    .map((ask) => ask.sinceMs + (starts(ask) ? limits.startMsMax : limits.promoteMsMax));
  if (state.server.kind === 'stopping' && state.asks.some(stops)) {
    deadlines.push(state.server.sinceMs + patienceMs(state.server.force, limits));
  }
  return deadlines.length === 0 ? undefined : Math.min(...deadlines);
}

export const lifecycleInvariants: Readonly<Record<string, (state: Lifecycle) => boolean>> = {
  'nobody waits for what is so already': ({ server, asks, checking }) =>
    checking || asks.every((ask) => ['wait', 'act'].includes(verdicts[server.kind][wantOf(ask)])),
  'nobody waits for a deed that is not under way': ({ server, asks, checking }) =>
    checking ||
    server.kind === 'stopping' ||
    isAtWork(server) ||
    isBeingBorn(server) ||
    asks.every((ask) => verdicts[server.kind][wantOf(ask)] === 'wait'),
  'nobody waits for a start and nobody for a stop at once': ({ asks }) =>
    !(asks.some(stopsForGood) && asks.some(starts)),
};

/** The data directory is being made or changed. */
function isAtWork(server: Server): boolean {
  return server.kind === 'initializing' || server.kind === 'rewinding' || server.kind === 'cloning';
}

function isBeingBorn(server: Server): boolean {
  return server.kind === 'starting' && server.pid === undefined;
}

const stopsForGood = (ask: Ask): boolean => ask.what === 'stop';

/**
 * The life of one Postgres server: what is so, who waits, what is done next. Resting states are looked at again before a request is
 * decided; signals and starts are effects, whose outcome comes back as an event.
 */
export function lifecycleMachine(options: LifecycleOptions): Machine<Lifecycle, LifecycleEvent, LifecycleEffect> {
  return {
    initial: { server: { kind: 'unknown' }, asks: [], wanted: 'stopped', crashes: 0, checking: false },
    step(state, event) {
      const [heard, effects] = hear(state, event, options);
      const [expired, late] = expire(heard, event.nowMs, options);
      const [settled, more] = expired.checking ? [expired, []] : settle(expired, event.nowMs, options);
      return [settled, [...effects, ...late, ...more]];
    },
  };
}

/** What an event says, before anybody is answered. */
function hear(state: Lifecycle, event: LifecycleEvent, options: LifecycleOptions): Step<Lifecycle, LifecycleEffect> {
  switch (event.kind) {
    case 'observed':
      return observed({ ...state, checking: false }, event.data, event.server, event.nowMs, options);
    case 'asked':
      return asked(state, { id: event.id, what: event.what, force: event.force, phase: 'down', sinceMs: event.nowMs });
    case 'initialized':
      if (state.server.kind !== 'initializing') return [state, []];
      return [{ ...state, server: { kind: 'stopped', crashed: false } }, []];
    case 'initRefused':
      if (state.server.kind !== 'initializing') return [state, []];
      return refuse({ ...state, server: { kind: 'notInitialized' } }, (ask) => ask.what === 'init', event.refusal, [
        { kind: 'observe' },
      ]);
    case 'overhauled':
      if (state.server.kind !== 'rewinding' && state.server.kind !== 'cloning') return [state, []];
      return overhauled({ ...state, server: { kind: 'unknown' } }, event.id, event.refusal);
    case 'spawned':
      return [bornAs(state, event.pid, event.nowMs), [{ kind: 'observe' }]];
    case 'exited':
      return exited(state, event.pid, event.exit);
    case 'startRefused':
      return startRefused(state, event.refusal, options);
    case 'promoteRefused':
      return promoteRefused(state, event.refusal, event.nowMs);
    case 'restartDue':
      return restartDue(state, event.nowMs);
    case 'ticked':
      return [state, []];
    default:
      return unreachable(event);
  }
}

/** What the directory is now is looked at before anybody else is served. */
function overhauled(state: Lifecycle, id: number, refusal: PgError | undefined): Step<Lifecycle, LifecycleEffect> {
  const asks = state.asks.filter((ask) => ask.id !== id);
  return [{ ...state, asks }, [{ kind: 'answer', id, refusal }, { kind: 'observe' }]];
}

function bornAs(state: Lifecycle, pid: number, nowMs: number): Lifecycle {
  return state.server.kind === 'starting' ? { ...state, server: { kind: 'starting', pid, sinceMs: nowMs } } : state;
}

/** A new request. One that stops Postgres overtakes those that wait for it to run; none is let in against a stop. */
function asked(state: Lifecycle, ask: Ask): Step<Lifecycle, LifecycleEffect> {
  if (ask.what === 'stop') {
    const wanted: Lifecycle = { ...state, wanted: 'stopped' };
    const [left, effects] = refuse(
      wanted,
      (other) => !['stop', 'init', 'rewind', 'clone'].includes(other.what),
      overtaken('the request'),
      [],
    );
    return admit(left, ask, effects);
  }
  if (state.asks.some(stopsForGood) && ask.what !== 'init') {
    return [state, [{ kind: 'answer', id: ask.id, refusal: busy(ask.what, 'stopped') }]];
  }
  const running = ask.what === 'start' || ask.what === 'restart' ? 'running' : state.wanted;
  const other = state.asks.find((candidate) => candidate.what === 'restart');
  const joined: Ask = ask.what === 'restart' && other ? { ...ask, phase: other.phase } : ask;
  return admit({ ...state, wanted: running }, joined, []);
}

function admit(state: Lifecycle, ask: Ask, effects: readonly LifecycleEffect[]): Step<Lifecycle, LifecycleEffect> {
  const asks = [...state.asks, ask];
  if (!resting.has(state.server.kind)) return [{ ...state, asks }, effects];
  return [{ ...state, asks, checking: true }, [...effects, { kind: 'observe' }]];
}

function refuse(
  state: Lifecycle,
  which: (ask: Ask) => boolean,
  refusal: PgError,
  effects: readonly LifecycleEffect[],
): Step<Lifecycle, LifecycleEffect> {
  const answers = state.asks.filter(which).map((ask): LifecycleEffect => ({ kind: 'answer', id: ask.id, refusal }));
  return [{ ...state, asks: state.asks.filter((ask) => !which(ask)) }, [...answers, ...effects]];
}

function observed(
  state: Lifecycle,
  data: DataSeen,
  seen: ServerSeen,
  nowMs: number,
  options: LifecycleOptions,
): Step<Lifecycle, LifecycleEffect> {
  const before = state.server;
  // These end by an event of their own; what is seen meanwhile is half done.
  if (isAtWork(before) || before.kind === 'failing' || isBeingBorn(before)) return [state, []];
  if (seen.kind === 'alive') return [aliveAs(state, seen.pid, seen.phase, nowMs), []];
  if (before.kind === 'starting') {
    const failing: Server = { kind: 'failing', pid: before.pid };
    return [{ ...state, server: failing }, [{ kind: 'explain', pid: before.pid, exit: 'process not found' }]];
  }
  if (data.kind === 'absent') return [{ ...state, server: { kind: 'notInitialized' } }, []];
  if (data.kind === 'broken') return [{ ...state, server: { kind: 'broken' } }, []];
  if (data.kind === 'unusable') return [{ ...state, server: { kind: 'unusable', refusal: data.refusal } }, []];
  const gone: Lifecycle = { ...state, server: { kind: 'stopped', crashed: seen.kind === 'crashed' } };
  if (before.kind !== 'running' && before.kind !== 'promoting') return [gone, []];
  const crashes = nowMs - before.sinceMs > steadyMs ? 1 : state.crashes + 1;
  return keepRunning({ ...gone, crashes }, options);
}

function keepRunning(state: Lifecycle, options: LifecycleOptions): Step<Lifecycle, LifecycleEffect> {
  if (!options.keepRunning || state.wanted !== 'running') return [state, []];
  return [state, [{ kind: 'restartLater', attempt: state.crashes }]];
}

/** A living server, found or watched. */
function aliveAs(state: Lifecycle, pid: number, phase: PostmasterPhase, nowMs: number): Lifecycle {
  const before = state.server;
  const wanted =
    before.kind === 'unknown' && !state.asks.some(stopsForGood) && phase !== 'stopping' ? 'running' : state.wanted;
  const same = 'pid' in before && before.pid === pid;
  // Somebody's stop goes on whatever the pid file still says.
  if (same && before.kind === 'stopping') return state;
  if (phase === 'stopping') return { ...state, server: { kind: 'stopping', pid, force: 'smart', sinceMs: nowMs } };
  if (phase === 'starting') {
    const startedMs = same && before.kind === 'starting' ? before.sinceMs : nowMs;
    return { ...state, wanted, server: { kind: 'starting', pid, sinceMs: startedMs } };
  }
  if (same && before.kind === 'promoting' && phase === 'standby') return state;
  const sinceMs = same && before.kind === 'running' ? before.sinceMs : nowMs;
  return { ...state, wanted, server: { kind: 'running', pid, standby: phase === 'standby', sinceMs } };
}

function exited(state: Lifecycle, pid: number, exit: string): Step<Lifecycle, LifecycleEffect> {
  const { server } = state;
  if (server.kind === 'starting' && (server.pid === pid || server.pid === undefined)) {
    return [{ ...state, server: { kind: 'failing', pid } }, [{ kind: 'explain', pid, exit }]];
  }
  return [state, [{ kind: 'observe' }]];
}

function startRefused(state: Lifecycle, refusal: PgError, options: LifecycleOptions): Step<Lifecycle, LifecycleEffect> {
  if (state.server.kind !== 'starting' && state.server.kind !== 'failing') return [state, []];
  const awaited = state.asks.some(starts);
  const failed: Lifecycle = { ...state, server: { kind: 'stopped', crashed: false }, crashes: state.crashes + 1 };
  // Who asks for a start hears why it failed and decides; only what ran before is tried again.
  const wanted = awaited ? 'stopped' : state.wanted;
  const [left, answers] = refuse({ ...failed, wanted }, starts, refusal, [{ kind: 'observe' }]);
  const [kept, more] = keepRunning(left, options);
  return [kept, [...answers, ...more]];
}

/** The standby was not told: it is as it was. */
function promoteRefused(state: Lifecycle, refusal: PgError, nowMs: number): Step<Lifecycle, LifecycleEffect> {
  const { server } = state;
  if (server.kind !== 'promoting') return [state, []];
  const standby: Server = { kind: 'running', pid: server.pid, standby: true, sinceMs: nowMs };
  return refuse({ ...state, server: standby }, promotes, refusal, [{ kind: 'observe' }]);
}

function restartDue(state: Lifecycle, nowMs: number): Step<Lifecycle, LifecycleEffect> {
  if (state.server.kind !== 'stopped' || state.wanted !== 'running') return [state, []];
  return [{ ...state, server: { kind: 'starting', pid: undefined, sinceMs: nowMs } }, [{ kind: 'spawn' }]];
}

/** Goes through those who wait until nothing more can be done for any of them. */
function settle(state: Lifecycle, nowMs: number, options: LifecycleOptions): Step<Lifecycle, LifecycleEffect> {
  let current = state;
  let effects: readonly LifecycleEffect[] = [];
  for (;;) {
    const next = settleOne(current, nowMs, options);
    if (next === undefined) return [current, effects];
    current = next[0];
    effects = [...effects, ...next[1]];
  }
}

/** Answers or serves the first one for whom something can be done; undefined if there is none. */
function settleOne(
  state: Lifecycle,
  nowMs: number,
  options: LifecycleOptions,
): Step<Lifecycle, LifecycleEffect> | undefined {
  for (const ask of state.asks) {
    const verdict = verdicts[state.server.kind][wantOf(ask)];
    if (verdict === 'wait') continue;
    if (verdict === 'done' && ask.what === 'restart' && ask.phase === 'down') {
      const asks = state.asks.map((other): Ask => (other.id === ask.id ? { ...ask, phase: 'up' } : other));
      return [{ ...state, asks }, []];
    }
    if (verdict !== 'act') return answer(state, ask, refusalOf(verdict, ask, state.server, options));
    const acted = act(state, ask, nowMs);
    if (acted !== undefined) return acted;
  }
  return undefined;
}

function answer(state: Lifecycle, ask: Ask, refusal: PgError | undefined): Step<Lifecycle, LifecycleEffect> {
  return [
    { ...state, asks: state.asks.filter((other) => other.id !== ask.id) },
    [{ kind: 'answer', id: ask.id, refusal }],
  ];
}

/** The deed behind the verdict `act`; undefined if it is under way. */
function act(state: Lifecycle, ask: Ask, nowMs: number): Step<Lifecycle, LifecycleEffect> | undefined {
  const { server } = state;
  switch (wantOf(ask)) {
    case 'init':
      return [{ ...state, server: { kind: 'initializing' } }, [{ kind: 'initialize', id: ask.id }]];
    case 'rewind':
      return [{ ...state, server: { kind: 'rewinding' } }, [{ kind: 'overhaul', id: ask.id }]];
    case 'clone':
      return [{ ...state, server: { kind: 'cloning' } }, [{ kind: 'overhaul', id: ask.id }]];
    case 'start':
      return [{ ...state, server: { kind: 'starting', pid: undefined, sinceMs: nowMs } }, [{ kind: 'spawn' }]];
    case 'stop':
      return stop(state, ask.force, nowMs);
    case 'promote':
      if (server.kind !== 'running') return undefined;
      if (!server.standby) return answer(state, ask, undefined);
      return [
        { ...state, server: { kind: 'promoting', pid: server.pid, sinceMs: nowMs } },
        [{ kind: 'promote', pid: server.pid }],
      ];
    case 'reload': {
      if (server.kind !== 'running' && server.kind !== 'promoting') return undefined;
      const [left, answers] = answer(state, ask, undefined);
      return [left, [{ kind: 'reload', pid: server.pid }, ...answers]];
    }
    default:
      return unreachable(wantOf(ask) as never);
  }
}

function stop(state: Lifecycle, force: Force, nowMs: number): Step<Lifecycle, LifecycleEffect> | undefined {
  const { server } = state;
  if (!('pid' in server) || server.kind === 'failing') return undefined;
  const { pid } = server;
  if (pid === undefined) return undefined;
  if (server.kind === 'stopping' && forces.indexOf(force) <= forces.indexOf(server.force)) return undefined;
  return [{ ...state, server: { kind: 'stopping', pid, force, sinceMs: nowMs } }, [{ kind: 'stop', pid, force }]];
}

/** Ends waiting that has lasted too long, and grows more forceful where that helps. */
function expire(state: Lifecycle, nowMs: number, options: LifecycleOptions): Step<Lifecycle, LifecycleEffect> {
  const { limits } = options;
  const tooLate = (ask: Ask): boolean => starts(ask) && nowMs >= ask.sinceMs + limits.startMsMax;
  const late = state.asks.filter(tooLate).map((ask): LifecycleEffect => ({ kind: 'answerLate', id: ask.id }));
  const [left, effects] = refuse(
    { ...state, asks: state.asks.filter((ask) => !tooLate(ask)) },
    (ask) => promotes(ask) && nowMs >= ask.sinceMs + limits.promoteMsMax,
    promoteTimeout(limits.promoteMsMax),
    late,
  );
  const { server } = left;
  if (server.kind !== 'stopping' || !left.asks.some(stops)) return [left, effects];
  if (nowMs < server.sinceMs + patienceMs(server.force, limits)) return [left, effects];
  const next = forces[forces.indexOf(server.force) + 1];
  if (next === undefined) return refuse(left, stops, stopTimeout(server.pid), effects);
  const harder: Server = { kind: 'stopping', pid: server.pid, force: next, sinceMs: nowMs };
  return [{ ...left, server: harder }, [...effects, { kind: 'stop', pid: server.pid, force: next }]];
}
