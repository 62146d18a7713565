import {
  assert,
  sameBytes,
  type Clock,
  type Connection,
  type Listener,
  type Lsn,
  type PgError,
  type Random,
  type Timer,
  type World,
} from '@multigres/core';
import {
  encodeBase64,
  formatScramVerifier,
  mockScramVerifier,
  scramVerifierOfPassword,
  type AuthenticationMethod,
  type ScramVerifier,
  type StartupRequest,
} from '@multigres/pgwire';

import {
  cannotConnectNow,
  couldNotWriteConfig,
  mayNotLogIn,
  mayNotReplicate,
  mustBeSuperuserToSignal,
  tooManyConnections,
  tooManySenders,
  undefinedDatabase,
  undefinedLogin,
  unsupported,
} from '../errors.ts';
import type { RoleBook, RoleOptions, SessionClient, SessionHost } from '../session/host.ts';
import type { ActivityEntry } from '../sql/system-views.ts';
import type { Notification } from '../session/notifications.ts';
import { Session } from '../session/session.ts';
import { settingDefinition } from '../session/setting-table.ts';
import type { LogLevel } from '../replication/replication-host.ts';
import type { SyncMode } from '../replication/sync-waits.ts';
import { DataDirectory } from '../storage/data-directory.ts';
import { Store } from '../storage/store.ts';
import type { Task, Wait } from '../wait.ts';
import { Backend } from './backend.ts';
import { Flusher } from './flusher.ts';
import type { LoggedIn } from './login.ts';
import { configText } from './configuration.ts';
import type { DelayMs, PostgresOptions } from './options.ts';
import { ServerProcesses, type ProcessesHost } from './processes.ts';

/** `down`: nobody listens. The others listen, and all but `up` refuse with 57P03. */
export type Phase = 'down' | 'starting up' | 'in recovery mode' | 'up' | 'shutting down';

const firstPid = 1001;
const firstDatabaseOid = 5;

/** The postmaster and what its backends share. Lives as long as the model; `store` is new after every start. */
export class Server implements SessionHost, ProcessesHost {
  readonly directory: DataDirectory;
  readonly #roles: Map<string, RoleOptions>;
  readonly #options: PostgresOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #delays: Random;
  readonly world: World;
  readonly #verifiers: Map<string, ScramVerifier> = new Map();
  readonly #backends: Map<number, Backend> = new Map();
  #store: Store | undefined;
  #processes: ServerProcesses | undefined;
  #flusher: Flusher | undefined;
  #listener: Listener | undefined;
  #phase: Phase = 'down';
  #nextPid = firstPid;
  /** Counts starts, so that a timer of an earlier life does nothing. */
  #life = 0;
  #served: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  constructor(world: World, options: PostgresOptions) {
    this.world = world;
    this.#options = options;
    this.#clock = world.clock;
    this.#random = world.random.fork('postgres');
    this.#delays = this.#random.fork('delays');
    this.directory = options.directory ?? new DataDirectory(options);
    const roles = options.roles ?? this.directory.roles;
    this.#roles = new Map(roles.map((role) => [role.name, role]));
  }

  get phase(): Phase {
    return this.#phase;
  }

  get store(): Store {
    assert(this.#store !== undefined, 'a session exists only while the server is up');
    return this.#store;
  }

  /** The store, or undefined while the server is not up. */
  get storeIfUp(): Store | undefined {
    return this.#store;
  }

  get backends(): Iterable<Backend> {
    return this.#backends.values();
  }

  get listener(): Listener | undefined {
    return this.#listener;
  }

  get minorMax(): 0 | 2 {
    return this.#major >= 18 ? 2 : 0;
  }

  get #major(): number {
    return Number.parseInt(this.#options.serverVersion ?? '17', 10);
  }

  get roles(): RoleBook {
    return this.store.roles;
  }

  get inRecovery(): boolean {
    return this.#store?.inRecovery === true;
  }

  activity(): ActivityEntry[] {
    const backends = [...this.#backends.values()].flatMap(({ entry }) => entry ?? []);
    return [...this.processes.activity(), ...backends];
  }

  // What the other processes need.

  get processes(): ServerProcesses {
    assert(this.#processes !== undefined, 'the processes run while the server does');
    return this.#processes;
  }

  get processesIfUp(): ServerProcesses | undefined {
    return this.#processes;
  }

  get random(): Random {
    return this.#random;
  }

  get conf(): Readonly<Record<string, string>> {
    const { settings = {} } = this.#options;
    return typeof settings === 'function' ? settings() : settings;
  }

  get reloadDelayMs(): DelayMs | undefined {
    return this.#options.reloadDelayMs;
  }

  get checkpointDelayMs(): DelayMs | undefined {
    return this.#options.checkpointDelayMs;
  }

  newPid(): number {
    const pid = this.#nextPid;
    this.#nextPid += 1;
    return pid;
  }

  flushMs(): number {
    return this.draw(this.#options.flushDelayMs);
  }

  async passwordOf(conninfo: ReadonlyMap<string, string>): Promise<string | undefined> {
    return this.#options.passwordOf?.(conninfo) ?? conninfo.get('password');
  }

  log(level: LogLevel, message: string): void {
    this.#options.onLog?.(level, message);
  }

  // Life and death.

  /** Listens, then recovers from the log; resolves when clients are served, be it only to read. Rejects if that can not be. */
  async start(): Promise<void> {
    assert(this.#phase === 'down', 'only a server that is down is started');
    assert(this.directory.usable, 'a data directory that was left in the middle of a rewind or a copy is not started');
    this.#phase = 'starting up';
    this.#listener = await this.world.network.listen(this.#options.endpoint, (connection) => this.#accept(connection));
    await this.#recover('starting up');
  }

  async #recover(phase: 'starting up' | 'in recovery mode'): Promise<void> {
    this.#phase = phase;
    this.#life += 1;
    const life = this.#life;
    const delayMs = this.draw(this.#options.startDelayMs);
    if (delayMs > 0) await this.#clock.sleep(delayMs);
    if (life !== this.#life) return;
    this.#loseUnflushed();
    this.directory.forgetMemory();
    this.#store = new Store(this.directory, this.#roles);
    this.#processes = new ServerProcesses(this);
    await new Promise<void>((resolve, reject) => {
      this.#served = { resolve, reject };
      this.processes.start();
    });
  }

  serve(readOnly: boolean): void {
    this.#flusher ??= readOnly ? undefined : new Flusher(this.#clock, this.directory.log, () => this.flushMs());
    if (this.#phase !== 'shutting down') this.#phase = 'up';
    this.#served?.resolve();
    this.#served = undefined;
  }

  fail(reason: string): void {
    const served = this.#served;
    this.#served = undefined;
    this.crash();
    served?.reject(new Error(reason));
  }

  /** What the last life had not flushed is lost, but for a prefix of random length. */
  #loseUnflushed(): void {
    this.directory.log.forgetListeners();
    this.directory.log.loseUnflushed((count) => (count === 0 ? 0 : this.#random.below(count + 1)));
  }

  /** Everything dies at once. */
  #die(): void {
    this.#life += 1;
    this.#flusher?.stop();
    this.#flusher = undefined;
    this.#processes?.stop();
    this.#processes = undefined;
    for (const backend of [...this.#backends.values()]) backend.vanish();
    this.#backends.clear();
    this.#store = undefined;
    this.#loseUnflushed();
  }

  /** kill -9 of the postmaster and all its children, or a power loss. Nobody listens until `start`. */
  crash(): void {
    this.#die();
    this.#phase = 'down';
    this.#closeListener();
    this.#options.onExit?.();
  }

  /** A backend has crashed: the postmaster throws all out and recovers, refusing clients meanwhile, or ends (restart_after_crash). */
  async crashAndRecover(): Promise<void> {
    if (this.#phase === 'down') return;
    if (this.#processes?.config.get('restart_after_crash') === 'off') {
      this.crash();
      return;
    }
    this.#die();
    await this.#recover('in recovery mode');
  }

  /** Fast shutdown: every session is told 57P01, its transaction rolled back, the log flushed, and followers have it. */
  stop(): void {
    if (this.#phase === 'down') return;
    this.#phase = 'shutting down';
    for (const backend of [...this.#backends.values()]) if (!backend.isSender) backend.terminate();
    this.#clock.soon(() => this.#finishStop('sessions'));
  }

  #finishStop(waitsFor: 'sessions' | 'followers'): void {
    if (this.#phase !== 'shutting down') return;
    const stays = waitsFor === 'sessions' && [...this.#backends.values()].some((backend) => !backend.isSender);
    const processes = this.#processes;
    if (stays || (waitsFor === 'followers' && processes?.haveDelivered === false)) {
      this.#clock.after(1, () => this.#finishStop(waitsFor));
      return;
    }
    if (waitsFor === 'sessions' && processes !== undefined) {
      this.#writeLast(processes);
      this.#finishStop('followers');
      return;
    }
    this.#life += 1;
    processes?.stop();
    this.#processes = undefined;
    this.#flusher?.stop();
    this.#flusher = undefined;
    this.#store = undefined;
    this.#phase = 'down';
    this.#closeListener();
    this.#options.onExit?.();
  }

  /** The checkpoint of a shutdown. A standby stops following and makes a restartpoint. */
  #writeLast(processes: ServerProcesses): void {
    if (!processes.inRecovery) {
      this.directory.checkpoint(true);
      return;
    }
    processes.startup.stop();
    this.directory.restartpoint();
    this.directory.noteRecovered();
    this.directory.control.state = 'shut down in recovery';
  }

  #closeListener(): void {
    const listener = this.#listener;
    this.#listener = undefined;
    void listener?.close();
  }

  // Connections.

  #accept(connection: Connection): void {
    const pid = this.newPid();
    const backend = new Backend(this, connection, pid, this.#random.bytes(this.minorMax === 2 ? 32 : 4));
    this.#backends.set(pid, backend);
  }

  ended(backend: Backend): void {
    this.#backends.delete(backend.pid);
  }

  /** How a client has to log in, or why it may not. Postgres asks in this order. `remote` is a path for who came by a socket file. */
  authenticationFor(request: StartupRequest, remote: string): AuthenticationMethod {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return { kind: 'reject', error: refusal };
    const { authentication = 'trust' } = this.#options;
    if (authentication === 'trust' || (authentication === 'local' && remote.startsWith('/'))) return { kind: 'trust' };
    const nonce = encodeBase64(this.#random.bytes(18));
    const role = this.roles.get(request.user);
    if (role?.password === undefined) {
      return { kind: 'scram', verifier: mockScramVerifier(request.user, new Uint8Array(32)), nonce, doomed: true };
    }
    return { kind: 'scram', verifier: this.#verifier(role.name, role.password), nonce };
  }

  /** ALTER ROLE ... PASSWORD, by somebody outside of the simulated world. */
  setPassword(name: string, password: string): void {
    this.#roles.set(name, { ...this.#roles.get(name), name, password });
  }

  storedPassword(name: string): string | undefined {
    const password = this.roles.get(name)?.password;
    return password === undefined ? undefined : formatScramVerifier(this.#verifier(name, password));
  }

  #refusal(request: StartupRequest): PgError | undefined {
    if (this.#phase === 'starting up' || this.#phase === 'in recovery mode') return cannotConnectNow(this.#phase);
    if (this.#phase !== 'up') return cannotConnectNow('shutting down');
    if (request.replication === 'logical') {
      this.unsupported('a logical replication connection');
      return unsupported('a logical replication connection');
    }
    const sessions = [...this.#backends.values()].filter((backend) => backend.session !== undefined).length;
    return sessions >= this.#connectionsMax ? tooManyConnections() : undefined;
  }

  get #connectionsMax(): number {
    return Number(configText(this.processes.config, 'max_connections'));
  }

  #verifier(user: string, password: string): ScramVerifier {
    let verifier = this.#verifiers.get(`${user} ${password}`);
    if (verifier === undefined) {
      verifier = scramVerifierOfPassword(password, this.#random.bytes(16), this.#options.scramIterations ?? 4096);
      this.#verifiers.set(`${user} ${password}`, verifier);
    }
    return verifier;
  }

  /** Makes the session of somebody who has proven who it is. Throws what refuses it: 3D000, 28000, bad settings. */
  openSession(backend: Backend, loggedIn: LoggedIn, client: SessionClient): Session {
    const { user, database } = loggedIn;
    const role = this.roles.get(user);
    if (role === undefined) throw undefinedLogin(user);
    if (role.login === false) throw mayNotLogIn(user);
    if (this.store.database(database) === undefined) throw undefinedDatabase(database);
    const session = new Session({ pid: backend.pid, user, database }, this, client);
    const version = this.#options.serverVersion ?? '17.2';
    session.settings.setReset('server_version', version);
    session.reconfigure(this.processes.config);
    for (const [name, value] of Object.entries(role.settings ?? {})) session.settings.setReset(name, value);
    for (const [name, value] of loggedIn.settings) session.setStartupSetting(name, value);
    return session;
  }

  /** Whether somebody may be served by a walsender; throws 28000, 42501, 53300. */
  admitSender(user: string): void {
    const role = this.roles.get(user);
    if (role === undefined) throw undefinedLogin(user);
    if (role.login === false) throw mayNotLogIn(user);
    if (role.superuser !== true && role.replication !== true) throw mayNotReplicate(this.#major);
    const { config, senders } = this.processes;
    if (senders.size >= Number(configText(config, 'max_wal_senders'))) throw tooManySenders();
  }

  cancelRequest(pid: number, secretKey: Uint8Array): void {
    const backend = this.#backends.get(pid);
    if (backend !== undefined && sameBytes(backend.secretKey, secretKey)) backend.cancel();
  }

  /** The backend of a pid, for faults. */
  backend(pid: number): Backend | undefined {
    return this.#backends.get(pid);
  }

  unsupported(text: string): void {
    this.#options.onUnsupported(text);
  }

  // What sessions ask for.

  soon(run: () => void): void {
    this.#clock.soon(run);
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#clock.after(delayMs, run);
  }

  wallMicros(): bigint {
    return BigInt(Math.round(this.#clock.wallMs() * 1000));
  }

  fraction(): number {
    return this.#random.fraction();
  }

  sleep(delayMs: number): Wait {
    let timer: Timer | undefined;
    return {
      event: 'PgSleep',
      start: (wake) => {
        timer = this.#clock.after(delayMs, wake);
      },
      cancel: () => timer?.cancel(),
    };
  }

  /** `text`: of a Query. */
  statementDelayMs(text: string): number {
    return this.draw(this.#options.statementDelayMs) + (this.#options.delayOfText?.(text) ?? 0);
  }

  draw(range: DelayMs | undefined): number {
    if (range === undefined || range.greatest <= 0) return 0;
    return range.least + this.#delays.fraction() * (range.greatest - range.least);
  }

  flush(lsn: Lsn): Task<void> {
    return (this.#flusher as Flusher).flush(lsn);
  }

  *replicate(lsn: Lsn, mode: SyncMode, session: Session): Task<void> {
    this.#options.onCommit?.(lsn, 'flushed');
    let interrupted = false;
    yield* this.processes.syncWaits.wait(lsn, mode, {
      interrupted: (error) => {
        interrupted = true;
        session.interrupted(error);
      },
    });
    if (!interrupted) this.#options.onCommit?.(lsn, 'replicated');
  }

  *alteredSystem(): Task<void> {
    const written = this.#options.onAlterSystem?.(this.directory.autoConf);
    if (written === undefined) return;
    let failure: unknown;
    yield {
      event: 'DataFileSync',
      start: (wake) => {
        written.catch((error: unknown) => (failure = error)).finally(wake);
      },
      cancel: () => {},
      holdsOff: true,
    };
    if (failure !== undefined) throw couldNotWriteConfig();
  }

  flushLater(): void {
    this.#flusher?.later(Number(settingDefinition('wal_writer_delay')?.boot));
  }

  databaseOid(name: string): number {
    return firstDatabaseOid + this.directory.databases.indexOf(name);
  }

  publish(database: string, notifications: readonly Notification[]): void {
    for (const backend of this.#backends.values()) {
      if (backend.session?.database !== database || backend.session.notifications.channels.size === 0) continue;
      for (const notification of notifications) backend.notify(notification);
    }
  }

  signal(by: Session, pid: number, signal: 'cancel' | 'terminate'): boolean {
    const backend = this.#backends.get(pid);
    const user = backend?.session?.sessionUser ?? backend?.senderUser;
    if (backend === undefined || user === undefined) return false;
    if (by.isSuperuser(user) && !by.isSuperuser(by.currentUser)) throw mustBeSuperuserToSignal();
    if (signal === 'cancel') backend.cancel();
    else backend.terminate();
    return true;
  }
}
