import {
  isComponentAlive,
  readComponent,
  startComponent,
  stopComponent,
  waitUntilReady,
  type ComponentSpec,
  type Readiness,
  type Trouble,
} from './component.ts';
import type { Cluster } from './cluster.ts';
import type { ComponentName } from './folder.ts';

const readyMs = 30_000;

/** What a start has begun, so that it can be undone: components, and Postgres servers by their names. */
export interface StartLog {
  readonly started: Set<ComponentName>;
}

export interface Start {
  readonly cluster: Cluster;
  readonly password: string;
  /** Made now: data that was there before has another one. */
  readonly isNewPassword: boolean;
  readonly signal: AbortSignal;
  readonly log: StartLog;
}

/** A component that does not answer yet. */
export const silent: Readiness = { notYet: 'it does not answer' };

/** Starts it unless it runs, and waits until it is ready. */
export async function beginComponent(
  start: Start,
  spec: ComponentSpec,
  look: () => Promise<Readiness>,
  explain?: (log: readonly string[]) => Trouble | undefined,
): Promise<string> {
  const { folder } = start.cluster;
  start.signal.throwIfAborted();
  if (isComponentAlive(readComponent(folder, spec.name))) {
    if ((await look()) === 'ready') return `${spec.endpoint} (ran already)`;
    await stopComponent(folder, spec.name, 10_000);
  }
  const started = await startComponent(folder, spec);
  start.log.started.add(spec.name);
  await waitUntilReady(started, look, { deadlineMs: readyMs, signal: start.signal }, explain);
  return spec.endpoint;
}
