import {
  assert,
  BoundedQueue,
  sqlstate,
  type Clock,
  type Connection,
  type ConnectionHandler,
  type Log,
  type NetworkError,
  type PgReport,
  type Timer,
} from '@multigres/core';
import {
  backendTag,
  decodeErrorResponse,
  Deframer,
  encodeBind,
  encodeErrorResponse,
  encodeFlush,
  encodeQuery,
  frontendTag,
  MessageWriter,
  peekReadyForQuery,
  transactionFailed,
  transactionOpen,
  type FrameSink,
  type PartPlace,
} from '@multigres/pgwire';
import { requestFlag, useKind } from '@multigres/relay';
import { commitInDoubt } from '../errors.ts';
import type { PoolerMetrics } from '../telemetry/pooler-metrics.ts';
import type { Statement, StatementUse } from '../statement/statement-table.ts';
import { resultChanged } from '../errors.ts';
import { sameResult } from '../statement/statement-results.ts';
import type { AnswerGuard, Guarded } from './answer-guard.ts';
import { brokenWait } from './broken-wait.ts';
import { isDdl } from './ddl-tag.ts';
import { HeldBack } from './held-back.ts';
import { isChanged, isGone, isOfText } from './reports.ts';
import { nobody, StatementWriter } from './statement-writer.ts';
import { Group, type Description, type GroupEnd, type GroupOwner, type ScriptStep } from './group.ts';
import { preparesItself } from './prepares-itself.ts';
import type { SchemaVersion } from './schema-version.ts';
import { PreparedStatements } from './prepared-statements.ts';

/** Who uses backends: the pool. All calls come in turns of their own, never inside a call to the backend. */
export interface BackendOwner {
  readonly metrics: PoolerMetrics;
  /** Of a member of a shard: says when answers may be told. */
  readonly guard?: AnswerGuard | undefined;
  /** A group ended: the backend may take another shared group, or be released. */
  groupEnded(backend: Backend, group: Group): void;
  /** Messages that belong to no group (notices, notifications, settings changed by a reload). */
  asynchronous(backend: Backend, buffer: Uint8Array, start: number, end: number): void;
  /** DDL has changed what a prepared statement answers: every backend has to prepare it anew for who parses it from now on. */
  statementChanged(statement: Statement): void;
  readonly schema: SchemaVersion;
  /** What was written is with the network: a session that was held back may send on. */
  drained(backend: Backend): void;
  /** The connection is gone; `unanswered` are the groups that still waited, in order. */
  backendLost(backend: Backend, unanswered: readonly Group[], fatal: PgReport | undefined): void;
}

/** What Postgres told at login. */
export interface BackendIdentity {
  /** ParameterStatus at login. */
  readonly parameters: ReadonlyMap<string, string>;
  /** It let us in without asking for anything. */
  readonly trusted: boolean;
  /** For CancelRequest. */
  readonly processId: number;
  readonly secretKey: Uint8Array;
}

export interface BackendLimits {
  readonly statementsMax: number;
  readonly groupsMax: number;
}

/** Postgres ends within this long after Terminate, or its connection is cut. */
const goodbyeMs = 5_000;
const backlogBytesMax = 256 * 1024;
const wholeBytesMax = 64 * 1024;
const messageBytesMax = 0x3fff_ffff;
const statementDescription: ReadonlySet<number> = new Set([backendTag.parameterDescription, backendTag.rowDescription]);
const parseCompleteBytes: Uint8Array = Uint8Array.of(backendTag.parseComplete, 0, 0, 0, 4);
const clients: ScriptStep = { forward: 'asItIs' };

/**
 * One logged-in connection to Postgres. Groups of messages are sent as they come and answered in order, so several sessions may have groups
 * under way; the bytes that arrive go to the group at the head. It decides nothing about who gets it: that is the pool's.
 */
export class Backend implements ConnectionHandler, FrameSink, Guarded {
  readonly id: number;
  readonly identity: BackendIdentity;
  readonly statements: PreparedStatements;
  /** While cancelling, no new group may be put behind the one that is cancelled. */
  cancelling = false;
  /** It is being given a session's settings; nothing may be put behind that. */
  adopting = false;
  /** SQL that made its settings what they are, from RESET ALL on, less the application name; empty: as at login. */
  settings = '';
  /** There have been temporary objects: its schema for them stays, and PREPARE TRANSACTION can tell. */
  hasTempSchema = false;
  /** Undefined: as at login. */
  applicationName: string | undefined;
  /** Its replies wait for a slow reader: whoever came behind would wait, too. */
  stalled = false;
  /** Not to be used any more: it is closed as soon as it is idle. */
  retired = false;
  idleSinceMs: number;
  /** Since its login. */
  readonly connectedMs: number;
  /** When it last gave a sign of life without being used. */
  checkedMs: number = -Infinity;
  /** When it is old enough to be replaced. */
  endsMs: number = Infinity;
  /** Groups since it was leased. */
  turnGroups = 0;
  /** As of the last ReadyForQuery. */
  isInTransaction = false;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #owner: BackendOwner;
  readonly #metrics: PoolerMetrics;
  readonly #guard: AnswerGuard | undefined;
  /** What arrived when answers could not be told, in order. */
  #untold: Uint8Array[] = [];
  readonly #deframer: Deframer = new Deframer(this, { wholeBytesMax, messageBytesMax });
  readonly #writer: MessageWriter = new MessageWriter();
  readonly #errorWriter: MessageWriter = new MessageWriter(256);
  readonly #owed: BoundedQueue<Group>;
  #flushScheduled = false;
  /** DDL was seen, and may take effect only with the end of the transaction. */
  #ranDdl = false;
  readonly #held: HeldBack = new HeldBack();
  readonly #statementWriter: StatementWriter;
  #congested = false;
  #lost = false;
  /** We have ended the connection, or asked Postgres to. */
  endsOnRequest = false;
  #goodbye: Timer | undefined;
  #fatal: PgReport | undefined;
  /** Contiguous reply bytes of the head group that were not handed on yet. */
  #run: Uint8Array | undefined;
  /** The last bytes of the run were not the end of their message. */
  #inMessage = false;
  /** What `data` is at. */
  #chunk: Uint8Array | undefined;
  #runStart = 0;
  #runEnd = 0;

  constructor(
    id: number,
    connection: Connection,
    identity: BackendIdentity,
    clock: Clock,
    log: Log,
    owner: BackendOwner,
    limits: BackendLimits,
  ) {
    this.id = id;
    this.identity = identity;
    this.statements = new PreparedStatements(limits.statementsMax);
    this.#connection = connection;
    this.#clock = clock;
    this.#log = log;
    this.#owner = owner;
    this.#metrics = owner.metrics;
    this.#guard = owner.guard;
    this.#owed = new BoundedQueue(limits.groupsMax);
    this.#statementWriter = new StatementWriter(this.#writer, this.statements, owner, (group, descriptions) =>
      this.#holdBack(group, descriptions),
    );
    this.connectedMs = clock.nowMs();
    this.idleSinceMs = this.connectedMs;
  }

  get owedGroups(): number {
    return this.#owed.length;
  }

  get head(): Group | undefined {
    return this.#owed.peek();
  }

  get isLost(): boolean {
    return this.#lost;
  }

  /** Whether one more group fits; a session that sends faster than Postgres answers has to wait. */
  get hasRoom(): boolean {
    return this.#owed.length < this.#owed.itemsMax;
  }

  /** Takes a cancel's signal or settings first. */
  get isBusyForOthers(): boolean {
    return this.cancelling || this.adopting;
  }

  /** What its settings are nobody knows: they will be what the next session's are. */
  settingsUnknown(): void {
    this.settings = '?';
  }

  /** Its settings are these now. A statement means something else under other settings (search_path), so all are prepared anew. */
  settingsChanged(settings: string, applicationName: string | undefined): void {
    this.applicationName = applicationName;
    if (settings === this.settings) return;
    this.settings = settings;
    this.statements.doubt();
  }

  /** Opens a group at the end of the line. */
  open(owner: GroupOwner, shared: boolean): Group {
    const group = new Group(owner, shared);
    group.sentTick = this.#metrics.turn.tick;
    if (this.#owed.length === 0) group.headTick = group.sentTick;
    const offered = this.#owed.offer(group);
    assert(offered === 'queued', 'a backend takes no more groups than it has room for');
    this.turnGroups += 1;
    return group;
  }

  /** Sends a piece of a group, the last one if it `ends` it: the bytes [start, end) with their uses. */
  send(
    group: Group,
    flags: number,
    ends: boolean,
    uses: readonly StatementUse[],
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (this.#lost) return;
    this.#scheduleFlush();
    if (flags & requestFlag.dropsStatements) this.statements.doubt();
    if (flags & requestFlag.copyEnd) group.copyEndSeen = true;
    const first = !group.begun;
    group.begun = true;
    if (uses.length === 0) return this.#writer.bytes(buffer, start, end);
    this.#statementWriter.write(group, ends && first, uses, buffer, start, end);
  }

  /** Sends a statement of the pooler's own, as a group whose replies go to `owner`. */
  query(owner: GroupOwner, sql: string): Group {
    const group = this.open(owner, false);
    group.simple = true;
    group.unseen = true;
    group.ended = true;
    this.#scheduleFlush();
    encodeQuery(this.#writer, sql);
    return group;
  }

  /** Postgres has sent the signal. Its process may notice at any time until it has answered what it has been sent. */
  cancelDone(): void {
    this.cancelling = false;
    for (const group of this.#owed) group.cancelMayHit = true;
  }

  /** Notes a cancel for the owner's first group that waits behind others; answers whether there is one. */
  askCancel(owner: GroupOwner): boolean {
    for (const group of this.#owed) {
      if (group.owner !== owner || group.evacuated || group.unseen) continue;
      group.cancelAsked = true;
      return true;
    }
    return false;
  }

  /** The groups behind the head whose owners may run them elsewhere; here their replies are dropped when they come. */
  evacuate(): Group[] {
    const gone = [...this.#owed].filter((group) => group !== this.head && group.shared && !group.rerun);
    for (const group of gone) {
      group.rerun = true;
      group.evacuated = true;
    }
    return gone;
  }

  /** What prepared the shared groups behind the one that just ended has failed: they run elsewhere, up to the next that is prepared for. */
  runBehindAgain(): void {
    for (const group of this.#owed) {
      if (!group.shared) return;
      if (!group.delivered) group.rerun = true;
    }
  }

  pause(): void {
    const { head } = this;
    if (head !== undefined) head.wasHeldBack = true;
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  /** Postgres takes less than is sent: who asks this must wait, and `drained` follows. */
  get isCongested(): boolean {
    this.#congested ||= this.#connection.backlogBytes + this.#writer.length > backlogBytesMax;
    return this.#congested;
  }

  /** Says goodbye properly; for idle backends. */
  close(): void {
    this.endsOnRequest = true;
    this.#writer.bare(frontendTag.terminate);
    this.#connection.write(this.#writer.take());
    this.#connection.end();
    this.#goodbye ??= this.#clock.after(goodbyeMs, () => this.#connection.destroy());
  }

  /** Ends the connection; Postgres rolls back what was open. */
  destroy(): void {
    this.endsOnRequest = true;
    this.#connection.destroy();
  }

  // --- what arrives ---

  data(bytes: Uint8Array): void {
    if (this.#lost) return;
    if (this.#guard !== undefined && !this.#mayTell(this.#guard)) return this.#hold(this.#guard, bytes);
    this.#take(bytes);
  }

  /** The guard lets go what it held. */
  release(): void {
    const untold = this.#untold;
    this.#untold = [];
    if (!this.stalled) this.#connection.resume();
    for (const bytes of untold) if (!this.#lost && !this.endsOnRequest) this.data(bytes);
  }

  #mayTell(guard: AnswerGuard): boolean {
    return this.#untold.length === 0 && this.#clock.nowMs() < guard.untilMs;
  }

  #hold(guard: AnswerGuard, bytes: Uint8Array): void {
    this.#untold.push(bytes.slice());
    this.#connection.pause();
    guard.hold(this);
  }

  #take(bytes: Uint8Array): void {
    this.#metrics.receivedBytes.add(bytes.length);
    this.#chunk = bytes;
    this.bytesReceived += bytes.length;
    this.#deframer.feed(bytes);
    this.#chunk = undefined;
    this.#flushRun(undefined);
    if (this.#deframer.state === 'flowing') return;
    this.#log.error('Postgres sent bytes that are no protocol; its connection is closed', { backend: this.id });
    this.#connection.destroy();
  }

  end(): void {
    this.#connection.destroy();
  }

  drain(): void {
    if (!this.#congested) return;
    this.#congested = false;
    this.#owner.drained(this);
  }

  closed(_error: NetworkError | undefined): void {
    this.#lost = true;
    this.#untold = [];
    this.#guard?.forget(this);
    this.#goodbye?.cancel();
    const unanswered: Group[] = [];
    for (let group = this.#owed.take(); group !== undefined; group = this.#owed.take()) {
      group.abandonScript();
      unanswered.push(group);
    }
    this.#owner.backendLost(this, unanswered, this.#fatal);
  }

  frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    const group = this.#owed.peek();
    if (group === undefined) return this.#unasked(tag, buffer, start, end);
    switch (tag) {
      case backendTag.readyForQuery:
        return this.#ready(group, buffer, start, end);
      case backendTag.parseComplete:
      case backendTag.closeComplete:
        return this.#scripted(tag, group, buffer, start, end);
      case backendTag.errorResponse:
        return this.#error(group, buffer, start, end);
      case backendTag.parameterDescription:
        // An error may come in place of what follows it, and then the group may have to run again.
        if (group.describing?.isUnasked !== true) group.parameters = buffer.slice(start, end);
        return;
      case backendTag.rowDescription:
      case backendTag.noData:
        if (group.describing !== undefined) return this.#described(group, group.describing, buffer, start, end);
        this.#sayParameters(group);
        return this.#extendRun(group, buffer, start, end);
      case backendTag.commandComplete:
        if (isDdl(buffer, start)) {
          this.#ranDdl = true;
          this.#owner.schema.changed();
        }
        return this.#extendRun(group, buffer, start, end);
      case backendTag.copyInResponse:
        // After an error of ours no client sends data.
        if (group.muted) return this.#connection.destroy();
        this.#extendRun(group, buffer, start, end);
        this.#flushRun(undefined);
        group.copyIn = true;
        return this.#goOnUnended(group);
      case backendTag.parameterStatus:
        // What only reads changes no setting: Postgres has read its configuration again, of which it tells with the next answer.
        if (group.shared) this.#owner.asynchronous(this, buffer, start, end);
        return this.#extendRun(group, buffer, start, end);
      case backendTag.noticeResponse:
        if (this.#guard !== undefined) this.#notice(this.#guard, group, buffer, start, end);
        return this.#extendRun(group, buffer, start, end);
      default:
        return this.#extendRun(group, buffer, start, end);
    }
  }

  /** A commit whose quorum nobody waits for any more: success becomes "unknown", whatever Postgres says from here on. */
  #notice(guard: AnswerGuard, group: Group, buffer: Uint8Array, start: number, end: number): void {
    const report = brokenWait(buffer, start, end);
    if (report === undefined) return;
    guard.doubt();
    if (group.muted || group.unseen) return;
    encodeErrorResponse(this.#errorWriter, commitInDoubt(report).report);
    const error = this.#errorWriter.take();
    this.#extendRun(group, error, 0, error.length);
    group.failed = true;
    group.muted = true;
    // What the group has set, the gateway takes for not done.
    this.settingsUnknown();
    this.statements.doubt();
  }

  part(tag: number, buffer: Uint8Array, start: number, end: number, place: PartPlace): void {
    const group = this.#owed.peek();
    if (group === undefined) {
      this.#log.error('Postgres sent a large message that nobody asked for', { backend: this.id, tag });
      return this.#connection.destroy();
    }
    // An error that quotes a long value. Its fields are not looked at, its consequences are.
    if (tag === backendTag.errorResponse && place === 'first') this.#failed(group);
    if (group.describing !== undefined && statementDescription.has(tag)) {
      if (place === 'last' && tag === backendTag.rowDescription)
        this.#described(group, group.describing, undefined, 0, 0);
      return;
    }
    this.#sayParameters(group);
    this.#flushRun(undefined);
    this.#inMessage = place !== 'last';
    this.#extendRun(group, buffer, start, end);
    if (tag !== backendTag.errorResponse || place !== 'last' || !group.skipsToSync) return;
    this.#flushRun(undefined);
    this.#goOnUnended(group);
  }

  /** Outside of groups only a few messages are legal ("Asynchronous Operations"). */
  #unasked(tag: number, buffer: Uint8Array, start: number, end: number): void {
    switch (tag) {
      case backendTag.parameterStatus:
      case backendTag.noticeResponse:
      case backendTag.notificationResponse:
        return this.#owner.asynchronous(this, buffer, start, end);
      case backendTag.errorResponse:
        this.#fatal = decodeErrorResponse(buffer, start, end)?.report;
        return;
      default:
        this.#log.error('Postgres sent a message that nobody asked for', { backend: this.id, tag });
        this.#connection.destroy();
    }
  }

  #ready(group: Group, buffer: Uint8Array, start: number, end: number): void {
    group.abandonScript();
    this.#stopWaitingFor(group);
    const letter = peekReadyForQuery(buffer, start, end);
    const status = letter === transactionOpen ? 'T' : letter === transactionFailed ? 'E' : 'I';
    this.isInTransaction = status !== 'I';
    group.muted = false;
    if (this.#ranDdl && status === 'I') {
      this.#ranDdl = false;
      this.#owner.schema.changed();
    }
    this.#addToRun(group, buffer, start, end);
    this.#owed.take();
    const next = this.#owed.peek();
    if (next !== undefined) next.headTick = this.#metrics.turn.tick;
    if (next === undefined) this.idleSinceMs = this.#clock.nowMs();
    const { failed, completions, ranNothing } = group;
    this.#flushRunOf(group, { status, failed, completions, ranNothing });
    this.#dropProvisional();
    this.#owner.groupEnded(this, group);
  }

  /** COPY data that turned out to belong to nothing: Postgres ignores it, and so no ReadyForQuery will come for it. */
  #dropProvisional(): void {
    const next = this.#owed.peek();
    if (next?.provisional && !next.ended) this.#owed.take();
  }

  #scripted(tag: number, group: Group, buffer: Uint8Array, start: number, end: number): void {
    const step = group.nextStep(tag === backendTag.parseComplete) ?? clients;
    if (step.forward === 'swallowed') return;
    if (step.forward === 'asParseComplete') return this.#completeParse(group);
    group.completions += 1;
    this.#extendRun(group, buffer, start, end);
  }

  #completeParse(group: Group): void {
    group.completions += 1;
    this.#flushRun(undefined);
    this.#extendRun(group, parseCompleteBytes, 0, parseCompleteBytes.length);
  }

  /** RowDescription or NoData for a statement that was prepared or looked at unseen; no bytes: it was too long. */
  #described(group: Group, asked: Description, buffer: Uint8Array | undefined, start: number, end: number): void {
    group.describing = undefined;
    const { prepared, expected } = asked;
    const result = prepared.statement.results.learn(buffer, start, end);
    prepared.result = result;
    if (asked.isOwners) group.owner.statementPrepared?.(prepared.statement, result);
    if (asked.answersParse) this.#completeParse(group);
    if (expected === undefined || group.resultChanged) return;
    if (sameResult(expected, result)) {
      group.parameters = undefined;
      this.#goOn(this.#held.described(group));
    } else this.#refuseChanged(group, prepared.statement);
  }

  /**
   * DDL has changed what the statement answers, and this backend had it not prepared before: Postgres itself cannot tell. It is made to fail all the same, so that
   * the transaction and what stands behind come out as they should; the words are ours.
   */
  #refuseChanged(group: Group, statement: Statement): void {
    group.resultChanged = true;
    const writer = new MessageWriter(64);
    encodeBind(writer, { portal: '', statement: nobody });
    this.#goOn(writer.take());
    this.#stopWaitingFor(group);
    this.#owner.statementChanged(statement);
  }

  #sayParameters(group: Group): void {
    const { parameters } = group;
    group.parameters = undefined;
    if (parameters !== undefined) this.#extendRun(group, parameters, 0, parameters.length);
  }

  #stopWaitingFor(group: Group): void {
    if (!this.#held.isEmpty) this.#goOn(this.#held.giveUp(group));
  }

  /** What was held back is sent, and then what was written since. */
  #goOn(bytes: Uint8Array): void {
    this.#send(bytes);
    if (this.#writer.length > 0) this.#scheduleFlush();
  }

  #error(group: Group, buffer: Uint8Array, start: number, end: number): void {
    if (group.resultChanged) return this.#resultChangedError(group);
    const report = decodeErrorResponse(buffer, start, end)?.report;
    if (report !== undefined) this.#noteError(report);
    if (report !== undefined && report.severity !== 'ERROR') {
      // The last word of a backend that ends; who waits for it learns of it from `backendLost`.
      this.#fatal = report;
      return;
    }
    this.#failed(group);
    if (group.muted) return;
    // Each statement before would have been answered.
    const isFirst = this.#run === undefined && !group.delivered;
    if (report !== undefined) group.ranNothing = isFirst && isOfText(report);
    if (report !== undefined && !group.rerun) this.#mayRunAgain(group, report);
    this.#sayParameters(group);
    this.#extendRun(group, buffer, start, end);
    if (!group.skipsToSync) return;
    this.#flushRun(undefined);
    this.#goOnUnended(group);
  }

  /** In place of an error that Postgres was made to send. */
  #resultChangedError(group: Group): void {
    group.resultChanged = false;
    const { report } = resultChanged();
    this.#noteError(report);
    this.#failed(group);
    const writer = new MessageWriter(256);
    encodeErrorResponse(writer, report);
    const bytes = writer.take();
    this.#sayParameters(group);
    this.#extendRun(group, bytes, 0, bytes.length);
    if (!group.skipsToSync) return;
    this.#flushRun(undefined);
    this.#goOnUnended(group);
  }

  /** Its message may quote values of the statement. */
  #noteError({ sqlstate: code, severity }: PgReport): void {
    this.#metrics.postgresFailed(code);
    this.#log.debug('Postgres refused a statement', { backend: this.identity.processId, sqlstate: code, severity });
  }

  #failed(group: Group): void {
    group.failed = true;
    group.abandonScript();
    // Postgres skips the rest.
    this.#stopWaitingFor(group);
    if (group.queryInDoubt) group.skipsToSync = true;
  }

  /** Failures that are not the statement's own: nobody may notice, if nothing of the answer was delivered. */
  #mayRunAgain(group: Group, report: PgReport): void {
    // Who relies on an older result has to be told that it is different now.
    const stale = isGone(report) || (isChanged(report) && preparesItself(group));
    if (stale) this.statements.doubt();
    if (isChanged(report)) this.#tellChanged(group);
    if (group.delivered) return;
    if (group.shared && report.sqlstate === sqlstate.queryCanceled && this.#strayCancelMayHit(group))
      group.rerun = true;
    // In a lease something may have been executed before, or stand behind it already.
    const untouched = group.shared || (this.#run === undefined && this.#owed.length === 1);
    if (!stale || !untouched || group.ranBefore) return;
    const uses = group.replay?.uses ?? [];
    if (uses.some(({ kind }) => kind === useKind.refers || kind === useKind.parses)) group.rerun = true;
  }

  /** Other backends may be no wiser; and what runs again must not find one that is not. */
  #tellChanged(group: Group): void {
    if (group.runs !== undefined) this.#owner.statementChanged(group.runs.statement);
    for (const { statement } of group.replay?.uses ?? [])
      if (statement !== undefined) this.#owner.statementChanged(statement);
  }

  #strayCancelMayHit(group: Group): boolean {
    return group.shared && !group.cancelAsked && (this.cancelling || group.cancelMayHit);
  }

  /**
   * Postgres has overlooked the end of the group at the head, which goes on: with COPY FROM STDIN in the extended protocol it ignores every Sync
   * until CopyDone or CopyFail ("COPY Operations"), and after an error in the extended protocol everything but Sync.
   */
  #goOnUnended(head: Group): void {
    while (head.ended && head.ignoresEnd(head.simple)) {
      const next = [...this.#owed][1];
      const mine = next !== undefined && next.owner === head.owner;
      if (mine) {
        this.#stopWaitingFor(next);
        head.absorb(next);
        this.#owed.remove((group) => group === next);
      } else head.ended = false;
      head.owner.syncIgnored(head, mine ? next : undefined);
    }
  }

  // --- reply bytes, as few pieces as possible ---

  #extendRun(group: Group, buffer: Uint8Array, start: number, end: number): void {
    this.#addToRun(group, buffer, start, end);
    // A message that straddled chunks stands in the deframer's own memory, where the next one will be put together.
    if (buffer !== this.#chunk) this.#flushRun(undefined);
  }

  #addToRun(group: Group, buffer: Uint8Array, start: number, end: number): void {
    if (group.rerun || group.muted) return;
    if (group.leadingParseCompletes > 0) this.#payLeading(group);
    if (this.#run === buffer && this.#runEnd === start) {
      this.#runEnd = end;
      return;
    }
    this.#flushRun(undefined);
    this.#run = buffer;
    this.#runStart = start;
    this.#runEnd = end;
  }

  #payLeading(group: Group): void {
    const count = group.leadingParseCompletes;
    group.leadingParseCompletes = 0;
    group.completions += count;
    for (let i = 0; i < count; i++) this.#extendRun(group, parseCompleteBytes, 0, parseCompleteBytes.length);
  }

  #flushRun(ready: GroupEnd | undefined): void {
    const group = this.#owed.peek();
    if (group !== undefined) this.#flushRunOf(group, ready);
    else this.#run = undefined;
  }

  #flushRunOf(group: Group, ready: GroupEnd | undefined): void {
    const run = this.#run;
    this.#run = undefined;
    if (group.rerun || run === undefined) return;
    // What has begun to be told cannot run again: nothing is told before all of it is there.
    if (ready === undefined && !group.delivered && this.#strayCancelMayHit(group)) {
      group.rerun = true;
      return;
    }
    group.delivered = true;
    group.deliveredBytes += this.#runEnd - this.#runStart;
    group.owner.replied(group, run, this.#runStart, this.#runEnd, ready, this.#inMessage);
  }

  /** Whatever comes now may write, and must not run before we know. */
  #holdBack(group: Group, descriptions: number): void {
    encodeFlush(this.#writer);
    this.#send(this.#held.add(group, descriptions, this.#writer.take()));
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#clock.soon(() => {
      this.#flushScheduled = false;
      if (this.#lost || !this.#held.isEmpty) return;
      this.#send(this.#writer.take());
      if (this.#connection.backlogBytes === 0 && this.#writer.length === 0) this.#writer.giveBack();
    });
  }

  #send(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#metrics.sentBytes.add(bytes.length);
    this.bytesSent += bytes.length;
    if (this.#connection.write(bytes)) this.drain();
  }
}
