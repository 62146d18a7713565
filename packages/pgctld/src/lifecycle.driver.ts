import {
  assert,
  PgError,
  ProcessError,
  type Child,
  type Exit,
  type Machine,
  type Timer,
  type World,
} from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import type { ControlData } from './control-data.ts';
import type { DirectoryLock } from './directory-lock.ts';
import { programUnusable, shuttingDown, startFailed, startTimeout, tooManyRequests } from './errors.ts';
import type { Layout } from './layout.ts';
import { lifecycleMachine, nextDeadlineMs, observeEveryMs } from './lifecycle.machine.ts';
import type { Ask, Force, Lifecycle, LifecycleEffect, LifecycleEvent, Server, ServerSeen } from './lifecycle-state.ts';
import { observeData, observeServer, type ExpectedData, type KnownServer } from './observe.ts';
import type { Place } from './place.ts';
import { tellToPromote } from './promote.ts';
import { restartPauseMs } from './restart-pause.ts';
import type { WatchTool } from './run-tool.ts';
import { readEvidence, spawnServer } from './spawn-server.ts';
import { readControlData } from './read-control-data.ts';
import { isConclusive, logTail, startTrouble, type StartEvidence } from './start-trouble.ts';
import { signalOf } from './stop-signal.ts';

const asksMax = 64;
/** How often, and with which pause, the log is read for why a start failed. */
const evidenceLooksMax = 20;
const evidencePauseMs = 50;
/** How often it is asked whether a server lives that another pgctld has started: nobody tells us of its end, and a failover waits for that. */
const vigilEveryMs = 200;
/** How long a program may take to clear up after itself when pgctld ends. */
const toolMsMax = 5_000;

type Untimed<E> = E extends unknown ? Omit<E, 'nowMs'> : never;

/** What is done to the data directory for an ask; `watch` is told of the program that does it. */
export type Work = (watch: WatchTool) => Promise<void>;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: PgError) => void;
  readonly work: Work | undefined;
}

const noWork: Work = () => Promise.resolve();

function exitText(exit: Exit): string {
  return exit.kind === 'code' ? `exit code ${exit.code}` : exit.signal;
}

/** The machine's hands: looks, starts, signals, and tells what came of it. */
export class LifecycleDriver {
  readonly #place: Place;
  readonly #world: World;
  readonly #config: PgctldConfig;
  readonly #layout: Layout;
  readonly #lock: DirectoryLock;
  readonly #machine: Machine<Lifecycle, LifecycleEvent, LifecycleEffect>;
  #state: Lifecycle;
  readonly #waiters: Map<number, Waiter> = new Map();
  #lastId = 0;
  /** initdb, pg_rewind or pg_basebackup, while it runs. */
  #tool: Child | undefined;
  #working: Promise<void> = Promise.resolve();
  /** The next server follows nobody, whatever its configuration says. */
  #alone = false;
  #childPid: number | undefined;
  #started = false;
  /** Grows with each deed; what was seen before the latest one is out of date. */
  #deeds = 0;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #lookTimer: Timer | undefined;
  #deadlineTimer: Timer | undefined;
  #vigilTimer: Timer | undefined;
  #closed = false;

  constructor(place: Place, lock: DirectoryLock) {
    const { world, config, layout } = place;
    this.#place = place;
    this.#world = world;
    this.#config = config;
    this.#layout = layout;
    this.#lock = lock;
    this.#machine = lifecycleMachine({
      dataDirectory: layout.data,
      keepRunning: config.keepRunning,
      limits: config.limits,
    });
    this.#state = this.#machine.initial;
    void this.#look();
  }

  get state(): Lifecycle {
    return this.#state;
  }

  get childPid(): number | undefined {
    return this.#childPid;
  }

  /** Resolves when it is so, rejects with why it cannot be. */
  request(what: Ask['what'], force: Force = 'fast', work?: Work): Promise<void> {
    if (this.#closed) return Promise.reject(shuttingDown());
    if (this.#waiters.size >= asksMax) return Promise.reject(tooManyRequests());
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, { resolve, reject, work });
      this.#post({ kind: 'asked', id, what, force });
    });
  }

  /** Does `work` on the data directory of a server that is stopped, and answers what it answers. */
  async overhaul<T>(what: 'rewind' | 'clone', work: (watch: WatchTool) => Promise<T>): Promise<T> {
    let result: { readonly value: T } | undefined;
    await this.request(what, 'fast', async (watch) => {
      result = { value: await work(watch) };
    });
    assert(result !== undefined, 'who is told that it is done has had it done');
    return result.value;
  }

  /** Lets a server that has crashed replay its log as a standby that follows nobody, and stops it cleanly. */
  async recover(): Promise<void> {
    this.#alone = true;
    try {
      await this.request('start');
    } finally {
      this.#alone = false;
    }
    await this.request('stop');
  }

  /** From now on every start is one as a standby. Durable when it resolves. */
  async keepAsStandby(): Promise<void> {
    if (this.#place.keeper.record.standby) return;
    await this.#lock.verify();
    await this.#place.keeper.change({ standby: true });
  }

  /** What is so, looked at afresh. */
  async look(): Promise<Server> {
    await this.#look();
    return this.#state.server;
  }

  /** Ends the watching, and a program that works on the data directory, whose work would be undone anyway. Postgres runs on. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#lookTimer?.cancel();
    this.#deadlineTimer?.cancel();
    this.#vigilTimer?.cancel();
    for (const waiter of this.#waiters.values()) waiter.reject(shuttingDown());
    this.#waiters.clear();
    this.#tool?.signal('SIGTERM');
    const kill = this.#world.clock.after(toolMsMax, () => this.#tool?.signal('SIGKILL'));
    await this.#working;
    kill.cancel();
  }

  #post(event: Untimed<LifecycleEvent>): void {
    if (this.#closed) return;
    const before = this.#state.server.kind;
    const timed = { ...event, nowMs: this.#world.clock.nowMs() } as LifecycleEvent;
    const [next, effects] = this.#machine.step(this.#state, timed);
    this.#state = next;
    if (next.server.kind !== before) {
      this.#world.telemetry.log.info('server changed', { from: before, to: next.server.kind, by: event.kind });
    }
    for (const effect of effects) this.#start(effect);
    this.#schedule();
  }

  #schedule(): void {
    this.#lookTimer?.cancel();
    const everyMs = observeEveryMs(this.#state, this.#world.clock.nowMs());
    if (everyMs !== undefined && this.#looking === undefined) {
      this.#lookTimer = this.#world.clock.after(everyMs, () => void this.#look());
    }
    this.#keepVigil();
    this.#deadlineTimer?.cancel();
    const deadlineMs = nextDeadlineMs(this.#state, this.#config.limits);
    if (deadlineMs === undefined) return;
    const inMs = Math.max(0, deadlineMs - this.#world.clock.nowMs());
    this.#deadlineTimer = this.#world.clock.after(inMs, () => this.#post({ kind: 'ticked' }));
  }

  /** Cheaper than a look, so it may be done more often: a look follows when the process is gone. */
  #keepVigil(): void {
    this.#vigilTimer?.cancel();
    const { server } = this.#state;
    if (server.kind !== 'running' || server.pid === this.#childPid) return;
    const { pid } = server;
    this.#vigilTimer = this.#world.clock.after(vigilEveryMs, () => {
      if (this.#world.processes.isAlive(pid)) this.#keepVigil();
      else void this.#look();
    });
  }

  #start(effect: LifecycleEffect): void {
    switch (effect.kind) {
      case 'observe':
        void this.#look();
        return;
      case 'initialize':
        this.#working = this.#initialize(effect.id);
        return;
      case 'overhaul':
        this.#working = this.#overhaul(effect.id);
        return;
      case 'spawn':
        void this.#spawn();
        return;
      case 'explain':
        void this.#explain(effect.pid, effect.exit);
        return;
      case 'stop':
        void this.#signal(effect.pid, effect.force);
        return;
      case 'reload':
        this.#world.processes.signal(effect.pid, 'SIGHUP');
        return;
      case 'promote':
        void this.#promote(effect.pid);
        return;
      case 'restartLater':
        void this.#world.clock
          .sleep(restartPauseMs(effect.attempt, this.#world.random))
          .then(() => this.#post({ kind: 'restartDue' }));
        return;
      case 'answer':
        this.#answer(effect.id, effect.refusal);
        return;
      case 'answerLate':
        void this.#answerLate(effect.id);
        return;
    }
  }

  #answer(id: number, refusal: PgError | undefined): void {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    if (refusal === undefined) waiter?.resolve();
    else waiter?.reject(refusal);
  }

  async #answerLate(id: number): Promise<void> {
    let tail = '';
    try {
      tail = logTail(await readEvidence(this.#world, this.#layout, this.#childPid, ''));
    } catch (error) {
      this.#world.telemetry.log.warn('cannot read the log of Postgres', { error: String(error) });
    }
    this.#answer(id, startTimeout(this.#config.limits.startMsMax, tail));
  }

  /** One look at a time; a wish during a look means one more. */
  #look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#lookAgain = true;
      return this.#looking;
    }
    this.#looking = this.#lookUntilFresh().then(() => {
      this.#looking = undefined;
      if (!this.#closed) this.#schedule();
    });
    return this.#looking;
  }

  async #lookUntilFresh(): Promise<void> {
    do {
      this.#lookAgain = false;
      const deeds = this.#deeds;
      try {
        const data = await observeData(this.#world, this.#layout, this.#expected());
        const server = await this.#observeServer();
        if (deeds === this.#deeds) this.#post({ kind: 'observed', data, server });
        else this.#lookAgain = true;
      } catch (error) {
        this.#world.telemetry.log.error('cannot look at the data directory', { error: String(error) });
        await this.#world.clock.sleep(1_000);
        this.#lookAgain = true;
      }
    } while (this.#lookAgain && !this.#closed);
  }

  #known(): KnownServer {
    const { server } = this.#state;
    const primaryPid = server.kind === 'running' && !server.standby ? server.pid : undefined;
    return { childPid: this.#childPid, lastPid: 'pid' in server ? server.pid : undefined, primaryPid };
  }

  #observeServer(): Promise<ServerSeen> {
    const { data } = this.#layout;
    const ask = (): Promise<ControlData> => readControlData(this.#world, this.#config, data);
    return observeServer(this.#world, this.#layout, this.#known(), ask);
  }

  /** A data directory that is not the member's own must not speak for it; a server alone may be given any. */
  #expected(): ExpectedData {
    const { incarnation, rewinding, swap } = this.#place.keeper.record;
    const mine = this.#config.member ? incarnation : undefined;
    return { major: this.#place.programs.version.major, incarnation: mine, rewinding, swap };
  }

  async #initialize(id: number): Promise<void> {
    const refusal = await this.#work(id, 'initdb');
    this.#post(refusal === undefined ? { kind: 'initialized' } : { kind: 'initRefused', refusal });
  }

  async #overhaul(id: number): Promise<void> {
    const refusal = await this.#work(id, 'pg_basebackup');
    this.#post({ kind: 'overhauled', id, refusal });
  }

  /** Does what the ask wants; answers why it could not be done. */
  async #work(id: number, program: string): Promise<PgError | undefined> {
    const work = this.#waiters.get(id)?.work ?? noWork;
    this.#deeds += 1;
    try {
      await this.#lock.verify();
      await work((child) => {
        this.#tool = child;
      });
      return undefined;
    } catch (error) {
      return refusalOf(error, `${this.#config.binDirectory}/${program}`);
    } finally {
      this.#deeds += 1;
    }
  }

  async #spawn(): Promise<void> {
    this.#deeds += 1;
    let child: Child;
    try {
      await this.#lock.verify();
      child = await spawnServer(this.#place, {
        standby: this.#place.keeper.record.standby,
        alone: this.#alone,
        again: this.#started,
      });
    } catch (error) {
      this.#deeds += 1;
      const refusal = refusalOf(error, `${this.#config.binDirectory}/postgres`);
      this.#post({ kind: 'startRefused', refusal });
      return;
    }
    this.#deeds += 1;
    this.#started = true;
    this.#childPid = child.pid;
    this.#post({ kind: 'spawned', pid: child.pid });
    const exit = await child.exited;
    this.#deeds += 1;
    if (this.#childPid === child.pid) this.#childPid = undefined;
    this.#post({ kind: 'exited', pid: child.pid, exit: exitText(exit) });
  }

  async #promote(pid: number): Promise<void> {
    try {
      await this.#lock.verify();
      const seen = await this.#observeServer();
      if (seen.kind === 'alive' && seen.pid === pid) await tellToPromote(this.#world, this.#layout, pid);
    } catch (error) {
      this.#post({ kind: 'promoteRefused', refusal: refusalOf(error, `${this.#config.binDirectory}/postgres`) });
    }
    void this.#look();
  }

  async #explain(pid: number | undefined, exit: string): Promise<void> {
    let refusal: PgError;
    try {
      refusal = startFailed(startTrouble(await this.#evidence(pid, exit)));
    } catch (error) {
      refusal = refusalOf(error, 'tail');
    }
    this.#post({ kind: 'startRefused', refusal });
  }

  /** Waits a little for the last words of the server. */
  async #evidence(pid: number | undefined, exit: string): Promise<StartEvidence> {
    for (let look = 1; ; look++) {
      const evidence = await readEvidence(this.#world, this.#layout, pid, exit);
      if (isConclusive(evidence) || look === evidenceLooksMax) return evidence;
      await this.#world.clock.sleep(evidencePauseMs);
    }
  }

  /** A pid that we only know from a file is checked once more: it must not have become somebody else's. */
  async #signal(pid: number, force: Force): Promise<void> {
    try {
      const seen = await this.#observeServer();
      if (seen.kind === 'alive' && seen.pid === pid) this.#world.processes.signal(pid, signalOf[force]);
    } catch (error) {
      this.#world.telemetry.log.error('cannot stop Postgres', { error: String(error) });
    }
    void this.#look();
  }
}

function refusalOf(error: unknown, program: string): PgError {
  if (error instanceof PgError) return error;
  if (error instanceof ProcessError) return programUnusable(program, error.message, error);
  throw error;
}
