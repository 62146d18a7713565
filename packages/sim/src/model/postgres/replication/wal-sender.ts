import { assert, formatLsn, PgError, type Lsn, type Timer } from '@multigres/core';
import {
  MessageWriter,
  encodeCommandComplete,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyResponse,
  encodeDataRow,
  encodeErrorResponse,
  encodeReadyForQuery,
  encodeRowDescription,
  type FrontendMessage,
} from '@multigres/pgwire';

import {
  aheadOfFlush,
  noHistoryFile,
  noSuchSlot,
  notInHistory,
  pointNotInHistory,
  removedSegment,
  slotIsActive,
  unsupported,
  walSenderTimeout,
} from '../errors.ts';
import { configMs, configText, type Config } from '../server/configuration.ts';
import { oid, typeInfo } from '../sql/types.ts';
import type { Slot } from '../storage/data-directory.ts';
import type { LogRecord } from '../storage/log-record.ts';
import { encodeDirectory } from '../storage/directory-codec.ts';
import { encodeRecords } from '../storage/record-codec.ts';
import { entryOf, formatHistory, newestOf, type TimelineHistory } from '../storage/timeline-history.ts';
import { parseReplicationCommand, type ReplicationCommand } from './replication-command.ts';
import type { ReplicationHost } from './replication-host.ts';
import { decodeReplicationMessage, encodeKeepalive, encodeLogData } from './replication-messages.ts';
import { priorityOf, syncNamesOf, type SyncNames } from './sync-names.ts';
import type { SyncSender } from './sync-waits.ts';

/** The connection of a walsender, held by its backend. */
export interface SenderLink {
  readonly pid: number;
  /** False while the peer does not keep up; then `drained` is called. */
  send(bytes: Uint8Array): boolean;
  /** Ends the process and its connection. */
  end(): void;
}

export interface SenderIdentity {
  readonly user: string;
  readonly applicationName: string;
  readonly startedMicros: bigint;
}

/** What is being streamed. */
interface Stream {
  readonly timeline: number;
  /** A timeline that is not the server's own (any more) ends here. */
  validUpTo: Lsn | undefined;
  nextTimeline: number;
}

/** MAX_SEND_SIZE: 16 blocks. */
const logBytesPerMessage = 128n * 1024n;
const backupPieceBytes = 16 * 1024;
const zero = 0n as Lsn;

/**
 * The process that streams the log to one standby (PostgreSQL documentation, "Streaming Replication Protocol"; walsender.c).
 */
export class WalSender implements SyncSender {
  readonly pid: number;
  readonly identity: SenderIdentity;
  readonly slotNumber: number;
  readonly #host: ReplicationHost;
  readonly #link: SenderLink;
  #config: Config;
  #names: SyncNames | undefined;
  #priority = 0;
  #state: SyncSender['state'] = 'startup';
  #stream: Stream | undefined;
  #sent: Lsn = zero;
  #write: Lsn = zero;
  #flush: Lsn = zero;
  #apply: Lsn = zero;
  #slot: Slot | undefined;
  #blocked = false;
  /** What is left of a backup. */
  #outgoing: Uint8Array | undefined;
  #pumpIsDue = false;
  #copyDoneSent = false;
  #lastReplyMs = 0;
  #pinged = false;
  #timer: Timer | undefined;
  #ended = false;
  #stopListening: () => void;

  constructor(host: ReplicationHost, link: SenderLink, identity: SenderIdentity) {
    this.#host = host;
    this.#link = link;
    this.identity = identity;
    this.pid = link.pid;
    this.slotNumber = freeSlotNumber(host.senders);
    this.#config = host.config;
    this.configure(host.config);
    host.senders.add(this);
    this.#stopListening = host.directory.log.onFlushed(() => this.wake());
  }

  get state(): SyncSender['state'] {
    return this.#state;
  }

  get priority(): number {
    return this.#priority;
  }

  get names(): SyncNames | undefined {
    return this.#names;
  }

  get sent(): Lsn {
    return this.#sent;
  }

  get write(): Lsn {
    return this.#write;
  }

  get flush(): Lsn {
    return this.#flush;
  }

  get apply(): Lsn {
    return this.#apply;
  }

  /** It has read the configuration: from now on it counts, and releases, by other names. */
  configure(config: Config): void {
    this.#config = config;
    this.#names = syncNamesOf(configText(config, 'synchronous_standby_names'));
    this.#priority = this.#host.inRecovery ? 0 : priorityOf(this.#names, this.identity.applicationName);
    if (this.#stream !== undefined) this.#host.syncWaits.release(this, this.#host.senders);
  }

  // What the standby says.

  message(message: FrontendMessage): void {
    if (this.#ended) return;
    switch (message.kind) {
      case 'query':
        this.#command(message.text);
        return;
      case 'copyData':
        this.#copyData(message.data);
        return;
      case 'copyDone':
        this.#streamIsOver();
        return;
      case 'terminate':
        this.end();
        return;
      default:
    }
  }

  drained(): void {
    this.#blocked = false;
    this.#sendBackup();
    this.wake();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopListening();
    this.#timer?.cancel();
    if (this.#slot !== undefined) this.#slot.activePid = undefined;
    this.#host.senders.delete(this);
    this.#link.end();
  }

  /** Ends with a word to the standby. One that streams ends when it is cancelled, too: its standby leaves at any error. */
  fail(error: PgError): void {
    if (this.#ended || (this.#stream === undefined && error.report.severity !== 'FATAL')) return;
    this.#say((writer) => encodeErrorResponse(writer, error.report));
    this.end();
  }

  #command(text: string): void {
    try {
      const command = parseReplicationCommand(text);
      if (command === undefined) throw unsupported(`the replication command ${text}`);
      this.#do(command);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.#host.log('ERROR', error.message);
      this.#say((writer) => {
        encodeErrorResponse(writer, error.report);
        encodeReadyForQuery(writer, 'I');
      });
    }
  }

  #do(command: ReplicationCommand): void {
    const { directory, history, timeline, sendLimit } = this.#host;
    switch (command.kind) {
      case 'identifySystem':
        this.#answer(
          [
            ['systemid', oid.text],
            ['timeline', oid.int8],
            ['xlogpos', oid.text],
            ['dbname', oid.text],
          ],
          [[String(directory.systemIdentifier), String(timeline), formatLsn(sendLimit), null]],
          'IDENTIFY_SYSTEM',
        );
        return;
      case 'timelineHistory': {
        const name = `${command.timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
        const wanted = command.timeline === timeline ? history : directory.log.historyOf(command.timeline);
        if (!directory.log.hasHistory(command.timeline)) throw noHistoryFile(name);
        this.#answer(
          [
            ['filename', oid.text],
            ['content', oid.bytea],
          ],
          [[name, formatHistory(wanted)]],
          'TIMELINE_HISTORY',
        );
        return;
      }
      case 'show':
        this.#answer([[command.name, oid.text]], [[configText(this.#config, command.name)]], 'SHOW');
        return;
      case 'start':
        this.#start(command);
        return;
      case 'baseBackup':
        this.#backup();
        return;
      case 'createSlot':
      case 'dropSlot':
        throw unsupported('slots in the replication protocol');
    }
  }

  /** All files at once, as of now; they travel as fast as the network takes them. */
  #backup(): void {
    const { directory, inRecovery } = this.#host;
    if (!inRecovery) directory.checkpoint(false);
    const timeline = Math.max(directory.control.checkpoint.timeline, directory.control.minRecoveryTimeline);
    this.#outgoing = encodeDirectory(directory, this.#host.sendLimit, timeline);
    this.#state = 'startup';
    this.#say((writer) => encodeCopyResponse(writer, 'out', 0, []));
    this.#sendBackup();
  }

  #sendBackup(): void {
    while (this.#outgoing !== undefined && !this.#blocked && !this.#ended) {
      const piece = this.#outgoing.slice(0, backupPieceBytes);
      this.#outgoing = this.#outgoing.length > piece.length ? this.#outgoing.subarray(piece.length) : undefined;
      this.#say((writer) => encodeCopyData(writer, piece));
      if (this.#outgoing === undefined)
        this.#say((writer) => {
          encodeCopyDone(writer);
          encodeCommandComplete(writer, 'BASE_BACKUP');
          encodeReadyForQuery(writer, 'I');
        });
    }
  }

  #start(command: Extract<ReplicationCommand, { kind: 'start' }>): void {
    const { directory, history, timeline, sendLimit } = this.#host;
    if (command.slot !== undefined) this.#takeSlot(command.slot);
    try {
      const wanted = command.timeline === 0 ? timeline : command.timeline;
      const stream = streamOf(history, wanted, command.start);
      if (stream.validUpTo === undefined && command.start > sendLimit) {
        // PostgreSQL has begun to copy already when it looks.
        this.#say((writer) => encodeCopyResponse(writer, 'both', 0, []));
        throw aheadOfFlush(command.start, sendLimit);
      }
      const log = directory.log.find(wanted);
      if (log === undefined || log.begin > command.start) throw removedSegment();
      this.#stream = stream;
      this.#sent = command.start;
    } catch (error) {
      this.#giveSlotBack();
      throw error;
    }
    this.#write = this.#flush = this.#apply = zero;
    this.#copyDoneSent = false;
    const stream = this.#stream;
    if (stream.validUpTo !== undefined && command.start >= stream.validUpTo) {
      this.#nextTimeline();
      return;
    }
    this.#state = 'catchup';
    this.configure(this.#config);
    this.#say((writer) => encodeCopyResponse(writer, 'both', 0, []));
    this.#heard();
    this.#watch();
    this.wake();
  }

  #takeSlot(name: string): void {
    const slot = this.#host.directory.slots.get(name);
    if (slot === undefined) throw noSuchSlot(name);
    if (slot.activePid !== undefined && slot.activePid !== this.pid) throw slotIsActive(name, slot.activePid);
    slot.activePid = this.pid;
    this.#slot = slot;
  }

  #giveSlotBack(): void {
    if (this.#slot !== undefined) this.#slot.activePid = undefined;
    this.#slot = undefined;
  }

  #copyData(bytes: Uint8Array): void {
    const message = decodeReplicationMessage(bytes);
    if (message?.kind !== 'status' || this.#stream === undefined) return;
    this.#heard();
    this.#write = message.write;
    this.#flush = message.flush;
    this.#apply = message.apply;
    if (this.#slot !== undefined && message.flush > 0n) this.#slot.restartLsn = message.flush;
    if (message.replyNow) this.#keepalive(false);
    if (!this.#host.inRecovery) this.#host.syncWaits.release(this, this.#host.senders);
  }

  // Streaming.

  /** There may be more to send. */
  wake(): void {
    if (this.#pumpIsDue || this.#stream === undefined || this.#ended) return;
    this.#pumpIsDue = true;
    this.#host.clock.soon(() => {
      this.#pumpIsDue = false;
      if (!this.#ended) this.#pump();
    });
  }

  #pump(): void {
    const stream = this.#stream;
    if (stream === undefined || this.#copyDoneSent) return;
    this.#noticeNewTimeline(stream);
    const limit = stream.validUpTo ?? this.#host.sendLimit;
    while (!this.#blocked && !this.#ended && this.#sendSome(stream.timeline, limit));
    if (this.#blocked || this.#ended) return;
    if (stream.validUpTo !== undefined) {
      this.#copyDoneSent = true;
      this.#say((writer) => encodeCopyDone(writer));
      return;
    }
    if (this.#state === 'catchup') this.#state = 'streaming';
  }

  /** A cascading server was promoted, or follows another timeline now: what it streams has become history. */
  #noticeNewTimeline(stream: Stream): void {
    if (stream.validUpTo !== undefined || stream.timeline === this.#host.timeline) return;
    const entry = entryOf(this.#host.history, stream.timeline);
    stream.validUpTo = entry?.end ?? this.#sent;
    stream.nextTimeline = nextAfter(this.#host.history, stream.timeline);
  }

  #sendSome(timeline: number, limit: Lsn): boolean {
    const log = this.#host.directory.log.find(timeline);
    const records = log?.records ?? [];
    const batch: LogRecord[] = [];
    let at = log?.indexFrom(this.#sent) ?? 0;
    const full = this.#sent + logBytesPerMessage;
    for (; at < records.length; at++) {
      const record = records[at] as LogRecord;
      if (record.end > full && batch.length > 0) break;
      // What lies behind a gap is the rest of an older file.
      if (record.end > limit || (batch.length > 0 && record.start !== batch.at(-1)?.end)) break;
      batch.push(record);
    }
    const last = batch.at(-1);
    if (last === undefined) return false;
    const data = encodeLogData(this.#sent, this.#host.sendLimit, this.#host.wallMicros(), encodeRecords(batch));
    this.#sent = last.end;
    this.#say((writer) => encodeCopyData(writer, data));
    return true;
  }

  /** The standby has ended the stream too, or there was nothing to stream: it hears where the log goes on. */
  #streamIsOver(): void {
    if (this.#stream === undefined) return;
    if (!this.#copyDoneSent) this.#say((writer) => encodeCopyDone(writer));
    this.#state = 'startup';
    this.#timer?.cancel();
    if (this.#stream.validUpTo === undefined) {
      this.#stream = undefined;
      this.#say((writer) => {
        encodeCommandComplete(writer, 'START_STREAMING');
        encodeReadyForQuery(writer, 'I');
      });
    } else this.#nextTimeline();
  }

  #nextTimeline(): void {
    const stream = this.#stream;
    assert(stream !== undefined, 'there was a stream');
    this.#stream = undefined;
    this.#giveSlotBack();
    this.#answer(
      [
        ['next_tli', oid.int8],
        ['next_tli_startpos', oid.text],
      ],
      [[String(stream.nextTimeline), formatLsn(stream.validUpTo ?? zero)]],
      'START_STREAMING',
    );
  }

  // Is the standby there?

  #heard(): void {
    this.#lastReplyMs = this.#host.clock.nowMs();
    this.#pinged = false;
  }

  #watch(): void {
    const timeoutMs = configMs(this.#config, 'wal_sender_timeout');
    if (timeoutMs <= 0) return;
    const dueMs = this.#lastReplyMs + (this.#pinged ? timeoutMs : timeoutMs / 2);
    this.#timer = this.#host.clock.after(Math.max(0, dueMs - this.#host.clock.nowMs()), () => {
      const silentMs = this.#host.clock.nowMs() - this.#lastReplyMs;
      if (silentMs >= timeoutMs) {
        this.#host.log('LOG', walSenderTimeout);
        this.end();
        return;
      }
      if (silentMs >= timeoutMs / 2 && !this.#pinged) {
        this.#pinged = true;
        this.#keepalive(true);
      }
      this.#watch();
    });
  }

  #keepalive(replyNow: boolean): void {
    const bytes = encodeKeepalive(this.#sent, this.#host.wallMicros(), replyNow);
    this.#say((writer) => encodeCopyData(writer, bytes));
  }

  // A shutdown waits for the standbys (PostgreSQL documentation, "Shutting Down the Server").

  /** True when all that there is was sent and is durable there. */
  get hasDelivered(): boolean {
    if (this.#stream === undefined || this.#ended) return true;
    this.#state = 'stopping';
    this.wake();
    const { sendLimit } = this.#host;
    return this.#sent >= sendLimit && this.#flush >= sendLimit;
  }

  #answer(
    columns: readonly (readonly [name: string, type: number])[],
    rows: readonly (readonly (string | null)[])[],
    tag: string,
  ): void {
    this.#say((writer) => {
      encodeRowDescription(
        writer,
        columns.map(([name, type]) => ({
          name,
          tableOid: 0,
          columnNumber: 0,
          typeOid: type,
          typeSize: typeInfo(type).length,
          typeModifier: -1,
          format: 0,
        })),
      );
      for (const row of rows) encodeDataRow(writer, row);
      encodeCommandComplete(writer, tag);
      encodeReadyForQuery(writer, 'I');
    });
  }

  #say(write: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter(512);
    write(writer);
    if (!this.#link.send(writer.take())) this.#blocked = true;
  }
}

/** Which part of a timeline may be streamed, by the server's own history. Throws what PostgreSQL refuses. */
function streamOf(history: TimelineHistory, timeline: number, start: Lsn): Stream {
  if (newestOf(history).timeline === timeline) return { timeline, validUpTo: undefined, nextTimeline: 0 };
  const entry = entryOf(history, timeline);
  if (entry === undefined) throw notInHistory(timeline);
  const end = entry.end as Lsn;
  if (end < start) throw pointNotInHistory(start, timeline, end);
  return { timeline, validUpTo: end, nextTimeline: nextAfter(history, timeline) };
}

function nextAfter(history: TimelineHistory, timeline: number): number {
  const at = history.findIndex((entry) => entry.timeline === timeline);
  return (history[at + 1] ?? newestOf(history)).timeline;
}

function freeSlotNumber(senders: Iterable<WalSender>): number {
  const taken = new Set([...senders].map(({ slotNumber }) => slotNumber));
  let number = 0;
  while (taken.has(number)) number += 1;
  return number;
}
