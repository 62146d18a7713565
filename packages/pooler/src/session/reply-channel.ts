import { type Clock, type PgError, type Timer } from '@multigres/core';
import { encodeErrorResponse, encodeParameterStatus, encodeReadyForQuery, MessageWriter } from '@multigres/pgwire';
import {
  claimFlag,
  encodeError,
  frameType,
  ReceiveWindow,
  replyCount,
  replyFlag,
  SendWindow,
  type Link,
} from '@multigres/relay';
import type { Backend } from '../backend/backend.ts';
import type { GroupEnd } from '../backend/group.ts';
import type { PoolerMetrics } from '../telemetry/pooler-metrics.ts';

/** A reader that keeps a shared backend waiting for longer than this is slow: the others are served elsewhere. */
export const slowReaderMs = 100;

/** What a session says to its gateway, and the flow control in both directions. */
export class ReplyChannel {
  readonly #id: number;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #metrics: PoolerMetrics;
  /** Made when there is something to say, which most sessions never hear of. */
  #made: MessageWriter | undefined;
  readonly #sendWindow: SendWindow = new SendWindow();
  readonly #receiveWindow: ReceiveWindow = new ReceiveWindow();
  /** The backend that may send no more until the client has read. */
  #paused: Backend | undefined;
  #slow: Timer | undefined;
  #muted = false;
  #inMessage = false;

  constructor(id: number, link: Link, clock: Clock, metrics: PoolerMetrics) {
    this.#metrics = metrics;
    this.#id = id;
    this.#link = link;
    this.#clock = clock;
  }

  /** Whether the client reads as fast as it is told things. */
  get isOpen(): boolean {
    return this.#sendWindow.open;
  }

  /** The client has got the beginning of a message and nothing else can be told before its rest. */
  get isInMessage(): boolean {
    return this.#inMessage;
  }

  /** Nobody listens any more: nothing is said, nothing is held back. */
  mute(): void {
    this.#muted = true;
    this.unpause();
  }

  /** Reply bytes; `ready` and `idle` describe the group's end if they end with its ReadyForQuery. */
  reply(
    buffer: Uint8Array,
    start: number,
    end: number,
    ready: GroupEnd | undefined,
    idle: boolean,
    partial: boolean = false,
  ): void {
    if (this.#muted) return;
    this.#inMessage = partial;
    const flags = ready === undefined ? (partial ? replyFlag.partial : 0) : flagsOf(ready, idle);
    const count = ready === undefined ? 0 : replyCount(ready.completions, ready.ranNothing);
    this.#link.reply(this.#id, flags, count, buffer, start, end);
    this.#sendWindow.sent(end - start);
    if (this.#made !== undefined && this.#made.length > 0 && !partial) this.#sayNews();
  }

  get #writer(): MessageWriter {
    this.#made ??= new MessageWriter(256);
    return this.#made;
  }

  /** An error of the pooler's own, ReadyForQuery behind it if `ready`. `ranNothing`: see GroupEnd. */
  error(error: PgError, ready: boolean, idle: boolean, ranNothing: boolean): void {
    this.#metrics.refused(error.sqlstate);
    encodeErrorResponse(this.#writer, { ...error.report, severity: 'ERROR' });
    if (ready) encodeReadyForQuery(this.#writer, 'I');
    this.#own(ready, idle, ranNothing);
  }

  /** ReadyForQuery for a group that was refused before its end came. */
  ready(idle: boolean): void {
    encodeReadyForQuery(this.#writer, 'I');
    this.#own(true, idle, true);
  }

  /** Tells it between two messages, the next time if one is under way. */
  parameterChanged(name: string, value: string): void {
    if (this.#muted) return;
    encodeParameterStatus(this.#writer, name, value);
    if (!this.#inMessage) this.#sayNews();
  }

  #sayNews(): void {
    const message = this.#writer.take();
    this.reply(message, 0, message.length, undefined, false);
  }

  syncIgnored(): void {
    if (!this.#muted) this.#link.bare(this.#id, frameType.reply, replyFlag.syncIgnored);
  }

  /** Others wait for the backend that it keeps. */
  claim(idle: boolean): void {
    if (!this.#muted) this.#link.bare(this.#id, frameType.claim, idle ? claimFlag.idle : 0);
  }

  ended(error: PgError): void {
    if (!this.#muted) this.#metrics.refused(error.sqlstate);
    if (!this.#muted) this.#link.send(this.#id, frameType.ended, 0, 0, encodeError(error));
  }

  /** Bytes of requests went on to Postgres, or were dropped: the gateway may send more. */
  consumed(bytes: number): void {
    const credit = this.#receiveWindow.consumed(bytes);
    if (credit > 0 && !this.#muted) this.#link.credit(this.#id, credit);
  }

  /** The client has read this many bytes. Answers whether its backend goes on because of that. */
  credited(bytes: number): boolean {
    this.#sendWindow.credited(bytes);
    return this.#sendWindow.open && this.unpause();
  }

  /** Holds the backend back, because the window is full; `slow` is called if that lasts. */
  pause(backend: Backend, slow: (() => void) | undefined): void {
    if (this.#muted || this.#paused !== undefined) return;
    this.#paused = backend;
    backend.stalled = true;
    backend.pause();
    if (slow !== undefined) this.#slow = this.#clock.after(slowReaderMs, slow);
  }

  /** The backend goes on: because the client has read, or because it is no longer this session's, and must not be handed on asleep. */
  unpause(): boolean {
    const backend = this.#paused;
    if (backend === undefined) return false;
    this.#paused = undefined;
    this.#slow?.cancel();
    backend.stalled = false;
    backend.resume();
    return true;
  }

  #own(ready: boolean, idle: boolean, ranNothing: boolean): void {
    const message = this.#writer.take();
    const end = ready ? ({ status: 'I', failed: true, completions: 0, ranNothing } as const) : undefined;
    this.reply(message, 0, message.length, end, idle);
  }
}

function flagsOf(ready: GroupEnd, idle: boolean): number {
  let flags: number = replyFlag.ready;
  if (ready.failed) flags |= replyFlag.failed;
  if (ready.status === 'T') flags |= replyFlag.inTransaction;
  if (ready.status === 'E') flags |= replyFlag.inFailedTransaction;
  return idle ? flags | replyFlag.idle : flags;
}
