import {
  backoffMs,
  sqlstate,
  type PgError,
  type Clock,
  type Log,
  type PgReport,
  type Random,
  type Timer,
} from '@multigres/core';
import { backendTag, decodeParameterStatus } from '@multigres/pgwire';
import type { AnswerGuard } from '../backend/answer-guard.ts';
import type { Backend, BackendIdentity, BackendOwner } from '../backend/backend.ts';
import type { Group, GroupEnd, GroupOwner } from '../backend/group.ts';
import type { Credentials } from '@multigres/relay';
import type { PoolerLimits } from '../config.ts';
import { lineTooSlow, noCredentials, noRoom, tooManyWaiters } from '../errors.ts';
import { chores, endOfLife } from './chores.ts';
import { Claims } from './claims.ts';
import type { SchemaVersion } from '../backend/schema-version.ts';
import type { Session } from '../session/session.ts';
import type { Statement } from '../statement/statement-table.ts';
import type { PoolerMetrics, RerunReason } from '../telemetry/pooler-metrics.ts';
import { PoolMachine, type Answer, type PoolLimits } from './pool.machine.ts';
import type { DurationHistory, PaceLimits } from '../statement/duration-history.ts';
import { PoolTally, type Totals } from './pool-tally.ts';
import { sharedBackendsFor } from './shared-backends.ts';
import { SlowHeads } from './slow-heads.ts';
import type { Want } from './wait-line.ts';
import type { Probe, ProbeAnswer } from './startup-probes.ts';
import { Base, plainlyTold, type StartupSetting, type StartupSettings } from './startup-settings.ts';

/** What all backends of a pool have in common: they can stand in for each other. */
export interface PoolKey {
  readonly user: string;
  readonly database: string;
  /** Startup settings that only a login can make. */
  readonly settings: readonly StartupSetting[];
}

/** What a pool needs from the pooler around it. */
export interface PoolEnvironment {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  readonly metrics: PoolerMetrics;
  /** Of a member of a shard: says when answers may be told. */
  readonly guard: AnswerGuard | undefined;
  readonly schema: SchemaVersion;
  /** Asks for a backend; `started` or `startFailed` of the pool follows. False if all pools together have too many. */
  startBackend(pool: Pool): boolean;
  /** Asks Postgres to cancel what the backend runs; `done` follows when no signal can be on its way any more. */
  cancelBackend(backend: Backend, done: () => void): void;
  /** A backend is gone: others may want its place. */
  backendGone(pool: Pool): void;
  sessionEnded(session: Session): void;
  /** Those of all pools. */
  sessions(): Iterable<Session>;
  /** Asks Postgres about startup settings by a login of its own; see StartupProbes. */
  probe(probe: Probe, done: (answer: ProbeAnswer) => void): void;
}

/** Told once it is known whether a session may come in, and with what to go back to. */
export type Welcomed = (answer: Base | PgError) => void;

interface Arrival {
  readonly settings: readonly StartupSetting[];
  readonly done: Welcomed;
  readonly timer: Timer;
  readonly sinceMs: number;
}

/** Where a backend stands. */
export interface BackendPlace {
  readonly backend: Backend;
  readonly place: 'idle' | 'shared' | 'leased' | 'resetting';
  readonly holder: Session | undefined;
}
/** Distinct startup settings to remember; the ones unused for longest are asked about anew. */
const basesMax = 1_000;

/** A backend that does not answer an empty query for so long is dead. */
const checkAnswerMs = 5_000;

/** A reset that takes longer is not worth waiting for: the backend is closed. */
const resetMs = 10_000;

/** A session that sends transaction after transaction without waiting has at most so many under way, and keeps its backend for so many if others wait. */
export const turnGroupsMax = 64;

/** Who waits behind a slow head for longer than about so many times `slowMs` goes elsewhere; less would punish pauses of a busy machine. */
const looksPerSlow = 2.5;

/** Fewer tell nothing about the pace. */
const spreadGroupsMin = 50;

/** What a pool keeps to. */
export type PoolRules = PoolLimits &
  PaceLimits &
  Pick<PoolerLimits, 'waitMs' | 'shedMs' | 'lifetimeMs' | 'checkMs' | 'idleMs' | 'warmBackends'>;

/** Troubles of Postgres that pass by themselves. */
const passing: ReadonlySet<string> = new Set([sqlstate.cannotConnectNow, sqlstate.tooManyConnections]);

/** Backends of one user in one database, and the sessions that take turns on them. */
export class Pool implements BackendOwner {
  readonly key: PoolKey;
  get waitMs(): number {
    return this.#limits.waitMs;
  }
  /** What new sessions are told; known once a backend has logged in. */
  identity: BackendIdentity | undefined;
  /** What new sessions are told of settings. */
  parameters: Map<string, string> = new Map();
  /** Why the last login failed, until one succeeds. */
  trouble: PgError | undefined;
  /** What the latest arrival brought to log in with. */
  credentials: Credentials = { kind: 'none' };
  readonly #machine: PoolMachine<Backend, Session>;
  readonly #environment: PoolEnvironment;
  /** Which session holds a leased backend. */
  readonly #holders: Map<Backend, Session> = new Map();
  /** They have been told to go, and are not gone yet. */
  readonly #closing: Set<Backend> = new Set();
  #share = Infinity;
  readonly #nowMs: () => number;
  #limits: PoolRules;
  readonly #slowHeads: SlowHeads<Backend>;
  readonly #claims: Claims<Backend>;
  /** Shared groups since the last look at their pace, and how long they took. */
  #sharedGroups = 0;
  #sharedMs = 0;
  readonly #tally: PoolTally = new PoolTally();
  #attempts = 0;
  /** The last backend went without being told to. */
  #wasLost = false;
  #retry: Timer | undefined;
  /** Arrivals that wait for the first login. */
  readonly #welcomes: Set<Arrival> = new Set();
  /** By the settings, as text; the ones used last are behind. */
  readonly #bases: Map<string, Base> = new Map();
  /** Who waits to hear of the same settings. */
  readonly #probing: Map<string, Welcomed[]> = new Map();

  constructor(key: PoolKey, limits: PoolRules, environment: PoolEnvironment) {
    this.key = key;
    this.#machine = new PoolMachine(limits);
    this.#environment = environment;
    this.#nowMs = () => environment.clock.nowMs();
    this.#limits = limits;
    this.#claims = new Claims<Backend>({
      clock: environment.clock,
      isWanted: () => this.#machine.waiters > 0 || this.#machine.askedBack > 0 || this.#machine.isPaused,
      holders: () => this.#holders,
    });
    this.#slowHeads = new SlowHeads<Backend>({
      clock: environment.clock,
      lookMs: looksPerSlow * limits.slowMs,
      lines: () => this.#machine.sharedBackends,
      evacuate: (backend) => this.#evacuate(backend),
      looked: () => this.#spread(),
    });
  }

  /** Other limits from now on. Backends that are too many now end soon after they are given back. */
  adjust(limits: PoolRules): void {
    this.#limits = limits;
    this.#machine.adjust(limits);
    this.tidy();
  }

  get metrics(): PoolerMetrics {
    return this.#environment.metrics;
  }

  get guard(): AnswerGuard | undefined {
    return this.#environment.guard;
  }

  get schema(): SchemaVersion {
    return this.#environment.schema;
  }

  get waiters(): number {
    return this.#machine.waiters;
  }

  get counts(): {
    readonly idle: number;
    readonly shared: number;
    readonly alone: number;
    readonly leased: number;
    readonly starting: number;
    readonly waiting: number;
  } {
    const machine = this.#machine;
    return {
      idle: machine.idle.length,
      shared: machine.shared,
      alone: machine.alone,
      leased: machine.leased,
      starting: machine.starting,
      waiting: machine.waiters,
    };
  }

  /** Every backend, where it stands and who holds it, for views. */
  get places(): readonly BackendPlace[] {
    const idle = new Set(this.#machine.idle);
    return this.#machine.everyBackend.map((backend) => {
      const holder = this.#holders.get(backend);
      if (holder !== undefined) return { backend, place: 'leased', holder };
      return { backend, place: idle.has(backend) ? 'idle' : backend.owedGroups > 0 ? 'shared' : 'resetting', holder };
    });
  }

  get isEmpty(): boolean {
    return this.hasNoBackends && this.#machine.waiters === 0 && this.#welcomes.size === 0 && this.#probing.size === 0;
  }

  /**
   * A session arrives. Calls back once it is known what to tell it: at once if a backend has logged in before, else when one has; with the
   * error if it may not log in.
   */
  welcome(credentials: Credentials, { base }: StartupSettings, done: Welcomed): void {
    if (credentials.kind !== 'none') this.credentials = credentials;
    if (this.identity === undefined || this.#isAway) {
      // All places may be taken by other pools: then it waits for one, as a statement would.
      const timer = this.#environment.clock.after(this.waitMs, () => {
        this.#welcomes.delete(arrival);
        done(this.trouble ?? noRoom());
      });
      const arrival = { settings: base, done, timer, sinceMs: this.#nowMs() };
      this.#welcomes.add(arrival);
      return this.#grow();
    }
    // Postgres asked for a password before: who brings none must not use backends that others opened.
    if (credentials.kind === 'none' && !this.identity.trusted) return done(noCredentials(this.key.user));
    this.#findBase(base, done);
  }

  /** Postgres was lost, or cannot be reached: who comes now has to hear whether it is there. */
  get #isAway(): boolean {
    if (this.#machine.backends > 0) return false;
    return this.#wasLost || this.trouble?.sqlstate === sqlstate.cannotConnectNow;
  }

  /** What a new session with this base is told of settings. */
  parametersFor(base: Base, applicationName: string | undefined): [name: string, value: string][] {
    return base.parameters(this.parameters, applicationName);
  }

  /** `history`: of the text of a shareable group. */
  ask(session: Session, shareable: boolean, history: DurationHistory | undefined): Answer<Backend> {
    const want = shareable ? this.#wantOf(history) : 'lease';
    const answer = this.#machine.ask(session, want, session, this.#nowMs);
    if (answer.kind === 'taken') this.#given(answer.backend, session, want);
    else if (answer.kind === 'waiting' && this.#sheds()) {
      this.#machine.forget(session);
      return { kind: 'full' };
    }
    if (answer.kind === 'waiting') this.#claims.watch();
    this.#grow();
    return answer;
  }

  /** The wait of the first in line is what whoever comes now may expect at least. */
  #sheds(): boolean {
    const { shedMs } = this.#limits;
    return shedMs !== Infinity && this.#oldestWaitMs() > shedMs;
  }

  #oldestWaitMs(): number {
    return this.#nowMs() - (this.#machine.oldestSinceMs ?? Infinity);
  }

  /** What who may not even wait is told. */
  refusal(): PgError {
    return this.#sheds() ? lineTooSlow(this.#oldestWaitMs()) : tooManyWaiters(this.waiters);
  }

  /**
   * What is slow runs alone. What nobody knows does, too, if there is a backend for it now; else it is taken for fast, so that it need not wait behind slow ones.
   */
  #wantOf(history: DurationHistory | undefined): Want {
    const pace = history?.pace ?? 'unknown';
    if (pace === 'fast' || this.#limits.slowMs === Infinity) return 'share';
    return pace === 'slow' || this.#machine.mayRunAlone ? 'alone' : 'share';
  }

  #given(backend: Backend, session: Session, want: Want): void {
    if (want === 'lease') this.#lease(backend, session);
    else if (backend.owedGroups > 0) this.#slowHeads.watch();
  }

  #lease(backend: Backend, session: Session): void {
    this.#holders.set(backend, session);
    backend.turnGroups = 0;
  }

  /** Whether whoever holds the backend has to ask anew before its next transaction, however much of it is waiting. */
  wantsTurn(backend: Backend): boolean {
    return backend.retired || (backend.turnGroups >= turnGroupsMax && this.#machine.waitersForBackend > 0);
  }

  forget(session: Session): void {
    this.#machine.forget(session);
  }

  release(backend: Backend): void {
    this.#holders.delete(backend);
    if (backend.retired) this.#close(backend);
    else this.#machine.released(backend);
    this.#dispatch();
  }

  /** Gives back a backend that may hold state of the session: it is reset first, or closed if nothing resets it. */
  releaseDirty(backend: Backend, resettable: boolean): void {
    this.#holders.delete(backend);
    if (!resettable || backend.retired) {
      this.#close(backend);
      return this.#dispatch();
    }
    const timer = this.#environment.clock.after(resetMs, () => backend.destroy());
    this.metrics.resets.add();
    backend.query(new Reset(this, backend, timer), 'DISCARD ALL');
  }

  /** The reset is through. */
  resetDone(backend: Backend, clean: boolean): void {
    if (!clean) return backend.destroy();
    backend.statements.clear();
    backend.settings = '';
    backend.applicationName = undefined;
    this.release(backend);
  }

  /** A backend whose settings could not be made the session's: nobody knows what they are. */
  discard(backend: Backend): void {
    this.#holders.delete(backend);
    backend.retired = true;
    backend.destroy();
  }

  /** Gives back a backend in the middle of something: Postgres is asked to stop, and rolls back when the connection ends. */
  abandon(backend: Backend, session: Session): void {
    this.#holders.delete(backend);
    backend.retired = true;
    if (backend.head?.owner !== session) return backend.destroy();
    this.#environment.cancelBackend(backend, () => backend.destroy());
  }

  /** The head keeps this shared backend for longer: who stands behind is served elsewhere, and nobody new comes. */
  isolate(backend: Backend, reason: RerunReason): void {
    if (backend.isLost || !this.#machine.isolate(backend)) return;
    this.metrics.isolations.add();
    for (const group of backend.evacuate()) (group.owner as Session).rerun(group, reason);
    this.#dispatch();
  }

  /** A backend that was held back sends again: it may be of use to those who wait. */
  goesOn(): void {
    if (this.#machine.waiters > 0) this.#dispatch();
  }

  /** `done` is called when a signal that had to be sent at once is not under way any more. One that has to wait for its turn hits its own group or none. */
  cancel(backend: Backend, session: Session, done: () => void): void {
    const head = backend.head;
    if (head === undefined) {
      this.metrics.cancelled('late');
      return done();
    }
    // Sent when it is at the head, and when the fate of a cancel for another one is known. A preparation of the gateway's is not the client's to cancel.
    if (head.owner !== session || head.rerun || head.unseen) {
      backend.askCancel(session);
      return done();
    }
    head.cancelAsked = true;
    if (backend.cancelling) return done();
    this.#sendCancel(backend, head, done);
  }

  sessionEnded(session: Session): void {
    this.#environment.sessionEnded(session);
  }

  started(backend: Backend): void {
    this.identity = backend.identity;
    this.parameters = new Map(backend.identity.parameters);
    this.trouble = undefined;
    this.#wasLost = false;
    this.#attempts = 0;
    this.#machine.keeps = this.#limits.warmBackends;
    backend.endsMs = endOfLife(backend.connectedMs, this.#limits.lifetimeMs, this.#environment.random);
    this.#machine.started(backend);
    this.#welcomeAll(undefined);
    if (this.#machine.isPaused) this.#retire(backend);
    this.#dispatch();
  }

  /**
   * A login failed. Who is only arriving is told at once. Who waits with a statement waits on if Postgres is merely away (57P03) or full
   * (53300): it may come back before their time is up.
   */
  startFailed(error: PgError): void {
    this.#machine.startFailed();
    this.trouble = error;
    this.#welcomeAll(error);
    const others = this.#machine.backends > 0 || this.#machine.starting > 0;
    if (passing.has(error.sqlstate) || others) return this.#retryLater();
    for (const session of this.#machine.forgetAll()) session.unserved(error);
  }

  /** Looks after backends that are old or were not used for long; to be called every few seconds. */
  tidy(): void {
    const nowMs = this.#nowMs();
    const excess = Math.max(0, this.#machine.backends - this.#machine.backendsMax);
    for (const backend of this.#machine.idle.slice(0, excess)) this.#close(backend);
    const { idle, everyBackend } = this.#machine;
    const { idle: closes, old, check } = chores(idle, everyBackend, nowMs, this.#limits);
    for (const backend of closes) this.#close(backend);
    for (const backend of old) this.#retire(backend);
    for (const backend of check) this.#check(backend);
    this.#grow();
  }

  /** Asks an idle backend for a sign of life. */
  #check(backend: Backend): void {
    if (!this.#machine.borrow(backend)) return;
    const { idleSinceMs } = backend;
    const timer = this.#environment.clock.after(checkAnswerMs, () => backend.destroy());
    const through = (): void => {
      timer.cancel();
      // It was not used.
      backend.idleSinceMs = idleSinceMs;
      backend.checkedMs = this.#nowMs();
      if (backend.retired) this.#close(backend);
      else this.#machine.returned(backend);
    };
    backend.query(new Check(through, timer), '');
  }

  // --- what operators ask for ---

  /** From now on everybody waits; backends end as soon as what runs on them is through. */
  pause(): void {
    this.#machine.pause();
    this.#claims.watch();
    this.reconnect();
  }

  resume(): void {
    if (!this.#machine.isPaused) return;
    this.#machine.resume();
    this.#dispatch();
  }

  get isPaused(): boolean {
    return this.#machine.isPaused;
  }

  /** Backends that are its own by right while others lack some; Infinity while nobody does. */
  get share(): number {
    return this.#share;
  }

  set share(count: number) {
    this.#share = count;
    this.#machine.backendsMax = Math.min(this.#limits.backendsMax, count);
  }

  /** Backends that are there, on their way out or logging in. */
  get size(): number {
    return this.#machine.backends + this.#machine.starting + this.#closing.size;
  }

  /** How many backends it could use now; those that were used since `recentSinceMs` count. */
  demand(recentSinceMs: number): number {
    const recent = this.#machine.idle.filter(({ idleSinceMs }) => idleSinceMs > recentSinceMs).length;
    const arriving = this.#welcomes.size > 0 ? 1 : 0;
    return this.#machine.isPaused ? this.#machine.busy : Math.max(this.#machine.demand + recent, arriving);
  }

  /** So many backends are closed for the sake of other pools, as they become free. */
  giveBack(count: number): void {
    // Those that are on their way out already count.
    const more = Math.max(0, count - this.#closing.size);
    this.#machine.askBack(more);
    if (more > 0) this.#claims.watch();
    if (more > 0) this.#dispatch();
  }

  /** No backend is there or being started. */
  get hasNoBackends(): boolean {
    return this.#machine.backends === 0 && this.#machine.starting === 0 && this.#closing.size === 0;
  }

  /** Backends are replaced by new ones as soon as what runs on them is through. */
  reconnect(): void {
    for (const backend of this.#machine.everyBackend) this.#retire(backend);
    this.#dispatch();
  }

  /** Ends all backends, whatever they do, and tells who is only arriving. */
  closeAll(error: PgError): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#slowHeads.stop();
    this.#claims.stop();
    this.#welcomeAll(error);
    for (const backend of [...this.#machine.idle]) this.#close(backend);
    for (const backend of this.#machine.everyBackend) backend.destroy();
  }

  get totals(): Totals {
    return this.#tally.totals(this.#machine.everyBackend);
  }

  /** Since when the first in line waits; undefined if nobody does. */
  get oldestWaiterSinceMs(): number | undefined {
    const [arrival] = this.#welcomes;
    const sinceMs = this.#machine.oldestSinceMs;
    return arrival === undefined ? sinceMs : Math.min(arrival.sinceMs, sinceMs ?? Infinity);
  }

  // --- as the owner of backends ---

  groupEnded(backend: Backend, group: Group): void {
    if (group.rerun && !group.evacuated) (group.owner as Session).rerun(group, 'failure');
    if (!group.unseen) this.#learn(backend, group);
    if (backend.head === undefined) {
      if (!backend.retired || this.#machine.isLeased(backend)) this.#machine.answered(backend);
      else this.#close(backend);
      return this.#dispatch();
    }
    this.#cancelHead(backend);
    if (group.shared) this.#dispatch();
  }

  /** How long it took tells how to run its text next time. */
  #learn(backend: Backend, group: Group): void {
    const ms = this.metrics.turn.msSince(group.headTick);
    this.#tally.ended(ms, backend.isInTransaction);
    if (group.wasHeldBack) return;
    if (group.shared) {
      this.#sharedGroups += 1;
      this.#sharedMs += ms;
      group.history?.record(ms, this.#limits);
    }
    if (group.runs !== undefined && !group.failed) group.runs.statement.plan.record(ms, group.run);
  }

  /** The head of a shared backend takes longer than it may: what stands behind it runs elsewhere, if there is a place. */
  #evacuate(backend: Backend): boolean {
    if (backend.stalled) return false;
    backend.head?.history?.overran(this.#limits);
    if (!this.#machine.hasPlaceBesides(backend)) return false;
    this.isolate(backend, 'slowStatement');
    return true;
  }

  /** Short reads are spread over as many backends as their pace calls for. */
  #spread(): void {
    if (this.#sharedGroups < spreadGroupsMin) return;
    const meanMs = this.#sharedMs / this.#sharedGroups;
    this.#sharedGroups = 0;
    this.#sharedMs = 0;
    const { sharedBackendsMax, backendsMax } = this.#limits;
    this.#machine.sharedBackendsMax = sharedBackendsFor(meanMs, sharedBackendsMax, backendsMax);
  }

  asynchronous(backend: Backend, buffer: Uint8Array, start: number, end: number): void {
    const holder = this.#holders.get(backend);
    if (holder !== undefined) return holder.asynchronous(buffer, start, end);
    // On a backend that nobody holds, a setting changes only by a reload of Postgres's configuration.
    const parameter =
      buffer[start] === backendTag.parameterStatus ? decodeParameterStatus(buffer, start, end) : undefined;
    if (parameter !== undefined) this.reported(parameter.name, parameter.value, backend.head?.owner);
  }

  /** A backend without settings of a session's has this value. If that is news, all sessions hear it that have none of their own, but for the one that did. */
  reported(name: string, value: string, heardBy: GroupOwner | undefined): void {
    const before = this.parameters.get(name);
    if (before === undefined || before === value) return;
    this.parameters.set(name, value);
    for (const base of this.#bases.values()) base.adapt(this.parameters);
    for (const session of this.#environment.sessions()) {
      if (session.pool === this) session.parameterChanged(name, value, session !== heardBy);
    }
  }

  statementChanged(statement: Statement): void {
    for (const backend of this.#machine.everyBackend) backend.statements.changed(statement);
  }

  drained(backend: Backend): void {
    this.#holders.get(backend)?.drained();
  }

  backendLost(backend: Backend, unanswered: readonly Group[], fatal: PgReport | undefined): void {
    if (!backend.endsOnRequest) this.#noteLoss(backend, unanswered.length, fatal);
    this.#wasLost = !backend.endsOnRequest;
    this.#machine.lost(backend);
    this.#closing.delete(backend);
    const holder = this.#holders.get(backend);
    this.#holders.delete(backend);
    if (holder !== undefined) holder.leaseLost(unanswered, fatal);
    else for (const group of unanswered) if (!group.evacuated) group.owner.groupLost(group, fatal);
    this.#tally.lost(backend);
    this.#environment.backendGone(this);
    this.#dispatch();
  }

  #noteLoss({ identity }: Backend, unanswered: number, fatal: PgReport | undefined): void {
    this.metrics.lostBackends.add();
    const { user, database } = this.key;
    const why = { sqlstate: fatal?.sqlstate, reason: fatal?.message };
    this.#environment.log.warn('a backend was lost', {
      backend: identity.processId,
      user,
      database,
      unanswered,
      ...why,
    });
  }

  /** Asks for another backend if that would help; also called when another pool made room. */
  grow(): void {
    this.#grow();
  }

  // --- inside ---

  #findBase(settings: readonly StartupSetting[], done: Welcomed): void {
    const key = settings.length === 0 ? '' : JSON.stringify(settings);
    const known = this.#bases.get(key);
    if (known !== undefined) {
      this.#bases.delete(key);
      this.#bases.set(key, known);
      return done(known);
    }
    const told = plainlyTold(settings, this.parameters);
    if (told !== undefined) return done(this.#remember(key, new Base(settings, told, this.parameters)));
    const others = this.#probing.get(key);
    if (others !== undefined) return void others.push(done);
    const all = [done];
    this.#probing.set(key, all);
    const probe = { key: this.key, settings: [...this.key.settings, ...settings], credentials: this.credentials };
    this.#environment.probe(probe, (answer) => {
      this.#probing.delete(key);
      const outcome = isTold(answer) ? this.#remember(key, new Base(settings, answer, this.parameters)) : answer;
      for (const one of all) one(outcome);
    });
  }

  #remember(key: string, base: Base): Base {
    if (this.#bases.size >= basesMax) this.#bases.delete(this.#bases.keys().next().value as string);
    this.#bases.set(key, base);
    return base;
  }

  #dispatch(): void {
    let back = this.#machine.takeAskedBack();
    for (; back !== undefined; back = this.#machine.takeAskedBack()) this.#close(back);
    let next = this.#machine.next();
    if (next !== undefined) {
      const nowMs = this.#nowMs();
      for (; next !== undefined; next = this.#machine.next()) {
        this.#tally.waited(nowMs - next.sinceMs);
        this.#given(next.backend, next.who, next.want);
        next.who.assigned(next.backend, next.want !== 'lease');
      }
    }
    this.#grow();
  }

  /** No new work for it. */
  #retire(backend: Backend): void {
    backend.retired = true;
    if (this.#machine.idle.includes(backend)) this.#close(backend);
  }

  #close(backend: Backend): void {
    this.#machine.lost(backend);
    // Its last group may end while it is given back.
    if (this.#closing.has(backend)) return;
    this.#closing.add(backend);
    backend.close();
  }

  #retryLater(): void {
    if (this.#retry !== undefined) return;
    const delayMs = backoffMs(this.#attempts++, this.#environment.random, { firstMs: 50, lastMs: 2000 });
    this.#retry = this.#environment.clock.after(delayMs, () => {
      this.#retry = undefined;
      this.#grow();
    });
  }

  #grow(): void {
    // Who is only arriving is told at once how it stands; who waits with a statement does not make attempts more frequent.
    if (this.#machine.isPaused) return;
    if (this.#welcomes.size > 0 && this.#machine.starting === 0) this.#start();
    if (this.#retry !== undefined) return;
    while (this.#machine.wantsBackend && this.#start());
  }

  #start(): boolean {
    if (!this.#environment.startBackend(this)) return false;
    this.#machine.starts();
    return true;
  }

  #cancelHead(backend: Backend): void {
    const head = backend.head;
    if (head === undefined || backend.cancelling || backend.isLost) return;
    if (head.cancelAsked && !head.cancelSent && !head.rerun) this.#sendCancel(backend, head);
  }

  #sendCancel(backend: Backend, group: Group, done?: () => void): void {
    group.cancelSent = true;
    this.metrics.cancelled('sent');
    backend.cancelling = true;
    this.#environment.cancelBackend(backend, () => {
      backend.cancelDone();
      done?.();
      // It may have come too late, or another one was asked for meanwhile.
      this.#cancelHead(backend);
      this.#dispatch();
    });
  }

  #welcomeAll(error: PgError | undefined): void {
    const arrivals = [...this.#welcomes];
    this.#welcomes.clear();
    for (const { settings, done, timer } of arrivals) {
      timer.cancel();
      if (error === undefined) this.#findBase(settings, done);
      else done(error);
    }
  }
}

/** Owns the group of an empty query. */
class Check implements GroupOwner {
  readonly #through: () => void;
  readonly #timer: Timer;

  constructor(through: () => void, timer: Timer) {
    this.#through = through;
    this.#timer = timer;
  }

  replied(_group: Group, _buffer: Uint8Array, _start: number, _end: number, ready: GroupEnd | undefined): void {
    if (ready !== undefined) this.#through();
  }

  syncIgnored(): void {}

  groupLost(): void {
    this.#timer.cancel();
  }
}

function isTold(answer: ProbeAnswer): answer is ReadonlyMap<string, string> {
  return !(answer instanceof Error);
}

/** Owns the group of a DISCARD ALL; nobody hears its replies. */
class Reset implements GroupOwner {
  readonly #pool: Pool;
  readonly #backend: Backend;
  readonly #timer: Timer;

  constructor(pool: Pool, backend: Backend, timer: Timer) {
    this.#pool = pool;
    this.#backend = backend;
    this.#timer = timer;
  }

  replied(_group: Group, _buffer: Uint8Array, _start: number, _end: number, ready: GroupEnd | undefined): void {
    if (ready === undefined) return;
    this.#timer.cancel();
    this.#pool.resetDone(this.#backend, !ready.failed && ready.status === 'I');
  }

  syncIgnored(): void {}
  groupLost(): void {}
}
