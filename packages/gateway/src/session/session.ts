import { sqlstate, type Connection, type ConnectionHandler, type PgError, type Timer } from '@multigres/core';
import {
  backendTag,
  Deframer,
  encodeBackendKeyData,
  encodeErrorResponse,
  encodeReadyForQuery,
  frontendTag,
  type AcceptedSession,
  type FrameSink,
  type PartPlace,
} from '@multigres/pgwire';
import {
  completionsOf,
  ranNothing,
  ReceiveWindow,
  replyFlag,
  requestCost,
  requestCount,
  requestFlag,
  SendWindow,
  statusOfFlags,
  type CarriedSettings,
  type Open,
  type OpenAt,
} from '@multigres/relay';
import { credentialsOf } from '../auth/credentials.ts';
import { secretBytesFor, type CancelKey } from '../cancel/cancel-keys.ts';
import {
  gatewayStops,
  groupsNotGivenBack,
  malformedLength,
  malformedRequestBack,
  noLeaderInTime,
  poolerLost,
  replicaLost,
  unknownMessage,
} from '../errors.ts';
import type { ChannelHandler, PoolerClient } from '../route/pooler-client.ts';
import type { Route, Seeker } from '../route/route.ts';
import type { SessionFields } from '../telemetry/session-log.ts';
import { GroupTicks } from '../telemetry/group-ticks.ts';
import { cancelledError } from '../timeout/cancelled-error.ts';
import type { Watched } from '../timeout/session-rounds.ts';
import { ownIdleTimeout } from '../timeout/own-idle-timeout.ts';
import { overdue, type SessionActivity } from '../timeout/session-timeout.ts';
import type { Welcome } from '../route/welcomes.ts';
import { sayGoodbye } from './goodbye.ts';
import type { Piece, Place } from './place.ts';
import { readsMode, type ReadsMode } from './reads-mode.ts';
import { ReplicaReads, type ReadingSession } from './replica-reads.ts';
import type { CatalogStatement } from '../statement/statement-catalog.ts';
import type { StatementUse } from './request-builder.ts';
import { RequestMachine, type RequestSink } from './request-machine.ts';
import type { SessionEnvironment } from './session-environment.ts';
import type { SessionView } from './session-view.ts';

type Phase =
  /** Waits for the pooler to let it in: the first time, or again after the connection to it was lost. */
  | 'opening'
  | 'ready'
  /** A message waits until everything before it is answered. */
  | 'holding'
  /** Its pooler went away while it had nothing there; it opens again with the next message. */
  | 'detached'
  | 'ended';

/** What a session is about, for views and metrics. */
export type SessionState = 'opening' | 'idle' | 'active' | 'idleInTransaction' | 'detached';

/** What a pooler gave back. */
interface Moving {
  /** Where it goes on afterwards. */
  readonly phase: 'ready' | 'holding';
  readonly pieces: Piece[];
  bytes: number;
  /** Everything has come back. */
  isComplete: boolean;
}

/** While nothing can be taken, so much is read on, to see the client's end. */
const keptBytesMax = 64 * 1024;
/** How long what a client sent before its end may wait to be taken. */
const lingerMs = 5_000;

/** Of more statements it is forgotten: an error at worst. */
const resultsMax = 1000;

const partOfTheLast: ReadonlySet<number> = new Set([
  frontendTag.copyData,
  frontendTag.copyDone,
  frontendTag.copyFail,
  frontendTag.terminate,
]);

/**
 * A client that has logged in: its connection on one side, its channel to the pooler on the other. What the messages mean is the request
 * machine's business; here is the flow: who waits, who is paused, what is handed on.
 */
export class Session implements ConnectionHandler, FrameSink, ChannelHandler, Seeker, RequestSink, Watched {
  readonly user: string;
  readonly database: string;
  readonly #environment: SessionEnvironment;
  readonly #connection: Connection;
  readonly #deframer: Deframer;
  readonly #open: Open;
  readonly #route: Route;
  /** Where its channel is; meaningless while it has none. */
  #pooler!: PoolerClient;
  readonly #key: CancelKey;
  readonly #requests: RequestMachine;
  readonly #ticks: GroupTicks = new GroupTicks();
  readonly #connectedTick: number;
  #sendWindow: SendWindow = new SendWindow();
  #receiveWindow: ReceiveWindow = new ReceiveWindow();
  /** 0: it has none, and waits for somebody to lead, or to be asked for something. */
  #channel = 0;
  /** Where it belongs. */
  #at: OpenAt = 'leader';
  #mode: ReadsMode = 'primary';
  /** What it has written before it went over to reading at followers only is below it; undefined while that is not known. */
  #writtenLsn: bigint | undefined = 0n;
  /** Its way to followers, if it prefers them for reads. */
  #reads: ReplicaReads | undefined;
  /** On its way to another pooler, with what the last one has not begun. */
  #moving: Moving | undefined;
  /** It was given something back, and nothing was answered since. */
  #movesStill = false;
  #phase: Phase = 'opening';
  #welcomed = false;
  /** What the end of the authentication is yet to be told by. */
  #unsaid: Uint8Array | undefined;
  /** Bytes that came while they could not be taken. */
  #leftover: Uint8Array | undefined;
  /** The client has sent its last, and some of it waits to be taken. */
  #lingers: Timer | undefined;
  #held: Uint8Array | undefined;
  #windowClosed = false;
  /** The client has got a part of a message. */
  #inMessage = false;
  #clientStalled = false;
  #uncreditedBytes = 0;
  /** When it stops waiting for a pooler, should the connection break again and again. */
  #giveUpMs: number;
  /** The SQLSTATE that it was told last of all, or that the client left by itself. */
  #endedBy = 'client';
  /** When what it is doing began (in rounds' time), and the transaction around it; -1 outside of any. */
  #sinceMs: number;
  #beganMs = -1;
  /** Seconds of the turn's clock, for views. */
  readonly #connectedSecond: number;
  #askedSecond: number;
  /** What is known of its encryption; empty if there is none. */
  tls = '';
  /** What its prepared statements answer, where that is not what they answered first. */
  #results: Map<CatalogStatement, Uint8Array> | undefined;
  /** Its statement is cancelled because it takes too long: what its answer is to say. */
  #verdict: PgError | undefined;

  /**
   * The deframer is stopped; what came behind the login is handed to `data`. `unsaid`: the last messages of the authentication, which are to be sent
   * before anything else.
   */
  constructor(
    environment: SessionEnvironment,
    connection: Connection,
    deframer: Deframer,
    accepted: AcceptedSession,
    unsaid: Uint8Array,
    connectedTick: number,
  ) {
    this.#unsaid = unsaid;
    this.#connectedTick = connectedTick;
    this.#connectedSecond = environment.metrics.turn.second;
    this.#askedSecond = this.#connectedSecond;
    this.#environment = environment;
    this.#connection = connection;
    this.#deframer = deframer;
    const credentials = credentialsOf(accepted, environment.authenticator.secretInFile(accepted.user));
    this.#open = environment.opens.share(accepted.user, accepted.database, [...accepted.settings], credentials);
    this.user = this.#open.user;
    this.database = this.#open.database;
    this.#requests = new RequestMachine(this, environment, this.#open);
    this.#key = environment.cancelKeys.issue(this, secretBytesFor(accepted.version));
    this.#route = environment.routeFor(accepted.database);
    this.#giveUpMs = environment.clock.nowMs() + environment.limits.poolerWaitMs;
    this.#sinceMs = environment.rounds.coarseMs;
    environment.sessionStarted(this);
    if (this.#open.settings.length > 0) this.#startMode(readsMode(this.#open.settings, ''));
    this.#seek();
    if (this.#open.settings.length > 0) environment.rounds.limitIdle(this, ownIdleTimeout(this.#open.settings, ''));
  }

  get state(): SessionState {
    if (this.#phase === 'opening' || this.#phase === 'detached') return this.#phase;
    if (this.#requests.groupsUnanswered > 0) return 'active';
    return this.#requests.status === 'I' ? 'idle' : 'idleInTransaction';
  }

  /** What the console's KILL CLIENT names. */
  get id(): number {
    return this.#key.processId;
  }

  /** For the console; made when it is asked for. */
  get view(): SessionView {
    return {
      id: this.id,
      channel: this.#channel,
      user: this.user,
      database: this.database,
      replication: 'none',
      state: this.state,
      remote: this.#connection.remote,
      connectedMs: this.#connectedSecond * 1000,
      sinceMs: this.#askedSecond * 1000,
      applicationName: this.#open.settings.find(([name]) => name === 'application_name')?.[1] ?? '',
      pins: this.#requests.pins,
      tls: this.tls,
    };
  }

  /** Takes the connection over. */
  start(): void {
    this.#connection.attach(this);
  }

  cancel(): Promise<void> | undefined {
    return this.#phase === 'ready' || this.#phase === 'holding' ? this.#pooler.cancel(this.#channel) : undefined;
  }

  /** Ends the session, telling the client why. */
  finish(error: PgError): void {
    if (this.#phase === 'ended') return;
    this.#endedBy = error.sqlstate;
    if (!this.#welcomed) this.#environment.sessionLog.loginFailed(this.#who, this.#connection.remote, error);
    // In the middle of a message nothing can be said: the client would take it for the message's rest. It sees the connection end.
    if (!this.#inMessage) {
      // Postgres says so before it asks who one is, and pg_isready takes whoever was let in for a server that accepts connections.
      if (error.sqlstate !== sqlstate.cannotConnectNow) this.#sayAccepted();
      encodeErrorResponse(this.#environment.writer, { ...error.report, severity: 'FATAL' });
      this.#writeOut();
    }
    this.#leave();
  }

  /** The gateway is about to go: it ends here if it is between transactions, and else as soon as it is. */
  leaveWhenQuiet(): void {
    if (this.#requests.isQuiet) this.finish(gatewayStops());
  }

  /** Ends what takes too long. */
  lookAt(nowMs: number, fromMs: number): void {
    if (this.#phase === 'opening' || this.#phase === 'ended') return;
    const late = overdue(this.#activity(fromMs), nowMs, this.#environment.rounds.limitsOf(this));
    if (late === undefined) return;
    if (late.act === 'end') return this.finish(late.error);
    this.#verdict = late.error;
    // If this one comes too early or too late for Postgres, the next one comes after as long again.
    this.#sinceMs = this.#environment.rounds.coarseMs;
    void this.cancel();
  }

  // --- the client's connection ---

  data(bytes: Uint8Array): void {
    if (this.#phase === 'ended') return;
    this.#environment.metrics.receivedBytes.add(bytes.length);
    if (this.#leftover !== undefined || this.#mustWait()) return this.#keep(bytes, 0);
    this.#feed(bytes);
  }

  end(): void {
    // A client that will send no more is gone, even if it left without Terminate: PostgreSQL treats it the same way, when it has read what came before.
    if (this.#isTaken) this.#leave();
    else if (this.#phase !== 'ended') this.#lingers ??= this.#environment.clock.after(lingerMs, () => this.#leave());
  }

  drain(): void {
    this.#clientStalled = false;
    const bytes = this.#uncreditedBytes;
    this.#uncreditedBytes = 0;
    this.#consumed(bytes);
  }

  closed(): void {
    this.#leave(false);
  }

  // --- its messages ---

  frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#phase === 'ended') return;
    if (this.#environment.isDraining && this.#beginsAnother(tag)) return this.hold(buffer, start, end);
    this.#requests.message(tag, buffer, start, end);
  }

  part(tag: number, buffer: Uint8Array, start: number, end: number, place: PartPlace, bodyBytes: number): void {
    if (this.#phase !== 'ended') this.#requests.part(tag, buffer, start, end, place, bodyBytes);
  }

  // --- what the request machine decides ---

  request(
    flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    bytes: Uint8Array,
    start: number,
    end: number,
    shape: number,
  ): void {
    if (this.#requests.groupsUnanswered === 0) this.#sinceMs = this.#environment.rounds.coarseMs;
    if (this.#beganMs < 0) this.#beganMs = this.#environment.rounds.coarseMs;
    if (endsGroup && !(flags & requestFlag.unseen)) this.#noteAsked(flags);
    if (this.#reads !== undefined && !this.#readsAdmit(flags, endsGroup, uses, bytes, start, end, shape)) return;
    this.#pooler.request(this.#channel, flags, requestCount(endsGroup, shape), uses, bytes, start, end);
    this.#sendWindow.sent(requestCost(uses.length, end - start));
    if (this.#sendWindow.open || this.#windowClosed) return;
    this.#windowClosed = true;
    this.#deframer.stop();
  }

  pin(reasons: number): void {
    if (this.#reads?.isAway === true) this.#reads.pin(reasons);
    else this.#pooler.pin(this.#channel, reasons);
  }

  unpin(reasons: number): void {
    this.#pooler.unpin(this.#channel, reasons);
  }

  answerError(error: PgError): void {
    this.#environment.metrics.refused(error.sqlstate);
    this.#environment.sessionLog.refused(this.#who, error.sqlstate);
    encodeErrorResponse(this.#environment.writer, error.report);
    this.#writeOut();
  }

  answerParse(): void {
    this.#environment.writer.bare(backendTag.parseComplete);
    this.answerReady();
  }

  answerReady(): void {
    encodeReadyForQuery(this.#environment.writer, 'I');
    this.#writeOut();
  }

  hold(buffer: Uint8Array, start: number, end: number): void {
    this.#held = buffer.slice(start, end);
    this.#phase = 'holding';
    this.#deframer.stop();
  }

  get keepsDurability(): boolean {
    return this.#route.hasFollowers;
  }

  get isHolding(): boolean {
    return this.#phase === 'holding';
  }

  violation(error: PgError): void {
    this.finish(error);
  }

  settled(settings: CarriedSettings): void {
    this.#environment.rounds.limitIdle(this, ownIdleTimeout(this.#open.settings, settings.text));
    this.#pooler.settled(this.#channel, settings);
    const mode = readsMode(this.#open.settings, settings.text);
    if (mode !== this.#mode) this.#useMode(mode);
    this.#reads?.settled(settings);
  }

  terminate(): void {
    this.#leave();
  }

  // --- the pooler ---

  found(client: PoolerClient): void {
    this.#pooler = client;
    this.#channel = client.open(this.#at === 'leader' ? this.#open : { ...this.#open, at: this.#at }, this);
  }

  get at(): OpenAt {
    return this.#at;
  }

  notFound(error: PgError): void {
    this.finish(error);
  }

  opened(welcome: Welcome): void {
    if (this.#phase !== 'opening') return;
    this.#phase = this.#moving?.phase ?? 'ready';
    const { settings } = this.#requests;
    if (settings !== undefined) this.#pooler.settings(this.#channel, settings);
    if (this.#at === 'follower') this.#pooler.after(this.#channel, this.#writtenLsn ?? 0n);
    this.#tellResults(this.#pooler, this.#channel);
    if (this.#moving !== undefined) this.#sayAgain(this.#moving.pieces);
    this.#moving = undefined;
    if (!this.#welcomed) this.#welcome(welcome);
    this.#goOn();
  }

  preparedOtherwise(statement: CatalogStatement, result: Uint8Array): void {
    const results = (this.#results ??= new Map());
    results.delete(statement);
    results.set(statement, result);
    if (results.size > resultsMax) results.delete(results.keys().next().value as CatalogStatement);
    this.#reads?.tellOther(statement, result);
  }

  #tellResults(pooler: PoolerClient, channel: number): void {
    for (const [statement, result] of this.#results ?? []) pooler.relies(channel, statement, result);
  }

  reply(flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#phase === 'ended') return;
    if (flags & replyFlag.syncIgnored) {
      this.#ticks.answered();
      this.#reads?.syncIgnored();
      return this.#requests.syncIgnored();
    }
    if (this.#verdict !== undefined) return this.#replyLate(flags, count, buffer, start, end);
    this.#deliver(flags, buffer, start, end);
    if (flags & replyFlag.ready) this.#answered(flags, count);
  }

  #deliver(flags: number, buffer: Uint8Array, start: number, end: number): void {
    const bytes = end - start;
    this.#inMessage = (flags & replyFlag.partial) !== 0;
    if (bytes > 0) {
      this.#environment.writer.bytes(buffer, start, end);
      this.#writeOut();
      if (this.#clientStalled) this.#uncreditedBytes += bytes;
      else this.#consumed(bytes);
    }
  }

  #answered(flags: number, count: number): void {
    this.#noteAnswered(flags);
    const failed = (flags & replyFlag.failed) !== 0;
    this.#requests.answered(statusOfFlags(flags), failed, completionsOf(count), ranNothing(count));
    this.#sinceMs = this.#environment.rounds.coarseMs;
    this.#movesStill = false;
    if (this.#requests.status === 'I') this.#beganMs = this.#requests.isQuiet ? -1 : this.#sinceMs;
    if (this.#environment.isDraining && this.#requests.isQuiet) return this.finish(gatewayStops());
    this.#reads?.answered();
    if (this.#pooler.isLeft) this.movesOn();
    if (this.#phase === 'holding' && this.#requests.groupsUnanswered === 0) this.#release();
  }

  credited(bytes: number): void {
    if (this.#reads?.isAway === true) return this.#reads.homeCredited(bytes);
    this.#creditedHere(bytes);
  }

  #creditedHere(bytes: number): void {
    this.#sendWindow.credited(bytes);
    if (!this.#windowClosed || !this.#sendWindow.open) return;
    this.#windowClosed = false;
    this.#goOn();
  }

  claimed(idle: boolean): void {
    if (this.#reads?.isAway !== true) this.#requests.claimed(idle);
  }

  ended(error: PgError): void {
    // Postgres does not take what the gateway took: what the gateway remembers of the user's password is out of date.
    if (error.sqlstate === sqlstate.invalidPassword) this.#environment.authenticator.proofFailed(this.user);
    if (this.#phase === 'opening' && error.sqlstate === sqlstate.notTheLeader) {
      this.#route.refusedBy(this.#pooler);
      return this.#seek();
    }
    this.finish(error);
  }

  lost(): void {
    if (this.#phase === 'ended') return;
    if (this.#reads?.isAway === true) return this.#reads.homeGone();
    this.#channel = 0;
    if (this.#moving?.isComplete === false) return this.finish(groupsNotGivenBack());
    if (this.#phase === 'opening') return this.#seekAgain();
    // Nothing of it was on the other side: it goes on as soon as there is a pooler again.
    const owed = this.#requests.groupsUnanswered > 0;
    if (this.#isDetachable) this.#phase = 'detached';
    else this.finish(poolerLost(owed));
  }

  movesOn(): void {
    if (this.#reads?.isAway === true) return this.#reads.homeLeft();
    const stays = this.#at === 'follower' && this.#mode === 'replica' && !this.#pooler.isLeaving;
    if (stays || !this.#isDetachable) return;
    this.#detach();
  }

  returned(flags: number, count: number, uses: readonly StatementUse[], bytes: Uint8Array): void {
    if (this.#phase === 'ended') return;
    // Before it was let in it has said nothing.
    if (this.#phase === 'opening' && this.#moving?.isComplete !== false) throw malformedRequestBack();
    this.#moving ??= this.#beginMoving();
    this.#moving.pieces.push({ flags, count, uses, bytes: bytes.slice() });
    this.#moving.bytes += bytes.length;
  }

  recalled(): void {
    if (this.#phase === 'ended') return;
    if (this.#moving === undefined) throw malformedRequestBack();
    this.#moving.isComplete = true;
    this.#seek();
  }

  // --- inside ---

  get #who(): SessionFields {
    return { session: this.#key.processId, user: this.user, database: this.database };
  }

  #noteAsked(flags: number): void {
    const { metrics, watch } = this.#environment;
    (flags & requestFlag.simple ? metrics.simpleQueries : metrics.extendedQueries).add();
    const watched = watch?.asked(this.#requests.takeText());
    if (watched?.trace !== undefined) this.#pooler.trace(this.#channel, watched.trace);
    this.#ticks.asked(metrics.turn.tick, watched);
    this.#askedSecond = metrics.turn.second;
  }

  #noteAnswered(flags: number): void {
    const { metrics, watch } = this.#environment;
    const askedTick = this.#ticks.answered();
    if (askedTick !== undefined) metrics.queryTime.recordMs(metrics.turn.msSince(askedTick));
    if (statusOfFlags(flags) === 'I') metrics.transactions.add();
    const { watched } = this.#ticks;
    if (watched !== undefined) watch?.answered(watched, this.#who, (flags & replyFlag.failed) !== 0);
  }

  #activity(fromMs: number): SessionActivity {
    const { groupsUnanswered, isPartlySent, status } = this.#requests;
    const waiting = status === 'I' ? 'idle' : 'idleInTransaction';
    const state = groupsUnanswered > 0 ? 'active' : isPartlySent ? 'betweenMessages' : waiting;
    const transactionSinceMs = this.#beganMs < 0 ? undefined : Math.max(this.#beganMs, fromMs);
    return { state, sinceMs: Math.max(this.#sinceMs, fromMs), transactionSinceMs };
  }

  /** What is under way goes on: the data that a COPY waits for, the rest of its group. All else waits for the answer. */
  #beginsAnother(tag: number): boolean {
    return this.#requests.groupsUnanswered > 0 && !partOfTheLast.has(tag);
  }

  /** The answer of a statement that was cancelled for the time it took: Postgres cannot know why, so it is said here. */
  #replyLate(flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    const verdict = this.#verdict as PgError;
    const place = this.#inMessage ? undefined : cancelledError(buffer, start, end);
    const ready = (flags & replyFlag.ready) !== 0;
    if (ready) this.#verdict = undefined;
    if (place === undefined) this.#deliver(flags, buffer, start, end);
    else {
      this.#deliver(0, buffer, start, place.start);
      if (verdict.report.severity === 'FATAL') return this.finish(verdict);
      this.#consumed(place.end - place.start);
      this.answerError(verdict);
      this.#deliver(flags, buffer, place.end, end);
    }
    if (ready) this.#answered(flags, count);
  }

  #mustWait(): boolean {
    if (this.#phase === 'detached') {
      this.#phase = 'opening';
      this.#giveUpMs = this.#environment.clock.nowMs() + this.#environment.limits.poolerWaitMs;
      this.#seek();
    }
    return this.#phase !== 'ready' || this.#windowClosed;
  }

  get #isDetachable(): boolean {
    return this.#welcomed && this.#phase === 'ready' && this.#requests.isMovable;
  }

  #detach(): void {
    this.#pooler.close(this.#channel);
    this.#channel = 0;
    this.#phase = 'detached';
  }

  #seekAgain(): void {
    if (this.#environment.clock.nowMs() < this.#giveUpMs) this.#seek();
    else this.finish(poolerLost(false));
  }

  /** A channel of its own: what the old one owed in credit died with it. */
  #seek(): void {
    this.#channel = 0;
    this.#sendWindow = new SendWindow();
    this.#receiveWindow = new ReceiveWindow();
    this.#windowClosed = false;
    this.#uncreditedBytes = 0;
    if (this.#writtenLsn === undefined) return this.#learnWritten();
    const wish =
      this.#at === 'leader' ? ({ at: 'leader' } as const) : ({ at: 'follower', lsn: this.#writtenLsn } as const);
    this.#route.seek(this, this.#giveUpMs, wish);
    if (this.#channel === 0) this.#noteKept(this.#keptBytes + (this.#moving?.bytes ?? 0));
  }

  /** The pooler does not serve any more. It sends back what it has not begun; what comes from the client waits. */
  #beginMoving(): Moving {
    const phase = this.#phase as Moving['phase'];
    this.#phase = 'opening';
    // Who is given the same back again and again gives up all the same.
    if (!this.#movesStill) this.#giveUpMs = this.#environment.clock.nowMs() + this.#environment.limits.poolerWaitMs;
    this.#movesStill = true;
    this.#pooler.recall(this.#channel);
    this.#route.refusedBy(this.#pooler);
    return { phase, pieces: [], bytes: 0, isComplete: false };
  }

  /** To the next pooler, as it was said to the last one. */
  #sayAgain(pieces: readonly Piece[]): void {
    const { pins } = this.#requests;
    if (pins !== 0) this.#pooler.pin(this.#channel, pins);
    for (const { flags, count, uses, bytes } of pieces) {
      this.#pooler.request(this.#channel, flags, count, uses, bytes, 0, bytes.length);
      this.#sendWindow.sent(requestCost(uses.length, bytes.length));
    }
    this.#windowClosed = !this.#sendWindow.open;
  }

  // --- where it reads ---

  #startMode(mode: ReadsMode): void {
    if (!this.#route.hasFollowers) return;
    this.#mode = mode;
    if (mode === 'replica') this.#at = 'follower';
    if (mode === 'prefer-replica') this.#reads = this.#newReads(undefined);
  }

  /** It has set it to something else, at its home. */
  #useMode(mode: ReadsMode): void {
    if (!this.#route.hasFollowers) return;
    const { clock } = this.#environment;
    this.#mode = mode;
    this.#reads?.close();
    this.#reads = mode === 'prefer-replica' ? this.#newReads(this.#requests.settings) : undefined;
    const at = mode === 'replica' ? 'follower' : 'leader';
    if (at === this.#at) return;
    // With the next message, if nothing of it stays where it is.
    clock.soon(() => {
      if (!this.#isDetachable || (this.#mode === 'replica') !== (at === 'follower')) return;
      this.#detach();
      this.#at = at;
      this.#writtenLsn = at === 'follower' ? undefined : 0n;
    });
  }

  #newReads(settings: CarriedSettings | undefined): ReplicaReads {
    return new ReplicaReads(this.#reader(), this.#route, this.#open, settings);
  }

  /** What is done for its reads at followers is done by these. */
  #reader(): ReadingSession {
    const requests = this.#requests;
    return {
      get status() {
        return requests.status;
      },
      get pins() {
        return requests.pins;
      },
      swap: (place) => this.#swap(place),
      sayHere: (pieces) => this.#sayHere(pieces),
      stall: () => this.#stall(),
      goOn: () => {
        this.#windowClosed = !this.#sendWindow.open;
        this.#goOn();
      },
      reply: (flags, count, buffer, start, end) => this.reply(flags, count, buffer, start, end),
      credited: (bytes) => this.#creditedHere(bytes),
      preparedOtherwise: (statement, result) => this.preparedOtherwise(statement, result),
      tellResults: ({ pooler, channel }) => this.#tellResults(pooler, channel),
      readLost: () => this.finish(replicaLost()),
    };
  }

  #readsAdmit(
    flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    bytes: Uint8Array,
    start: number,
    end: number,
    shape: number,
  ): boolean {
    const count = requestCount(endsGroup, shape);
    if (!(this.#reads as ReplicaReads).admits(flags, count, uses, bytes, start, end)) return false;
    if (this.#channel !== 0) return true;
    this.#sayHere([{ flags, count, uses, bytes: bytes.slice(start, end) }]);
    return false;
  }

  #swap({ pooler, channel, sendWindow, receiveWindow }: Place): Place {
    const left = {
      pooler: this.#pooler,
      channel: this.#channel,
      sendWindow: this.#sendWindow,
      receiveWindow: this.#receiveWindow,
    };
    this.#pooler = pooler;
    this.#channel = channel;
    this.#sendWindow = sendWindow;
    this.#receiveWindow = receiveWindow;
    return left;
  }

  /** Nowhere: where it will be, as soon as somebody leads. */
  #sayHere(pieces: readonly Piece[]): void {
    if (this.#channel !== 0) return this.#sayAgain(pieces);
    if (this.#moving !== undefined) return void this.#moving.pieces.push(...pieces);
    this.#stall();
    this.#moving = { phase: this.#phase as Moving['phase'], pieces: [...pieces], bytes: 0, isComplete: true };
    for (const { bytes } of pieces) this.#moving.bytes += bytes.length;
    this.#phase = 'opening';
    this.#giveUpMs = this.#environment.clock.nowMs() + this.#environment.limits.poolerWaitMs;
    this.#seek();
  }

  #stall(): void {
    this.#windowClosed = true;
    this.#deframer.stop();
  }

  /** Before it goes to a follower for good, it must be known how far that has to be. */
  #learnWritten(): void {
    void this.#route.walEnd().then((lsn) => {
      if (this.#phase !== 'opening' || this.#channel !== 0) return;
      if (lsn === undefined) return this.finish(noLeaderInTime('nobody tells how far the log has got'));
      this.#writtenLsn = lsn;
      this.#seek();
    });
  }

  #noteKept(bytes: number): void {
    if (!this.#route.keeps(this, bytes)) this.#connection.pause();
  }

  #feed(bytes: Uint8Array): void {
    this.#requests.enter();
    const used = this.#deframer.feed(bytes);
    this.#requests.leave();
    if (this.#isEnded()) return;
    switch (this.#deframer.state) {
      case 'badTag':
        return this.violation(unknownMessage(bytes[used] ?? 0));
      case 'badLength':
        return this.violation(malformedLength());
      case 'stopped':
        return this.#keep(bytes, used);
      default:
    }
  }

  /** A call, so that the compiler does not take the phase for what it was before the messages were handled. */
  #isEnded(): boolean {
    return this.#phase === 'ended';
  }

  #keep(bytes: Uint8Array, from: number): void {
    const kept = this.#leftover;
    const more = bytes.subarray(from);
    if (kept === undefined) this.#leftover = more.slice();
    else {
      this.#leftover = new Uint8Array(kept.length + more.length);
      this.#leftover.set(kept);
      this.#leftover.set(more, kept.length);
    }
    if (this.#keptBytes >= keptBytesMax) this.#connection.pause();
    if (this.#channel === 0) this.#noteKept(more.length);
  }

  /** Everything that has come was taken. */
  get #isTaken(): boolean {
    return this.#phase !== 'holding' && this.#keptBytes === 0;
  }

  get #keptBytes(): number {
    return this.#leftover?.length ?? 0;
  }

  /** Takes up what had to wait. */
  #goOn(): void {
    if (this.#phase !== 'ready' || this.#windowClosed) return;
    this.#deframer.resume();
    const bytes = this.#leftover;
    this.#leftover = undefined;
    if (bytes !== undefined && bytes.length > 0) this.#feed(bytes);
    if (this.#isEnded()) return;
    if (this.#lingers !== undefined && this.#isTaken) this.#leave();
    else if (this.#keptBytes < keptBytesMax) this.#connection.resume();
  }

  /** Everything before the held message is answered. */
  #release(): void {
    const message = this.#held as Uint8Array;
    this.#held = undefined;
    this.#phase = 'ready';
    this.#requests.enter();
    this.#requests.released(message);
    this.#requests.leave();
    this.#goOn();
  }

  #welcome(welcome: Welcome): void {
    this.#welcomed = true;
    const { metrics, sessionLog, writer } = this.#environment;
    metrics.logins.add();
    metrics.loginTime.recordMs(metrics.turn.msSince(this.#connectedTick));
    // To ask where the client is costs a system call.
    if (sessionLog.options.connections) sessionLog.started(this.#who, this.#connection.remote, this.#open.settings);
    this.#sayAccepted();
    writer.bytes(welcome.messages);
    if (welcome.encoding !== undefined) this.#requests.readsUtf8(welcome.encoding === 'UTF8');
    encodeBackendKeyData(writer, this.#key.processId, this.#key.secretKey);
    encodeReadyForQuery(writer, 'I');
    this.#writeOut();
  }

  /** AuthenticationOk leaves together with what follows it: a write of its own would cost as much as all the rest of the login. */
  #sayAccepted(): void {
    if (this.#unsaid === undefined) return;
    this.#environment.writer.bytes(this.#unsaid);
    this.#unsaid = undefined;
  }

  #writeOut(): void {
    const { metrics, writer } = this.#environment;
    metrics.sentBytes.add(writer.length);
    if (!this.#connection.write(writer.take())) this.#clientStalled = true;
    if (this.#connection.backlogBytes === 0) writer.giveBack();
  }

  #consumed(bytes: number): void {
    const credit = this.#receiveWindow.consumed(bytes);
    if (credit > 0 && this.#channel !== 0 && this.#phase !== 'ended') this.#pooler.credit(this.#channel, credit);
  }

  #leave(connected: boolean = true): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#lingers?.cancel();
    this.#environment.cancelKeys.revoke(this.#key);
    this.#requests.close();
    if (this.#channel === 0) this.#route.forget(this);
    else this.#pooler.close(this.#channel);
    this.#reads?.close();
    this.#moving = undefined;
    this.#leftover = undefined;
    if (connected) sayGoodbye(this.#connection, this.#environment);
    const { metrics, sessionLog } = this.#environment;
    metrics.over(this.#welcomed, this.#endedBy);
    if (this.#welcomed) sessionLog.ended(this.#who, this.#endedBy, metrics.turn.second - this.#connectedSecond);
    this.#environment.sessionEnded(this);
  }
}
