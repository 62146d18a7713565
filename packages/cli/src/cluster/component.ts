import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../errors.ts';
import { compileCacheEnvironment } from './compile-cache.ts';
import { logFile, type ComponentName, type Folder } from './folder.ts';
import { logSize, logTail } from './log-tail.ts';
import { processIdentity } from './process-identity.ts';
import { writeWhole } from './record.ts';
import type { Account } from './unprivileged.ts';

/** How to start a component. It is detached: it lives on when the command that started it has ended. */
export interface ComponentSpec {
  readonly name: ComponentName;
  readonly program: string;
  readonly args: readonly string[];
  readonly runAs?: Account | undefined;
  readonly version: string;
  readonly endpoint: string;
  /** Variables besides those that all get. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What is known of a process that was started (run/NAME.json). */
export interface ComponentRecord {
  readonly pid: number;
  /** Tells this process from a later one with the same pid. */
  readonly identity: string;
  readonly startedMs: number;
  readonly version: string;
  readonly endpoint: string;
  /** Where in its log file this life begins, in bytes. */
  readonly logFrom: number;
}

/** A component that was just started. */
export interface StartedComponent {
  readonly name: ComponentName;
  /** How it ended, once it has; undefined while it runs. */
  readonly ended: () => string | undefined;
  /** The last lines that it has logged since. */
  readonly log: (linesMax: number) => readonly string[];
}

const recordFile = (folder: Folder, name: ComponentName): string => path.join(folder.run, `${name}.json`);

export function readComponent(folder: Folder, name: ComponentName): ComponentRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordFile(folder, name), 'utf8')) as ComponentRecord;
  } catch {
    return undefined;
  }
}

export function forgetComponent(folder: Folder, name: ComponentName): void {
  rmSync(recordFile(folder, name), { force: true });
}

/** Whether the recorded process, and not a later one with its pid, runs. */
export function isComponentAlive(record: ComponentRecord | undefined): record is ComponentRecord {
  return record !== undefined && processIdentity(record.pid) === record.identity;
}

const passedOn = /^(?:PATH|HOME|TMPDIR|LANG|TZ|MG_.*|MULTIGRES_.*|OTEL_.*)$/;

function environment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name, value]) => passedOn.test(name) && value !== undefined);
  return { ...(Object.fromEntries(entries) as Record<string, string>), ...compileCacheEnvironment };
}

function writeComponent(folder: Folder, spec: ComponentSpec, pid: number | undefined, logFrom: number): void {
  const identity = pid === undefined ? undefined : processIdentity(pid);
  if (pid === undefined || identity === undefined) return;
  const { name, version, endpoint } = spec;
  const record: ComponentRecord = { pid, identity, startedMs: Date.now(), version, endpoint, logFrom };
  writeWhole(recordFile(folder, name), `${JSON.stringify(record)}\n`, 0o644);
}

/** Rejects only if nothing was started. Whether it lives is for `waitUntilReady` to find out. */
export async function startComponent(folder: Folder, spec: ComponentSpec): Promise<StartedComponent> {
  const log = logFile(folder, spec.name);
  const from = logSize(log);
  const output = openSync(log, 'a', 0o640);
  let child: ChildProcess;
  try {
    child = spawn(spec.program, spec.args, {
      detached: true,
      cwd: '/',
      env: { ...environment(), ...spec.environment },
      stdio: ['ignore', output, output],
      ...(spec.runAs === undefined ? {} : { uid: spec.runAs.uid, gid: spec.runAs.gid }),
    });
  } finally {
    closeSync(output);
  }
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended ??= code === null ? String(signal) : `exit code ${code}`));
  child.unref();
  try {
    writeComponent(folder, spec, child.pid, from);
  } catch (error) {
    // What is not on record could never be stopped again.
    child.kill('SIGKILL');
    throw error;
  }
  return { name: spec.name, ended: () => ended, log: (linesMax) => logTail(log, from, linesMax) };
}

export interface Patience {
  readonly deadlineMs: number;
  /** Aborted when the user has lost interest. */
  readonly signal: AbortSignal;
}

/** What a log means. */
export interface Trouble {
  readonly message?: string | undefined;
  readonly hint?: string | undefined;
  /** The lines that show it, instead of the last ones. */
  readonly quoted?: readonly string[];
}

const quotedMax = 12;

/** Whether a component is ready, or why not yet. */
export type Readiness = 'ready' | { readonly notYet: string };

/**
 * Waits until `look` answers that it is ready. Rejects, with the end of its log, when the component ends or does not get ready in time;
 * `explain` may know better what the log means.
 */
export async function waitUntilReady(
  started: StartedComponent,
  look: () => Promise<Readiness>,
  patience: Patience,
  explain: (log: readonly string[]) => Trouble | undefined = () => undefined,
): Promise<void> {
  const untilMs = performance.now() + patience.deadlineMs;
  for (let seen = await look(); seen !== 'ready'; seen = await look()) {
    patience.signal.throwIfAborted();
    const ended = started.ended();
    const late = performance.now() > untilMs;
    if (ended === undefined && !late) {
      await sleep(50, undefined, { signal: patience.signal });
      continue;
    }
    const trouble = explain(started.log(200));
    const what =
      ended === undefined
        ? `is not ready after ${patience.deadlineMs / 1000} s: ${seen.notYet}`
        : `has ended (${ended})`;
    const quoted = trouble?.quoted ?? started.log(quotedMax);
    throw new CliError(trouble?.message ?? `${started.name} ${what}`, { quoted, hint: trouble?.hint });
  }
}

const pollMs = 20;

/** Waits until a process has ended; answers whether it has. */
export async function hasEnded(pid: number, identity: string, withinMs: number): Promise<boolean> {
  const untilMs = performance.now() + withinMs;
  while (processIdentity(pid) === identity) {
    if (performance.now() > untilMs) return false;
    await sleep(pollMs);
  }
  return true;
}

/** Sends a signal only while the pid is still that process; answers whether it was. */
export function signalProcess(pid: number, identity: string, signal: NodeJS.Signals): boolean {
  if (processIdentity(pid) !== identity) return false;
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw new CliError(`cannot end process ${pid}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Ends a component: politely, then by force. Answers how. Rejects if the process survives even that, or belongs to somebody else.
 */
export async function stopComponent(
  folder: Folder,
  name: ComponentName,
  politeMs: number,
): Promise<'stopped' | 'killed' | 'was not running'> {
  const record = readComponent(folder, name);
  if (!isComponentAlive(record)) {
    forgetComponent(folder, name);
    return 'was not running';
  }
  const { pid, identity } = record;
  signalProcess(pid, identity, 'SIGTERM');
  if (await hasEnded(pid, identity, politeMs)) {
    forgetComponent(folder, name);
    return 'stopped';
  }
  signalProcess(pid, identity, 'SIGKILL');
  if (!(await hasEnded(pid, identity, 10_000)))
    throw new CliError(`process ${pid} (${name}) is still there after SIGKILL`);
  forgetComponent(folder, name);
  return 'killed';
}
