import { formatLsn, type Endpoint, type Lsn, type Timer } from '@multigres/core';

import { configMs, type Config } from '../server/configuration.ts';
import { decodeRecords } from '../storage/record-codec.ts';
import { parseHistory } from '../storage/timeline-history.ts';
import { parseConninfo } from './conninfo.ts';
import { ReplicationClient, type CopySink } from './replication-client.ts';
import type { ReplicationHost } from './replication-host.ts';
import { decodeReplicationMessage, encodeStatus } from './replication-messages.ts';

const connectMs = 10_000;

/** What the startup process and the walreceiver tell each other (WalRcv in shared memory). Outlives the walreceiver, not the server. */
export interface Reception {
  /** Zero before anything was asked for. */
  receiveStart: Lsn;
  /** pg_last_wal_receive_lsn(): zero is null. */
  flushedUpTo: Lsn;
  timeline: number;
  /** The last connection string that the startup process asked for. */
  conninfo: string;
}

export type ReceiverStatus = 'starting' | 'streaming' | 'waiting' | 'stopped';

export interface ReceiverOrder {
  readonly conninfo: string;
  readonly slot: string | undefined;
  readonly timeline: number;
  /** The start of a segment. */
  readonly start: Lsn;
  readonly config: Config;
}

/**
 * The process that receives the log from another server and writes it (walreceiver.c). `changed` is called whenever the startup process
 * should look: more is durable, it waits for orders, it has ended.
 */
export class WalReceiver implements CopySink {
  readonly pid: number;
  /** To whom it is connected. What pg_stat_wal_receiver calls conninfo is what it was told last, which may be another. */
  readonly conninfo: ReadonlyMap<string, string>;
  readonly order: ReceiverOrder;
  readonly #host: ReplicationHost;
  readonly #reception: Reception;
  readonly #changed: () => void;
  #config: Config;
  #status: ReceiverStatus = 'starting';
  #client: ReplicationClient | undefined;
  #timeline: number;
  #written: Lsn;
  #flushed: Lsn;
  #latestEnd: Lsn = 0n as Lsn;
  #flushIsUnderWay = false;
  #told = { write: 0n as Lsn, flush: 0n as Lsn };
  #lastHeardMs = 0;
  #pinged = false;
  #timer: Timer | undefined;
  #statusTimer: Timer | undefined;

  constructor(host: ReplicationHost, reception: Reception, order: ReceiverOrder, changed: () => void) {
    this.pid = host.newPid();
    this.#host = host;
    this.#reception = reception;
    this.#changed = changed;
    this.order = order;
    this.#config = order.config;
    this.conninfo = parseConninfo(order.conninfo);
    this.#timeline = order.timeline;
    this.#written = host.replayedLsn;
    this.#flushed = host.replayedLsn;
    void this.#run();
  }

  get status(): ReceiverStatus {
    return this.#status;
  }

  /** As in pg_stat_activity. */
  get waitEvent(): string {
    return this.#status === 'waiting' ? 'WalReceiverWaitStart' : 'WalReceiverMain';
  }

  /** It is connected, so that pg_stat_wal_receiver shows it. */
  get isReady(): boolean {
    return this.#client !== undefined && this.#status !== 'stopped';
  }

  /** The timeline that it receives. */
  get timeline(): number {
    return this.#timeline;
  }

  get written(): Lsn {
    return this.#written;
  }

  get latestEnd(): Lsn {
    return this.#latestEnd;
  }

  configure(config: Config): void {
    this.#config = config;
  }

  stop(): void {
    if (this.#status === 'stopped') return;
    this.#status = 'stopped';
    // As WalRcvDie does: the next one may claim as flushed whatever is replayed from here.
    this.#host.directory.log.find(this.#timeline)?.flushTo(this.#written);
    this.#timer?.cancel();
    this.#statusTimer?.cancel();
    this.#client?.close();
  }

  async #run(): Promise<void> {
    try {
      await this.#connect();
      await this.#stream(this.order.timeline, this.order.start);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#status === 'stopped') return;
    this.#host.log('FATAL', `walreceiver: ${error instanceof Error ? error.message : String(error)}`);
    this.stop();
    this.#changed();
  }

  async #connect(): Promise<void> {
    const { conninfo } = this;
    const host = conninfo.get('host') ?? '';
    const port = Number(conninfo.get('port') ?? '5432');
    const endpoint: Endpoint = host.startsWith('/')
      ? { kind: 'unix', path: `${host}/.s.PGSQL.${port}` }
      : { kind: 'tcp', host, port };
    const password = await this.#host.passwordOf(conninfo);
    const client = await ReplicationClient.connect(this.#host.world, {
      endpoint,
      user: conninfo.get('user') ?? 'postgres',
      password,
      applicationName: conninfo.get('application_name') ?? 'walreceiver',
      timeoutMs: connectMs,
    });
    if (this.#isOver) {
      client.close();
      return;
    }
    this.#client = client;
    client.onLost = (error) => {
      // Who waits for orders does not look at its connection.
      if (this.#status !== 'waiting') this.#fail(error);
    };
    this.#heard();
    this.#watch();
  }

  get #isOver(): boolean {
    return this.#status === 'stopped';
  }

  /** Looks at whom it talks to, fetches the histories that it lacks, and streams until the timeline ends. */
  async #stream(timeline: number, start: Lsn): Promise<void> {
    const client = this.#client;
    if (client === undefined || this.#isOver) return;
    const [identity] = await client.ask('IDENTIFY_SYSTEM');
    const [system, newest] = [identity?.[0] ?? '', Number(identity?.[1] ?? 0)];
    if (system !== String(this.#host.directory.systemIdentifier))
      throw new Error('database system identifier differs between the primary and standby');
    if (newest < timeline)
      throw new Error(`highest timeline ${newest} of the primary is behind recovery timeline ${timeline}`);
    await this.#fetchHistories(client, timeline, newest);
    if (this.#isOver) return;
    this.#timeline = timeline;
    const slot = this.order.slot === undefined ? '' : `SLOT "${this.order.slot}" `;
    this.#status = 'streaming';
    const answer = client.ask(`START_REPLICATION ${slot}${formatLsn(start)} TIMELINE ${timeline}`, this);
    // Nothing is durable yet that was not before; but the sender hears at once where this server stands.
    this.#tell(false);
    this.#scheduleStatus();
    await answer;
    this.#statusTimer?.cancel();
    if (this.#isOver) return;
    // Still connected: the timeline has ended there. The startup process says how to go on.
    this.#status = 'waiting';
    this.#changed();
  }

  async #fetchHistories(client: ReplicationClient, from: number, to: number): Promise<void> {
    const { log } = this.#host.directory;
    for (let timeline = from; timeline <= to; timeline++) {
      if (timeline === 1 || log.hasHistory(timeline)) continue;
      const [row] = await client.ask(`TIMELINE_HISTORY ${timeline}`);
      log.keepHistory(parseHistory(timeline, row?.[1] ?? ''));
    }
  }

  /** The startup process wants another piece; only while it waits. */
  restart(timeline: number, start: Lsn): void {
    if (this.#status !== 'waiting') return;
    this.#status = 'starting';
    this.#told = { write: 0n as Lsn, flush: 0n as Lsn };
    this.#stream(timeline, start).catch((error: unknown) => this.#fail(error));
  }

  // Receiving.

  copyData(bytes: Uint8Array): void {
    const message = decodeReplicationMessage(bytes);
    if (message === undefined || this.#isOver) return;
    this.#heard();
    if (message.kind === 'keepalive') {
      this.#latestEnd = message.end;
      if (message.replyNow) this.#tell(true);
      return;
    }
    if (message.kind !== 'data') return;
    this.#latestEnd = message.end;
    const log = this.#host.directory.log.logOf(this.#timeline, message.start);
    for (const record of decodeRecords(message.data)) {
      log.write(record);
      this.#written = record.end;
    }
    this.#tell(false);
    this.#flush();
  }

  copyDone(): void {
    this.#flushNow();
    this.#client?.sendCopyDone();
  }

  #flush(): void {
    if (this.#flushIsUnderWay) return;
    const takesMs = this.#host.flushMs();
    if (takesMs <= 0) {
      this.#flushNow();
      return;
    }
    this.#flushIsUnderWay = true;
    const target = this.#written;
    this.#host.clock.after(takesMs, () => {
      this.#flushIsUnderWay = false;
      if (this.#isOver) return;
      this.#noteFlushed(target);
      if (this.#written > target) this.#flush();
    });
  }

  #flushNow(): void {
    this.#noteFlushed(this.#written);
  }

  #noteFlushed(lsn: Lsn): void {
    this.#host.directory.log.find(this.#timeline)?.flushTo(lsn);
    if (lsn > this.#flushed) this.#flushed = lsn;
    if (lsn > this.#reception.flushedUpTo) {
      this.#reception.flushedUpTo = lsn;
      this.#reception.timeline = this.#timeline;
    }
    this.#tell(false);
    this.#changed();
  }

  // Telling.

  /** The startup process has replayed all there is. */
  replayed(): void {
    if (this.#status === 'streaming') this.#tell(true);
  }

  #tell(force: boolean, replyNow = false): void {
    if (this.#status !== 'streaming') return;
    const { write, flush } = this.#told;
    if (!force && write === this.#written && flush === this.#flushed) return;
    this.#told = { write: this.#written, flush: this.#flushed };
    this.#client?.sendCopyData(
      encodeStatus(this.#written, this.#flushed, this.#host.replayedLsn, this.#host.wallMicros(), replyNow),
    );
  }

  #scheduleStatus(): void {
    const intervalMs = configMs(this.#config, 'wal_receiver_status_interval');
    this.#statusTimer?.cancel();
    if (intervalMs <= 0) return;
    this.#statusTimer = this.#host.clock.after(intervalMs, () => {
      if (this.#status !== 'streaming') return;
      this.#tell(true);
      this.#scheduleStatus();
    });
  }

  #heard(): void {
    this.#lastHeardMs = this.#host.clock.nowMs();
    this.#pinged = false;
  }

  #watch(): void {
    const timeoutMs = configMs(this.#config, 'wal_receiver_timeout');
    if (timeoutMs <= 0) return;
    const dueMs = this.#lastHeardMs + (this.#pinged ? timeoutMs : timeoutMs / 2);
    this.#timer = this.#host.clock.after(Math.max(0, dueMs - this.#host.clock.nowMs()), () => {
      if (this.#isOver) return;
      const silentMs = this.#host.clock.nowMs() - this.#lastHeardMs;
      if (this.#status !== 'waiting' && silentMs >= timeoutMs) {
        this.#fail(new Error('terminating walreceiver due to timeout'));
        return;
      }
      if (silentMs >= timeoutMs) this.#heard();
      else if (silentMs >= timeoutMs / 2 && !this.#pinged) {
        this.#pinged = true;
        this.#tell(true, true);
      }
      this.#watch();
    });
  }
}
