import { unreachable, type PgError } from '@multigres/core';
import { brokenData, busy, mustBeStopped, notInitialized, notRunning } from './errors.ts';
import type { Ask, LifecycleOptions, Server } from './lifecycle-state.ts';

export type Verdict =
  | 'wait'
  | 'act'
  | 'done'
  | 'unusable'
  | 'notInitialized'
  | 'notRunning'
  | 'broken'
  | 'mustBeStopped'
  | 'rewinding'
  | 'cloning';
/** What an ask wants next. */
export type Want = Exclude<Ask['what'], 'restart'>;

/** Every cell is a decision: what is done for who wants this while the server is so. */
export const verdicts: Readonly<Record<Server['kind'], Readonly<Record<Want, Verdict>>>> = {
  unknown: {
    init: 'wait',
    start: 'wait',
    stop: 'wait',
    reload: 'wait',
    promote: 'wait',
    rewind: 'wait',
    clone: 'wait',
  },
  unusable: {
    init: 'unusable',
    start: 'unusable',
    stop: 'done',
    reload: 'unusable',
    promote: 'unusable',
    rewind: 'unusable',
    clone: 'unusable',
  },
  broken: {
    init: 'broken',
    start: 'broken',
    stop: 'done',
    reload: 'broken',
    promote: 'broken',
    rewind: 'broken',
    clone: 'act',
  },
  notInitialized: {
    init: 'act',
    start: 'notInitialized',
    stop: 'done',
    reload: 'notInitialized',
    promote: 'notInitialized',
    rewind: 'notInitialized',
    clone: 'act',
  },
  initializing: {
    init: 'wait',
    start: 'wait',
    stop: 'wait',
    reload: 'wait',
    promote: 'wait',
    rewind: 'wait',
    clone: 'wait',
  },
  rewinding: {
    init: 'done',
    start: 'rewinding',
    stop: 'done',
    reload: 'notRunning',
    promote: 'notRunning',
    rewind: 'wait',
    clone: 'rewinding',
  },
  cloning: {
    init: 'cloning',
    start: 'cloning',
    stop: 'done',
    reload: 'notRunning',
    promote: 'notRunning',
    rewind: 'cloning',
    clone: 'wait',
  },
  stopped: {
    init: 'done',
    start: 'act',
    stop: 'done',
    reload: 'notRunning',
    promote: 'notRunning',
    rewind: 'act',
    clone: 'act',
  },
  starting: {
    init: 'done',
    start: 'wait',
    stop: 'act',
    reload: 'wait',
    promote: 'wait',
    rewind: 'mustBeStopped',
    clone: 'mustBeStopped',
  },
  failing: {
    init: 'done',
    start: 'wait',
    stop: 'wait',
    reload: 'wait',
    promote: 'wait',
    rewind: 'wait',
    clone: 'wait',
  },
  running: {
    init: 'done',
    start: 'done',
    stop: 'act',
    reload: 'act',
    promote: 'act',
    rewind: 'mustBeStopped',
    clone: 'mustBeStopped',
  },
  promoting: {
    init: 'done',
    start: 'done',
    stop: 'act',
    reload: 'act',
    promote: 'wait',
    rewind: 'mustBeStopped',
    clone: 'mustBeStopped',
  },
  stopping: {
    init: 'done',
    start: 'wait',
    stop: 'act',
    reload: 'notRunning',
    promote: 'notRunning',
    rewind: 'wait',
    clone: 'wait',
  },
};

/** A restart is a stop and then a start. */
export function wantOf(ask: Ask): Want {
  if (ask.what === 'restart') return ask.phase === 'down' ? 'stop' : 'start';
  return ask.what;
}

/** What is said to whom this verdict refuses; undefined if it does not. */
export function refusalOf(
  verdict: Exclude<Verdict, 'wait' | 'act'>,
  ask: Ask,
  server: Server,
  options: LifecycleOptions,
): PgError | undefined {
  switch (verdict) {
    case 'done':
      return undefined;
    case 'unusable':
      return server.kind === 'unusable' ? server.refusal : undefined;
    case 'notInitialized':
      return notInitialized(options.dataDirectory);
    case 'notRunning':
      return notRunning();
    case 'broken':
      return brokenData(options.dataDirectory);
    case 'mustBeStopped':
      return mustBeStopped(ask.what);
    case 'rewinding':
      return busy(ask.what, 'rewound');
    case 'cloning':
      return busy(ask.what, 'cloned');
    default:
      return unreachable(verdict);
  }
}
