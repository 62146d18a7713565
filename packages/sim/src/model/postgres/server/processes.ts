import type { Clock, Lsn, Random, World } from '@multigres/core';

import { notInRecovery } from '../errors.ts';
import type { LogLevel, ReplicationHost } from '../replication/replication-host.ts';
import { RecoveryConflicts } from '../replication/recovery-conflicts.ts';
import { StartupProcess, type StartupHost } from '../replication/startup-process.ts';
import { syncNamesOf, type SyncNames } from '../replication/sync-names.ts';
import { SyncWaits } from '../replication/sync-waits.ts';
import type { WalSender } from '../replication/wal-sender.ts';
import type { ActivityEntry } from '../sql/system-views.ts';
import type { DataDirectory } from '../storage/data-directory.ts';
import type { LogPlace } from '../storage/log.ts';
import type { LogRecord } from '../storage/log-record.ts';
import { newestOf, type TimelineHistory } from '../storage/timeline-history.ts';
import type { Store } from '../storage/store.ts';
import type { Backend } from './backend.ts';
import { configMs, configText, readConfig, reread, type Config } from './configuration.ts';
import type { DelayMs } from './options.ts';

/** What these processes need of the postmaster. */
export interface ProcessesHost {
  readonly world: World;
  readonly random: Random;
  readonly directory: DataDirectory;
  readonly store: Store;
  readonly conf: Readonly<Record<string, string>>;
  /** How long a signal to read the configuration takes to be heeded. */
  readonly reloadDelayMs: DelayMs | undefined;
  /** How long a promoted server takes to its first checkpoint. */
  readonly checkpointDelayMs: DelayMs | undefined;
  draw(range: DelayMs | undefined): number;
  newPid(): number;
  flushMs(): number;
  passwordOf(conninfo: ReadonlyMap<string, string>): Promise<string | undefined>;
  log(level: LogLevel, message: string): void;
  readonly backends: Iterable<Backend>;
  databaseOid(name: string): number;
  /** Sessions may look (`readOnly`), or write. */
  serve(readOnly: boolean): void;
  /** The server can not go on. */
  fail(reason: string): void;
}

/** The processes of a server besides its backends: startup, walreceiver, walsenders, checkpointer. Anew with every start. */
export class ServerProcesses implements StartupHost, ReplicationHost {
  readonly senders: Set<WalSender> = new Set();
  readonly syncWaits: SyncWaits = new SyncWaits();
  readonly startup: StartupProcess;
  readonly #host: ProcessesHost;
  #config: Config;
  #checkpointerConfig: Config;
  readonly #conflicts: RecoveryConflicts;
  #stopped = false;
  readonly #checkpointerPid: number;
  readonly #startedMicros: bigint;
  #promoting: Set<() => void> = new Set();

  constructor(host: ProcessesHost) {
    this.#host = host;
    this.#config = readConfig(host.conf, host.directory);
    this.#checkpointerConfig = this.#config;
    this.#checkpointerPid = host.newPid();
    this.#startedMicros = this.wallMicros();
    this.startup = new StartupProcess(this, host.directory.standbySignal);
    const backends = (): Iterable<Backend> => host.backends;
    this.#conflicts = new RecoveryConflicts(host.store, this.startup, backends, (name) => host.databaseOid(name));
  }

  // What the replicating processes ask for.

  get world(): World {
    return this.#host.world;
  }

  get clock(): Clock {
    return this.#host.world.clock;
  }

  get random(): Random {
    return this.#host.random;
  }

  get directory(): DataDirectory {
    return this.#host.directory;
  }

  get config(): Config {
    return this.#config;
  }

  get inRecovery(): boolean {
    return this.#host.store.inRecovery;
  }

  get timeline(): number {
    return this.inRecovery ? this.startup.timeline : this.directory.log.timeline;
  }

  get history(): TimelineHistory {
    return this.directory.log.historyOf(this.timeline);
  }

  get sendLimit(): Lsn {
    if (!this.inRecovery) return this.directory.log.flushedLsn;
    const { replayedLsn, reception, timeline } = this.startup;
    return reception.timeline === timeline && reception.flushedUpTo > replayedLsn ? reception.flushedUpTo : replayedLsn;
  }

  get replayedLsn(): Lsn {
    return this.startup.replayedLsn;
  }

  wallMicros(): bigint {
    return BigInt(Math.round(this.clock.wallMs() * 1000));
  }

  newPid(): number {
    return this.#host.newPid();
  }

  flushMs(): number {
    return this.#host.flushMs();
  }

  passwordOf(conninfo: ReadonlyMap<string, string>): Promise<string | undefined> {
    return this.#host.passwordOf(conninfo);
  }

  log(level: LogLevel, message: string): void {
    this.#host.log(level, message);
  }

  /** As the postmaster has them. */
  get names(): SyncNames | undefined {
    return syncNamesOf(configText(this.#config, 'synchronous_standby_names'));
  }

  /** Processes that serve no connection. */
  activity(): ActivityEntry[] {
    const startedMicros = this.#startedMicros;
    const { startup } = this;
    const entries: ActivityEntry[] = [
      { pid: this.#checkpointerPid, type: 'checkpointer', startedMicros, waitEvent: 'CheckpointerMain' },
    ];
    if (!this.inRecovery) return entries;
    entries.push({ pid: startup.pid, type: 'startup', startedMicros, waitEvent: startup.waitEvent });
    const { receiver } = startup;
    if (receiver !== undefined)
      entries.push({ pid: receiver.pid, type: 'walreceiver', startedMicros, waitEvent: receiver.waitEvent });
    return entries;
  }

  // Recovery.

  start(): void {
    const { directory } = this;
    if (directory.standbySignal) directory.control.state = 'in archive recovery';
    if (!this.startup.start()) this.#host.fail('recovery could not begin');
  }

  apply(record: LogRecord, overdue: boolean): boolean {
    const obstacle = this.#conflicts.obstacle(record.change);
    if (obstacle !== undefined) {
      if (overdue) for (const backend of obstacle.backends) backend.conflict(obstacle.detail);
      return false;
    }
    this.directory.applied.push(record);
    this.#conflicts.replayed(record.change);
    this.#host.store.replay(record.change);
    return true;
  }

  consistent(): void {
    this.#host.serve(true);
  }

  finished(place: LogPlace, history: TimelineHistory, promoted: boolean): void {
    const { directory } = this;
    const { log, control } = directory;
    this.#conflicts.releaseAll();
    const wasClean = control.state === 'shut down';
    control.state = 'in production';
    if (promoted) this.#beginTimeline(place, history);
    else {
      log.continueAt(newestOf(history).timeline, place);
      this.#host.store.endRecovery();
      if (!wasClean) directory.checkpoint(false);
    }
    this.#readNames();
    this.#host.serve(false);
    for (const sender of this.senders) sender.wake();
    for (const wake of this.#promoting) wake();
    this.#promoting.clear();
  }

  #beginTimeline(place: LogPlace, history: TimelineHistory): void {
    const { directory } = this;
    const { log, control } = directory;
    const previous = newestOf(history).timeline;
    const timeline = log.newestTimeline(previous) + 1;
    log.branchAt(timeline, place, history);
    directory.standbySignal = false;
    this.#host.store.endRecovery();
    const end = directory.append({ kind: 'endOfRecovery', timeline, previous });
    log.flushTo(end);
    control.minRecovery = end;
    control.minRecoveryTimeline = timeline;
    this.log('LOG', `selected new timeline ID: ${timeline}`);
    this.#later(this.#host.draw(this.#host.checkpointDelayMs), () => directory.checkpoint(false));
  }

  /** pg_promote() and `pg_ctl promote`. Calls `done` when the server leads. Throws 55000 if it leads already. */
  promote(done: () => void): void {
    if (!this.inRecovery) throw notInRecovery();
    this.#promoting.add(done);
    this.startup.promote();
  }

  checkpoint(): void {
    if (this.inRecovery) this.directory.restartpoint();
    else this.directory.checkpoint(false);
  }

  // Configuration.

  /** SIGHUP to the postmaster, who tells the others: each reads the files for itself, when it gets to it. */
  reload(): void {
    this.#afterSignal(() => {
      this.#config = this.#readAgain(this.#config);
      this.#afterSignal(() => {
        this.#checkpointerConfig = this.#readAgain(this.#checkpointerConfig);
        this.#readNames();
      });
      for (const process of [this.startup, ...this.senders, ...this.#host.backends])
        this.#afterSignal(() => process.configure(this.#readAgain(this.#config)));
      this.#afterSignal(() => this.startup.receiver?.configure(this.#readAgain(this.#config)));
    });
  }

  #readAgain(before: Config): Config {
    return reread(before, readConfig(this.#host.conf, this.directory));
  }

  #afterSignal(run: () => void): void {
    this.#later(this.#host.draw(this.#host.reloadDelayMs), run);
  }

  #later(delayMs: number, run: () => void): void {
    this.clock.after(delayMs, () => {
      if (!this.#stopped) run();
    });
  }

  /** The checkpointer tells everybody whether commits have to wait at all. */
  #readNames(): void {
    const names = syncNamesOf(configText(this.#checkpointerConfig, 'synchronous_standby_names'));
    this.syncWaits.setDefined(!this.inRecovery && names !== undefined);
  }

  get senderTimeoutMs(): number {
    return configMs(this.#config, 'wal_sender_timeout');
  }

  // The end.

  /** The log has been written to its end: true when every standby that streams has it. */
  get haveDelivered(): boolean {
    return [...this.senders].every((sender) => sender.hasDelivered);
  }

  stop(): void {
    this.#stopped = true;
    this.startup.stop();
    for (const sender of [...this.senders]) sender.end();
  }
}
