import {
  backoffMs,
  formatEndpoint,
  NetworkError,
  type PgError,
  type Connection,
  type Endpoint,
  type Log,
  type Timer,
  type TraceContext,
  type World,
} from '@multigres/core';
import {
  claimFlag,
  BodyReader,
  BodyWriter,
  decodeDefine,
  decodeError,
  decodeResult,
  encodeDefine,
  encodeOpen,
  encodeResult,
  encodeTrace,
  encodeSettings,
  frameType,
  Link,
  protocolVersion,
  readUses,
  useKind,
  usesLength,
  type Answer,
  type CarriedSettings,
  type Define,
  type Hello,
  type LinkHandler,
  type Open,
  type OpenAt,
  type Question,
  type ToldResult,
  type Topics,
} from '@multigres/relay';
import type { StoredRole } from '../auth/stored-secret.ts';
import type { StatementUse } from '../session/request-builder.ts';
import type { GatewayMetrics } from '../telemetry/gateway-metrics.ts';
import type { CatalogStatement } from '../statement/statement-catalog.ts';
import { asFatal, malformedRequestBack, poolerUnreachable } from '../errors.ts';
import { Welcomes, type Welcome } from './welcomes.ts';

/** A session's ear on its pooler. Calls come in turns of their own, never inside a call to the client. */
export interface ChannelHandler {
  /** Where the session wants to be: who reads at a follower is not concerned by who leads. */
  readonly at: OpenAt;
  opened(welcome: Welcome): void;
  /** Protocol bytes for the client, valid only during the call; see `replyFlag`. */
  reply(flags: number, count: number, buffer: Uint8Array, start: number, end: number): void;
  /** The pooler took this many bytes of requests. */
  credited(bytes: number): void;
  /** Others wait for the backend that the session keeps; `idle`: it was not used for a while. */
  claimed(idle: boolean): void;
  /** What a statement answers that the session has prepared, where that is not what it answered first. */
  preparedOtherwise(statement: CatalogStatement, result: Uint8Array): void;
  /** The pooler ended the session, or never opened it. */
  ended(error: PgError): void;
  /** The connection to the pooler broke; the channel is gone. */
  lost(): void;
  /** The pooler does not lead any more, or stops: who has nothing there closes the channel, now or as soon as that is so. */
  movesOn(): void;
  /** A piece that the pooler has not begun and will not; so is everything behind it. The bytes are valid only during the call. */
  returned(flags: number, count: number, uses: readonly StatementUse[], bytes: Uint8Array): void;
  /** After `recall`: all that was not begun has come back, and the channel is gone. */
  recalled(): void;
}

export interface PoolerClientOptions {
  /** Who we are, for the pooler's logs. */
  readonly id: string;
  readonly waitMs: number;
  /** What we answer when the pooler, or another gateway through it, asks. */
  readonly topics: Topics;
  readonly metrics: GatewayMetrics;
  /** What to call the pooler in logs and errors, where there is no fixed address. */
  readonly where?: string;
  /** The statement of a text that the pooler had to tell, because we have forgotten it. */
  readonly statementOf: (define: Define) => CatalogStatement;
  /** Told after the link has come up or was lost, and its sessions have heard of it. */
  readonly linked?: (up: boolean) => void;
}

interface Waiting {
  readonly open: () => void;
  readonly fail: (error: PgError) => void;
  readonly timer: Timer;
}

const connectMs = 5_000;
const silenceMs = 5_000;
const eagerAttempts = 60;
/** The pooler may have to log in first. */
const verifierMs = 30_000;

/**
 * The gateway's one connection to a pooler, shared by all sessions that are served there; made anew whenever it breaks. Sessions that come
 * while it is down wait a bounded time.
 */
export class PoolerClient implements LinkHandler {
  readonly #world: World;
  readonly #log: Log;
  readonly #options: PoolerClientOptions;
  readonly #dial: () => Promise<Connection>;
  #endpointText: string;
  #link: Link | undefined;
  #isUp = false;
  #stopped = false;
  #attempts = 0;
  #lastTrouble = 'it has not been tried yet';
  #retry: Timer | undefined;
  /** Who waits for a cancel of the channel to be done, oldest first. */
  readonly #cancels: Map<number, (() => void)[]> = new Map();
  #lastChannel = 0;
  readonly #welcomes: Welcomes = new Welcomes();
  readonly #channels: Map<number, ChannelHandler> = new Map();
  readonly #defined: Map<number, CatalogStatement> = new Map();
  /** Statements of what is given back that we have forgotten, by channel. */
  readonly #told: Map<number, Map<number, CatalogStatement>> = new Map();
  /** It does not lead any more: sessions leave it between transactions. */
  isLeft = false;
  /** It is about to stop. */
  isLeaving = false;
  /** Whether it serves reads as a follower, and how far it has replayed, as its health stream told last. */
  reads: { readonly isOpen: boolean; readonly replayedLsn: bigint } = { isOpen: false, replayedLsn: 0n };
  /** Who waits for the connection, with when they give up. */
  readonly #waiting: Map<number, Waiting> = new Map();

  constructor(world: World, target: Endpoint | (() => Promise<Connection>), options: PoolerClientOptions) {
    this.#world = world;
    this.#log = world.telemetry.log;
    this.#options = options;
    this.#endpointText =
      typeof target === 'function' ? (options.where ?? 'the pooler beside us') : formatEndpoint(target);
    this.#dial = typeof target === 'function' ? target : () => world.network.connect(target, { timeoutMs: connectMs });
    void this.#connect();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get channels(): number {
    return this.#channels.size;
  }

  /** Bytes that the network has not taken. */
  get backlogBytes(): number {
    return this.#link?.backlogBytes ?? 0;
  }

  /**
   * Opens a session at the pooler and answers its channel number, not used before. `opened`, `ended` or `lost` follows. If there is no
   * connection, waits for one; at most `waitMs`, then `ended` with 57P03.
   */
  open(open: Open, handler: ChannelHandler): number {
    const channel = this.#newChannel();
    this.#channels.set(channel, handler);
    this.#whenUp(
      channel,
      () => (this.#link as Link).send(channel, frameType.open, 0, 0, encodeOpen(open)),
      (error) => {
        this.#channels.delete(channel);
        handler.ended(error);
      },
    );
    return channel;
  }

  /**
   * Asks the pooler, or through it all other gateways; see `Link.ask`. Waits for the connection as a session does. Never rejects: without a
   * pooler the one answer is an error (57P03).
   */
  ask(question: Question, heard?: (answer: Answer) => void): Promise<readonly Answer[]> {
    return new Promise((resolve) => {
      const askNow = (): void => void (this.#link as Link).ask(question, heard).then(resolve);
      const fail = (error: PgError): void => resolve([{ from: this.#endpointText, error }]);
      this.#whenUp(this.#newChannel(), askNow, fail, question.deadlineMs);
    });
  }

  /** As `ask`, for somebody who rather hears at once that there is no pooler. */
  askNow(question: Question): Promise<readonly Answer[]> {
    if (this.#isUp) return this.ask(question);
    return Promise.resolve([{ from: this.#endpointText, error: poolerUnreachable(this.#lastTrouble, false) }]);
  }

  /** Looks up what Postgres stores of a role. Rejects with a PgError. */
  async verifier(role: string): Promise<StoredRole> {
    const question = new BodyWriter().text(role).done();
    const [answer] = await this.ask({ to: 'peer', topic: 'verifier', body: question, deadlineMs: verifierMs });
    if (answer === undefined) throw poolerUnreachable(this.#lastTrouble, true);
    if ('error' in answer) throw asFatal(answer.error);
    const body = new BodyReader(answer.body);
    return { verifier: body.optionalText(), mayLogIn: body.u8() === 1 };
  }

  /** Sends a piece of a request; see `Link.request`. Tells the pooler first of the statements that it does not know yet. */
  request(
    channel: number,
    flags: number,
    groups: number,
    uses: readonly StatementUse[],
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const link = this.#link;
    if (link === undefined) return;
    for (const { statement } of uses) if (statement !== undefined) this.#define(link, statement);
    link.request(channel, flags, groups, uses, bytes, start, end);
    // It is known for this piece; nobody would ever forget it otherwise.
    for (const { statement } of uses) if (statement?.forgotten === true) this.forget(statement);
  }

  #define(link: Link, statement: CatalogStatement): void {
    if (this.#defined.has(statement.id)) return;
    this.#defined.set(statement.id, statement);
    link.send(0, frameType.define, 0, 0, encodeDefine(statement));
    const { id, result } = statement;
    if (result !== undefined) link.send(0, frameType.result, 0, 0, encodeResult({ id, result }));
  }

  /** What another pooler has told of a statement that the session prepared there. */
  relies(channel: number, statement: CatalogStatement, result: Uint8Array): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#define(link, statement);
    link.send(channel, frameType.result, 0, 0, encodeResult({ id: statement.id, result }));
  }

  forget(statement: CatalogStatement): void {
    if (!this.#defined.delete(statement.id)) return;
    this.#link?.send(0, frameType.forget, 0, 0, new BodyWriter().u32(statement.id).done());
  }

  /** What comes next on the channel, or the rest of the group that has begun, belongs to a trace. */
  trace(channel: number, context: TraceContext): void {
    this.#link?.send(channel, frameType.trace, 0, 0, encodeTrace(context));
  }

  pin(channel: number, reasons: number): void {
    this.#link?.send(channel, frameType.pin, 0, 0, new BodyWriter().u32(reasons).done());
  }

  unpin(channel: number, reasons: number): void {
    this.#link?.send(channel, frameType.unpin, 0, 0, new BodyWriter().u32(reasons).done());
  }

  /** The session's settings, where the pooler does not know them yet. */
  settings(channel: number, settings: CarriedSettings): void {
    this.#link?.send(channel, frameType.settings, 0, 0, encodeSettings(settings));
  }

  /** How the settings came out of the oldest group with `requestFlag.settles`. */
  settled(channel: number, settings: CarriedSettings): void {
    this.#link?.send(channel, frameType.settled, 0, 0, encodeSettings(settings));
  }

  /** What the channel is sent from now on may run only where everything up to there is replayed. */
  after(channel: number, lsn: bigint): void {
    this.#link?.send(channel, frameType.after, 0, 0, new BodyWriter().u64(lsn).done());
  }

  credit(channel: number, bytes: number): void {
    this.#link?.credit(channel, bytes);
  }

  /** Resolves when nothing of the cancel is under way any more, also if the channel or the link ended in between; undefined: at once. */
  cancel(channel: number): Promise<void> | undefined {
    const link = this.#link;
    if (link === undefined || !this.#channels.has(channel)) return undefined;
    link.bare(channel, frameType.cancel);
    return new Promise((done) => {
      const cancels = this.#cancels.get(channel);
      if (cancels === undefined) this.#cancels.set(channel, [done]);
      else cancels.push(done);
    });
  }

  /** Asks for what was not begun; `recalled` follows, unless the channel ends otherwise. */
  recall(channel: number): void {
    this.#link?.bare(channel, frameType.recall);
  }

  /** Somebody else leads, or nobody: sessions are told to move on, each when it can. */
  leave(): void {
    this.isLeft = true;
    for (const handler of [...this.#channels.values()]) if (handler.at === 'leader') handler.movesOn();
  }

  /** It leads again. */
  stay(): void {
    this.isLeft = false;
  }

  /** Nothing that it answers is waited for any more: its sessions hear the same as if the link had broken. */
  abandon(): void {
    for (const [channel, handler] of [...this.#channels]) {
      if (handler.at !== 'leader') continue;
      this.close(channel);
      handler.lost();
    }
  }

  close(channel: number): void {
    if (!this.#channels.delete(channel)) return;
    this.#told.delete(channel);
    this.#forgetCancels(channel);
    const waiting = this.#waiting.get(channel);
    if (waiting !== undefined) {
      waiting.timer.cancel();
      this.#waiting.delete(channel);
    } else this.#link?.bare(channel, frameType.close);
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    for (const { timer, fail } of [...this.#waiting.values()]) {
      timer.cancel();
      fail(poolerUnreachable('the gateway stops', true));
    }
    this.#waiting.clear();
    this.#link?.destroy();
  }

  // --- what arrives ---

  hello(peer: Hello): void {
    if (peer.version !== protocolVersion) {
      this.#lastTrouble = `the pooler at ${this.#endpointText} is of another version`;
      this.#link?.destroy();
      return;
    }
    this.#attempts = 0;
    this.#isUp = true;
    this.isLeaving = false;
    this.#options.metrics.poolerConnects.add();
    this.#log.info('connected to a pooler', { pooler: peer.id, endpoint: this.#endpointText });
    for (const { open, timer } of this.#waiting.values()) {
      timer.cancel();
      open();
    }
    this.#waiting.clear();
    this.#options.linked?.(true);
  }

  frame(
    channel: number,
    type: number,
    flags: number,
    count: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (type === frameType.reply) return this.#channels.get(channel)?.reply(flags, count, buffer, start, end);
    const body = new BodyReader(buffer, start, end);
    switch (type) {
      case frameType.opened:
        return this.#channels.get(channel)?.opened(this.#welcomes.read(buffer, start, end));
      case frameType.credit:
        return this.#channels.get(channel)?.credited(body.u32());
      case frameType.claim:
        return this.#channels.get(channel)?.claimed((flags & claimFlag.idle) !== 0);
      case frameType.cancelled:
        return this.#cancelled(channel);
      case frameType.ended:
        return this.#ended(channel, decodeError(body));
      case frameType.result:
        return this.#learn(channel, decodeResult(body));
      case frameType.returned:
        return this.#returned(channel, flags, count, buffer, start, end);
      case frameType.recalled:
        return this.#recalled(channel);
      case frameType.leaving:
        return this.#leaving();
      case frameType.define:
        return this.#tell(channel, decodeDefine(body));
      default:
        this.#log.error('the pooler sent a frame that a gateway does not know', { type });
        this.#link?.destroy();
    }
  }

  closed(error: NetworkError | undefined): void {
    this.#lastTrouble = `the connection to ${this.#endpointText} was lost (${error?.message ?? 'closed by the pooler'})`;
    if (this.#isUp)
      this.#log.warn('lost the connection to the pooler', { endpoint: this.#endpointText, reason: error?.message });
    if (this.#isUp) this.#options.metrics.poolerLosses.add();
    this.#isUp = false;
    this.#link = undefined;
    this.#defined.clear();
    this.#told.clear();
    const lost = [...this.#channels].filter(([channel]) => !this.#waiting.has(channel));
    for (const [channel] of lost) this.#channels.delete(channel);
    for (const channel of this.#cancels.keys()) this.#forgetCancels(channel);
    for (const [, handler] of lost) handler.lost();
    this.#options.linked?.(false);
    this.#retryLater();
  }

  // --- inside ---

  #learn(channel: number, { id, result }: ToldResult): void {
    // We may have forgotten it meanwhile.
    const statement = this.#defined.get(id);
    if (statement === undefined) return;
    if (channel === 0) statement.result ??= result.slice();
    else this.#channels.get(channel)?.preparedOtherwise(statement, result.slice());
  }

  #tell(channel: number, define: Define): void {
    if (!this.#channels.has(channel)) return;
    let told = this.#told.get(channel);
    if (told === undefined) this.#told.set(channel, (told = new Map()));
    told.set(define.id, this.#options.statementOf(define));
  }

  #returned(channel: number, flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    const handler = this.#channels.get(channel);
    if (handler === undefined) return;
    const uses = readUses(buffer, start, end);
    if (uses === undefined) throw malformedRequestBack();
    const told = this.#told.get(channel);
    const named = uses.map((use): StatementUse => {
      if (use.kind !== useKind.refers && use.kind !== useKind.parses) return use;
      const statement = this.#defined.get(use.id) ?? told?.get(use.id);
      if (statement === undefined) throw malformedRequestBack();
      return { ...use, id: statement.id, statement };
    });
    handler.returned(flags, count, named, buffer.subarray(start + usesLength(uses.length), end));
  }

  #leaving(): void {
    this.isLeft = true;
    this.isLeaving = true;
    this.reads = { ...this.reads, isOpen: false };
    for (const handler of [...this.#channels.values()]) handler.movesOn();
  }

  #recalled(channel: number): void {
    const handler = this.#channels.get(channel);
    this.#channels.delete(channel);
    this.#told.delete(channel);
    this.#forgetCancels(channel);
    handler?.recalled();
  }

  #cancelled(channel: number): void {
    const cancels = this.#cancels.get(channel);
    cancels?.shift()?.();
    if (cancels?.length === 0) this.#cancels.delete(channel);
  }

  #forgetCancels(channel: number): void {
    for (const done of this.#cancels.get(channel) ?? []) done();
    this.#cancels.delete(channel);
  }

  #ended(channel: number, error: PgError): void {
    const handler = this.#channels.get(channel);
    this.#channels.delete(channel);
    this.#forgetCancels(channel);
    handler?.ended(error);
  }

  #newChannel(): number {
    do this.#lastChannel = this.#lastChannel === 0xffff_ffff ? 1 : this.#lastChannel + 1;
    while (this.#channels.has(this.#lastChannel) || this.#waiting.has(this.#lastChannel));
    return this.#lastChannel;
  }

  #whenUp(channel: number, open: () => void, fail: (error: PgError) => void, deadlineMs = Infinity): void {
    if (this.#isUp) return open();
    const timer = this.#world.clock.after(Math.min(this.#options.waitMs, deadlineMs), () => {
      this.#waiting.delete(channel);
      fail(poolerUnreachable(this.#lastTrouble, true));
    });
    this.#waiting.set(channel, { open, fail, timer });
  }

  async #connect(): Promise<void> {
    try {
      const connection = await this.#dial();
      if (this.#stopped) return connection.destroy();
      const hello = { version: protocolVersion, id: this.#options.id };
      const { topics } = this.#options;
      this.#link = new Link(connection, this.#world.clock, this, { hello, silenceMs, topics });
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      this.#lastTrouble = `${this.#endpointText}: ${error.message}`;
      this.#retryLater();
    }
  }

  #retryLater(): void {
    if (this.#stopped) return;
    // A pooler that starts together with the gateway is there in a moment, and a failed dial costs little.
    const lastMs = this.#attempts < eagerAttempts ? 100 : 2_000;
    const delayMs = backoffMs(this.#attempts, this.#world.random, { firstMs: 50, lastMs });
    if (this.#attempts === eagerAttempts) this.#log.warn('no connection to the pooler', { reason: this.#lastTrouble });
    this.#attempts += 1;
    this.#retry = this.#world.clock.after(delayMs, () => void this.#connect());
  }
}
