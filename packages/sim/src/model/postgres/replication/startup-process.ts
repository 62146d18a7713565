import { formatLsn, type Lsn, type Timer } from '@multigres/core';

import { configMs, configText, type Config } from '../server/configuration.ts';
import type { FoundRecord, LogPlace } from '../storage/log.ts';
import type { LogRecord } from '../storage/log-record.ts';
import { entryOf, newestOf, timelineAt, type TimelineHistory } from '../storage/timeline-history.ts';
import type { ReplicationHost } from './replication-host.ts';
import { WalReceiver, type Reception } from './wal-receiver.ts';

/** What it needs besides: who applies records, and who hears how recovery goes. */
export interface StartupHost extends ReplicationHost {
  /** Applies a record; false if a session stands in its way. Whoever does is ended when the record is `overdue`. */
  apply(record: LogRecord, overdue: boolean): boolean;
  /** Everything that was on the disk is replayed, and it is consistent: sessions may look. */
  consistent(): void;
  /** Recovery has ended at a place of a history. */
  finished(place: LogPlace, history: TimelineHistory, promoted: boolean): void;
}

/** How often it looks whether those who stand in its way are gone. */
const conflictLookMs = 10;

type Source = 'disk' | 'stream' | 'pause';

/**
 * The startup process: replays the log, from the disk and from another server, until it is promoted (PostgreSQL's xlogrecovery.c,
 * WaitForWALToBecomeAvailable). Without standby.signal it ends where the log ends.
 */
export class StartupProcess {
  readonly pid: number;
  readonly reception: Reception = { receiveStart: 0n as Lsn, flushedUpTo: 0n as Lsn, timeline: 0, conninfo: '' };
  readonly #host: StartupHost;
  readonly #standby: boolean;
  #config: Config;
  #history: TimelineHistory;
  #place: LogPlace;
  /** The timeline in whose file the last record was. */
  #fileTimeline = 0;
  #replayTimeline: number;
  #source: Source = 'disk';
  #receiver: WalReceiver | undefined;
  #receiverRestarts = false;
  #promoted = false;
  #consistent = false;
  #ended = false;
  #running = false;
  #conflictSinceMs: number | undefined;
  #pendingConfig: Config | undefined;
  #toldCaughtUp = false;
  #lastFailureMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(host: StartupHost, standby: boolean) {
    this.pid = host.newPid();
    this.#host = host;
    this.#standby = standby;
    this.#config = host.config;
    this.#history = host.directory.recoveryHistory(standby);
    const { lsn, prev, timeline } = host.directory.control.checkpoint;
    this.#place = { lsn, prev };
    this.#replayTimeline = timeline;
  }

  get history(): TimelineHistory {
    return this.#history;
  }

  /** The timeline of what was replayed last. */
  get timeline(): number {
    return this.#replayTimeline;
  }

  get replayedLsn(): Lsn {
    return this.#place.lsn;
  }

  /** pg_last_wal_replay_lsn(): none on a server that did not begin as a standby. */
  get replayedIfStandby(): Lsn {
    return this.#standby ? this.#place.lsn : (0n as Lsn);
  }

  get receiver(): WalReceiver | undefined {
    return this.#receiver?.status === 'stopped' ? undefined : this.#receiver;
  }

  get isConsistent(): boolean {
    return this.#consistent;
  }

  /** As in pg_stat_activity. */
  get waitEvent(): string | undefined {
    if (this.#conflictSinceMs !== undefined) return 'RecoveryConflictSnapshot';
    if (this.#source === 'pause') return 'RecoveryRetrieveRetryInterval';
    return this.#source === 'stream' ? 'RecoveryWalStream' : undefined;
  }

  /** Begins. Answers false where there is no place to begin: the log lacks the checkpoint, or its history does not pass there. */
  start(): boolean {
    const { directory } = this.#host;
    if (!directory.isAncestor(this.#history)) {
      const { timeline } = newestOf(this.#history);
      this.#host.log('FATAL', `requested timeline ${timeline} is not a child of this server's history`);
      return false;
    }
    if (directory.log.next(this.#place, this.#history)?.record.change.kind !== 'checkpoint') {
      this.#host.log('PANIC', 'could not locate a valid checkpoint record');
      return false;
    }
    this.#run();
    return true;
  }

  stop(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#receiver?.stop();
  }

  promote(): void {
    this.#promoted = true;
    this.#wakeUp();
  }

  /**
   * It has read the configuration. Whom to follow may be somebody else now. While sessions stand in the way of a record it looks at nothing
   * else: neither a shorter limit nor another primary is heeded before they are gone.
   */
  configure(config: Config): void {
    if (this.#conflictSinceMs !== undefined) {
      this.#pendingConfig = config;
      return;
    }
    const changes = ['primary_conninfo', 'primary_slot_name'].some(
      (name) => configText(config, name) !== configText(this.#config, name),
    );
    this.#config = config;
    if (changes && this.#source !== 'disk' && this.receiver !== undefined) this.#receiverRestarts = true;
    this.#wakeUp();
  }

  #wakeUp(): void {
    if (this.#source === 'pause') {
      this.#timer?.cancel();
      this.#timer = undefined;
      this.#source = 'disk';
    }
    this.#soon();
  }

  #soon(): void {
    this.#host.clock.soon(() => this.#run());
  }

  /** Replays as far as it goes, then waits for something. */
  #run(): void {
    if (this.#running || this.#ended) return;
    this.#running = true;
    while (!this.#ended && this.#step());
    this.#running = false;
  }

  /** One record, or one change of the source; false when there is nothing to do but wait. */
  #step(): boolean {
    switch (this.#source) {
      case 'disk':
        return this.#replayNext() ?? this.#endOfDisk();
      case 'stream':
        return this.#fromStream();
      case 'pause':
        return false;
    }
  }

  /** True if a record was replayed, false if one waits for a session, undefined if there is none. */
  #replayNext(): boolean | undefined {
    const found = this.#host.directory.log.next(this.#place, this.#history, this.#fileTimeline);
    if (found === undefined) return undefined;
    const { record } = found;
    this.#conflictSinceMs ??= this.#host.clock.nowMs();
    if (!this.#host.apply(record, this.#isOverdue())) {
      this.#host.clock.after(conflictLookMs, () => this.#run());
      return false;
    }
    this.#conflictSinceMs = undefined;
    this.#noteReplayed(found);
    const config = this.#pendingConfig;
    this.#pendingConfig = undefined;
    if (config !== undefined) this.configure(config);
    return true;
  }

  /** Sessions may hold a record back for so long: those that were read from the disk have a limit of their own. */
  #isOverdue(): boolean {
    const name = this.#source === 'stream' ? 'max_standby_streaming_delay' : 'max_standby_archive_delay';
    const limitMs = configMs(this.#config, name);
    return limitMs >= 0 && this.#host.clock.nowMs() - (this.#conflictSinceMs ?? 0) >= limitMs;
  }

  #noteReplayed({ record, timeline }: FoundRecord): void {
    this.#place = { lsn: record.end, prev: record.start };
    this.#fileTimeline = timeline;
    this.#toldCaughtUp = false;
    const { change } = record;
    if (change.kind === 'endOfRecovery' || change.kind === 'checkpoint') this.#replayTimeline = change.timeline;
    for (const sender of this.#host.senders) sender.wake();
  }

  #endOfDisk(): boolean {
    if (!this.#standby || this.#promoted) {
      this.#finish();
      return false;
    }
    if (!this.#consistent && this.#place.lsn >= this.#host.directory.control.minRecovery) {
      this.#consistent = true;
      this.#host.consistent();
    }
    this.#source = 'stream';
    // One that waits for orders stays, and keeps its connection, to whomever that is.
    this.#receiverRestarts = false;
    if (configText(this.#config, 'primary_conninfo') !== '') this.#request();
    return true;
  }

  // From another server.

  #request(): void {
    const { log } = this.#host.directory;
    const timeline = timelineAt(this.#history, this.#place.lsn);
    const start = log.segmentStart(this.#place.lsn);
    const { reception } = this;
    if (reception.receiveStart === 0n || reception.timeline !== timeline) {
      reception.flushedUpTo = start;
      reception.timeline = timeline;
    }
    reception.receiveStart = start;
    reception.conninfo = configText(this.#config, 'primary_conninfo');
    const waiting = this.receiver;
    if (waiting?.status === 'waiting') {
      waiting.restart(timeline, start);
      return;
    }
    const slot = configText(this.#config, 'primary_slot_name');
    this.#receiver = new WalReceiver(
      this.#host,
      reception,
      {
        conninfo: reception.conninfo,
        slot: slot === '' ? undefined : slot,
        timeline,
        start,
        config: this.#config,
      },
      () => this.#receiverChanged(),
    );
  }

  #receiverChanged(): void {
    for (const sender of this.#host.senders) sender.wake();
    this.#soon();
  }

  #fromStream(): boolean {
    if (this.#receiverRestarts) {
      this.#receiverRestarts = false;
      this.#receiver?.stop();
      this.#receiver = undefined;
      this.#adoptNewerTimeline();
      if (configText(this.#config, 'primary_conninfo') !== '') this.#request();
    }
    const { receiver } = this;
    // What a receiver that has gone left behind is on the disk.
    if (receiver === undefined || receiver.status === 'waiting') return this.#streamFailed();
    if (this.#place.lsn < this.reception.flushedUpTo) {
      const replayed = this.#replayNext();
      return replayed ?? this.#streamFailed();
    }
    if (this.#promoted) return this.#streamFailed();
    if (!this.#toldCaughtUp) {
      this.#toldCaughtUp = true;
      receiver.replayed();
    }
    return false;
  }

  /** Nothing more comes from there: looks for a newer timeline, and tries again from the start a little later. */
  #streamFailed(): boolean {
    // A receiver that waits for orders keeps its connection.
    if (this.receiver?.status !== 'waiting') {
      this.#receiver?.stop();
      this.#receiver = undefined;
    }
    const newer = this.#adoptNewerTimeline();
    if (newer || this.#promoted) {
      this.#source = 'disk';
      return true;
    }
    const { clock } = this.#host;
    const intervalMs = configMs(this.#config, 'wal_retrieve_retry_interval');
    const leftMs = this.#lastFailureMs + intervalMs - clock.nowMs();
    if (leftMs <= 0) {
      this.#lastFailureMs = clock.nowMs();
      this.#source = 'disk';
      // The failure was long ago, so that it is tried at once; what fails again waits.
      return true;
    }
    this.#source = 'pause';
    this.#timer = clock.after(leftMs, () => {
      this.#timer = undefined;
      this.#lastFailureMs = clock.nowMs();
      this.#source = 'disk';
      this.#run();
    });
    return false;
  }

  /** recovery_target_timeline = latest (rescanLatestTimeLine). */
  #adoptNewerTimeline(): boolean {
    const { log } = this.#host.directory;
    const own = newestOf(this.#history).timeline;
    const newest = log.newestTimeline(own);
    if (newest === own) return false;
    const history = log.historyOf(newest);
    const left = entryOf(history, own);
    if (left === undefined) {
      this.#host.log('LOG', `new timeline ${newest} is not a child of database system timeline ${own}`);
      return false;
    }
    if (left.end !== undefined && left.end < this.#place.lsn) {
      this.#host.log(
        'LOG',
        `new timeline ${newest} forked off current database system timeline ${own} before current recovery point ${formatLsn(this.#place.lsn)}`,
      );
      return false;
    }
    this.#history = history;
    this.#host.log('LOG', `new target timeline is ${newest}`);
    return true;
  }

  #finish(): void {
    this.stop();
    this.#host.finished(this.#place, this.#history, this.#promoted && this.#standby);
  }
}
