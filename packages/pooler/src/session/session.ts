import { type TraceContext, type PgError, type Clock, type PgReport, type Timer } from '@multigres/core';
import { requestCost, requestFlag, type CarriedSettings, type Link } from '@multigres/relay';
import { PinReason } from '@multigres/sql';
import type { Backend } from '../backend/backend.ts';
import type { Group, GroupEnd, GroupOwner } from '../backend/group.ts';
import {
  backendLostHarmlessly,
  backendLostOutcomeUnknown,
  canceledWhileWaiting,
  endedByTimeout,
  sessionLost,
  settingsNotRestored,
  waitTooLong,
} from '../errors.ts';
import type { Admission } from '../limits/session-limits.ts';
import type { DurationHistory } from '../statement/duration-history.ts';
import { ExpectedResults } from '../statement/expected-results.ts';
import type { Result } from '../statement/statement-results.ts';
import type { Statement, StatementUse } from '../statement/statement-table.ts';
import { turnGroupsMax, type Pool } from '../pool/pool.ts';
import type { GroupTrace } from '../telemetry/group-tracer.ts';
import type { Base } from '../pool/startup-settings.ts';
import type { RerunReason } from '../telemetry/pooler-metrics.ts';
import { Adoption, Renaming } from './adoption.ts';
import type { Gate, Gated } from './gate.ts';
import { ReplyChannel } from './reply-channel.ts';

/** A request that waits for a backend: a copy, because frames are valid only while they are handled. */
interface Piece {
  readonly flags: number;
  readonly endsGroup: boolean;
  readonly uses: readonly StatementUse[];
  readonly bytes: Uint8Array;
  /** When it came; see TurnClock. */
  readonly askedTick: number;
  readonly history: DurationHistory | undefined;
  trace?: GroupTrace | undefined;
  /** It ran before and runs again because of somebody else's misfortune. */
  readonly again?: boolean;
}

/** How what was not begun goes back to the gateway. */
export interface Returner {
  giveBack(session: Session, flags: number, endsGroup: boolean, uses: readonly StatementUse[], bytes: Uint8Array): void;
  /** What it prepared answers this, and not what it answered first: wherever the session goes, that is what it relies on. */
  preparedOtherwise(session: Session, statement: Statement, result: Result): void;
}

/** What a session asked for in its startup packet, and goes back to. */
export interface SessionStart {
  readonly base: Base;
  readonly applicationName: string | undefined;
}

const nothing = (): void => undefined;

/** How long what a client has sent may go on after it left. Postgres itself would finish it, however long it takes. */
const lingerMs = 5_000;

/**
 * What DISCARD ALL undoes without a trace. Temporary objects are not among it: their schema stays with the backend, and PREPARE TRANSACTION
 * tells the difference.
 */
const undoneByDiscard: number =
  PinReason.settings |
  PinReason.role |
  PinReason.heldCursor |
  PinReason.advisoryLock |
  PinReason.listen |
  PinReason.preparedStatement |
  PinReason.sequence;

/** Of a group of a lease, that it may run again; longer ones are rare, and a copy of each would cost. */
const replayBytesMax = 4 * 1024;

/** A longer answer does not pass on a backend that others wait for. */
const largeReplyBytes = 1024 * 1024;

const temporary: number = PinReason.tempObject | PinReason.tempUntilCommit;

/**
 * A client's session, as the pooler sees it: it asks for a backend when there is something to do, keeps it while a transaction is open or
 * something pins it, and gives it back.
 */
export class Session implements GroupOwner, Gated {
  readonly id: number;
  readonly pool: Pool;
  /** What it is counted by as long as it is open. */
  readonly admission: Admission;
  readonly #clock: Clock;
  readonly #channel: ReplyChannel;
  readonly gate: Gate;
  readonly #returner: Returner;
  /** Of the group that ends next. */
  trace: GroupTrace | undefined;
  #pins = 0;
  #pinnedSinceMs = 0;
  #hadTempSchema = false;
  #status: 'I' | 'T' | 'E' = 'I';
  #lease: Backend | undefined;
  /** The backend that runs its shared group. */
  #shared: Backend | undefined;
  /** The group that was begun and not ended. */
  #open: Group | undefined;
  #last: Group | undefined;
  /** Groups sent and not answered. */
  #owed = 0;
  readonly #pending: Piece[] = [];
  #waitTimer: Timer | undefined;
  #waitsSinceMs = 0;
  /** After a refusal in the middle of a group: what comes is dropped until the group's end, as Postgres does. */
  #skipping = false;
  /** What a congested backend has not taken yet. */
  #uncreditedBytes = 0;
  /** The client is gone. What it had sent may still be running. */
  #closed = false;
  #lingerTimer: Timer | undefined;
  readonly #start: SessionStart;
  #settings: string;
  #applicationName: string | undefined;
  /** What the session itself has set, without what it started with. */
  #own = '';
  /** Groups whose effect on the settings the gateway has not told yet: the lease stays until it has. */
  #unsettled = 0;
  /** The backend that is being given our settings; what comes meanwhile is pending. */
  #adopting: Backend | undefined;
  #canceledWhileAdopting = false;
  /** Something was given back, and so is everything that comes. */
  #returning = false;
  /** What comes may run only where everything up to there is replayed; undefined: anywhere. */
  #after: bigint | undefined;
  #catchingUp = false;
  /** Only where a statement of its own does not answer what that answered first. */
  #results: ExpectedResults | undefined;

  constructor(
    id: number,
    pool: Pool,
    admission: Admission,
    start: SessionStart,
    gate: Gate,
    returner: Returner,
    link: Link,
    clock: Clock,
  ) {
    this.id = id;
    this.gate = gate;
    this.#returner = returner;
    this.pool = pool;
    this.admission = admission;
    this.#start = start;
    this.#settings = start.base.text;
    this.#applicationName = start.applicationName;
    this.#clock = clock;
    this.#channel = new ReplyChannel(id, link, clock, pool.metrics);
  }

  /** Keeps the next backend, or the one it has, for these reasons. */
  pin(reasons: number): void {
    this.pool.metrics.pinned(reasons & ~this.#pins);
    if (this.#pins === 0) this.#pinnedSinceMs = this.#clock.nowMs();
    this.#pins |= reasons;
  }

  /** These reasons are over: nothing of them is left on the backend. */
  unpin(reasons: number): void {
    if ((this.#pins & reasons) === 0) return;
    this.#pins &= ~reasons;
    if (this.#pins !== 0 || this.#lease === undefined) return;
    // What was set there while it was pinned was not followed.
    this.#lease.settingsUnknown();
    if ((reasons & temporary) !== 0) this.#hadTempSchema = this.#lease.hasTempSchema = true;
    this.#lease.statements.doubt();
    if (this.#owed === 0) this.#afterGroup();
  }

  /** Others wait for the backend that it keeps: its gateway is told. */
  claim(idle: boolean): void {
    this.#channel.claim(idle);
  }

  get pins(): number {
    return this.#pins;
  }

  /** Undefined: it is not. */
  get pinnedSinceMs(): number | undefined {
    return this.#pins === 0 ? undefined : this.#pinnedSinceMs;
  }

  /** The backend that is its own for now. */
  get lease(): Backend | undefined {
    return this.#lease;
  }

  /** Since when it is in the line for a backend. */
  get waitsSinceMs(): number | undefined {
    return this.#waitTimer === undefined ? undefined : this.#waitsSinceMs;
  }

  /** It is between transactions, and nothing is under way. */
  get isQuiet(): boolean {
    return this.#isIdle && this.#status === 'I' && this.#adopting === undefined;
  }

  /** Something that it sent is not answered. */
  get isActive(): boolean {
    return this.#owed > 0;
  }

  /** The group that ends next is part of a trace. */
  traced({ traceId, spanId }: TraceContext): void {
    this.trace = { traceId, spanId, askedTick: this.pool.metrics.turn.tick };
  }

  /** It has ended: it is the last that waits or the last that was sent. */
  placeTrace(): void {
    const group = this.#pending.at(-1) ?? this.#last;
    if (group !== undefined) group.trace = this.trace;
    this.trace = undefined;
  }

  /** The bytes [start, end) of protocol messages, valid only during the call. */
  request(
    flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    buffer: Uint8Array,
    start: number,
    end: number,
    history: DurationHistory | undefined,
  ): void {
    if (this.#closed) return;
    if (this.#returning || (!this.gate.isOpen && this.#mayMove(flags)))
      return this.#giveBack(flags, endsGroup, uses, buffer.slice(start, end));
    if (endsGroup && flags & requestFlag.settles) this.#unsettled += 1;
    if (this.#after !== undefined && this.#isAhead && this.#mayMove(flags)) this.#waitForReplay(this.#after);
    const cost = requestCost(uses.length, end - start);
    const askedTick = this.pool.metrics.turn.tick;
    if (this.#skipping) return this.#skip(endsGroup, cost);
    const idle = this.#isIdle && this.#adopting === undefined && !this.#catchingUp;
    // COPY data that came too late for its COPY: Postgres would read and forget it.
    if (idle && flags & requestFlag.copy) return this.#channel.consumed(cost);
    const free = this.#pending.length === 0 && this.#adopting === undefined && !this.#catchingUp;
    if (free && this.#lease !== undefined && (this.#open !== undefined || this.#goesOn(this.#lease, flags))) {
      return this.#forward(this.#lease, flags, endsGroup, uses, buffer, start, end, cost, askedTick, history);
    }
    if (idle && this.#lease === undefined) {
      const shareable = this.#mayShare(flags);
      const answer = this.pool.ask(this, shareable, history);
      if (answer.kind === 'taken') {
        if (this.#isWornFor(answer.backend)) {
          this.#pending.push({ flags, endsGroup, uses, bytes: buffer.slice(start, end), askedTick, history });
          return this.#exchange(answer.backend);
        }
        this.#take(answer.backend, shareable);
        if (!this.#hasSettings(answer.backend)) {
          this.#pending.push({ flags, endsGroup, uses, bytes: buffer.slice(start, end), askedTick, history });
          return this.#adopt(answer.backend);
        }
        return this.#forward(answer.backend, flags, endsGroup, uses, buffer, start, end, cost, askedTick, history);
      }
      this.#pending.push({ flags, endsGroup, uses, bytes: buffer.slice(start, end), askedTick, history });
      if (answer.kind === 'full') this.#refuseAndGoOn(this.pool.refusal());
      else this.#startWaiting();
      return;
    }
    this.#pending.push({ flags, endsGroup, uses, bytes: buffer.slice(start, end), askedTick, history });
  }

  /** The pool has a backend for it at last. */
  assigned(backend: Backend, shareable: boolean): void {
    this.#stopWaiting();
    if (this.#isWornFor(backend)) return this.#exchange(backend);
    this.#take(backend, shareable);
    if (this.#hasSettings(backend)) this.#forwardPending(backend);
    else this.#adopt(backend);
  }

  /** SQL that makes the session's settings from those that the backends have at login, less the application name. */
  get settings(): string {
    return this.#settings;
  }

  /** Undefined: as the backends have it at login. */
  get applicationName(): string | undefined {
    return this.#applicationName;
  }

  after(lsn: bigint): void {
    this.#after = lsn === 0n ? undefined : lsn;
  }

  /** The gateway tells the settings that the session has made, before the first request. */
  setSettings({ text, applicationName }: CarriedSettings): void {
    this.#own = text;
    this.#applicationName = applicationName ?? this.#start.applicationName;
    this.baseChanged();
  }

  /** What the session started with takes other words now to make. */
  baseChanged(): void {
    const { text } = this.#start.base;
    this.#settings = text === '' || this.#own === '' ? text + this.#own : `${text};${this.#own}`;
  }

  /** Postgres's configuration says something else now: `tells` the client, unless the session has a value of its own. */
  parameterChanged(name: string, value: string, tells: boolean): void {
    this.baseChanged();
    if (!tells || this.#closed || this.#start.base.overrides(name) || setsItself(this.#own, name)) return;
    if (name === 'application_name' && this.#applicationName !== undefined) return;
    this.#channel.parameterChanged(name, value);
  }

  /** How the settings came out of the oldest unsettled group, whose backend is still held. */
  settled(settings: CarriedSettings): void {
    if (this.#closed || this.#unsettled === 0) return;
    this.#unsettled -= 1;
    this.setSettings(settings);
    const backend = this.#lease;
    if (backend !== undefined && !settings.applied) backend.settingsUnknown();
    else if (backend !== undefined) backend.settingsChanged(this.#settings, this.#applicationName);
    // Its backend may be gone, and what came since may be waiting for the next one.
    if (this.#owed === 0 && this.#waitTimer === undefined && this.#adopting === undefined) this.#afterGroup();
  }

  /** The backend has the session's settings now, or refused them. */
  adopted({ settings, applicationName }: Adoption, error: PgReport | undefined): void {
    const backend = this.#adopting as Backend;
    this.#adopting = undefined;
    backend.adopting = false;
    if (error !== undefined) {
      this.pool.metrics.failedAdoptions.add();
      this.#lease = undefined;
      this.#shared = undefined;
      this.pool.discard(backend);
      return this.#refuseAndGoOn(settingsNotRestored(error));
    }
    backend.settingsChanged(settings, applicationName);
    if (this.#canceledWhileAdopting) this.#refuseGroup(canceledWhileWaiting());
    this.#canceledWhileAdopting = false;
    if (this.#pending.length > 0 && this.gate.isOpen) this.#forwardPending(backend);
    else this.#afterGroup();
    this.pool.goesOn();
  }

  /** The backend went before it had the settings: nothing of the session was there. */
  adoptionLost(): void {
    this.pool.metrics.failedAdoptions.add();
    if (this.#adopting === undefined) return;
    this.#adopting = undefined;
    this.#lease = undefined;
    this.#shared = undefined;
    this.#askForPending();
  }

  /** The pool will not have a backend for it: no login is possible. */
  unserved(error: PgError): void {
    this.#stopWaiting();
    if (this.gate.covers(error)) return this.#giveBackPending();
    this.#refuseAndGoOn(error);
  }

  /** Nothing may begin here: what waits goes back. What runs goes on, and the rest of it. */
  gateClosed(): void {
    if (this.#waitTimer === undefined) return;
    this.pool.forget(this);
    this.#stopWaiting();
    this.#askForPending();
  }

  /** Who keeps a backend had to wait, because what is there cannot move. */
  gateOpened(): void {
    if (this.#lease === undefined || this.#adopting !== undefined || this.#owed > 0) return;
    if (this.#pending.length > 0) this.#forwardPending(this.#lease);
  }

  /** `done` is called when a signal, if one had to be sent, is not under way any more. */
  cancel(done: () => void): void {
    const backend = this.#lease ?? this.#shared;
    if (this.#waitTimer !== undefined) {
      this.pool.forget(this);
      this.#stopWaiting();
      this.pool.metrics.cancelled('unsent');
      this.#refuseAndGoOn(canceledWhileWaiting());
    } else if (this.#adopting !== undefined) {
      this.#canceledWhileAdopting = true;
      this.pool.metrics.cancelled('unsent');
    } else if (backend !== undefined && this.#owed > 0) return this.pool.cancel(backend, this, done);
    else this.pool.metrics.cancelled('late');
    done();
  }

  credited(bytes: number): void {
    if (this.#channel.credited(bytes)) this.pool.goesOn();
  }

  /**
   * The client is gone. What it had sent completely goes on for a while, as Postgres itself would finish it before it noticed; then its backend
   * goes back clean, or not at all.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#channel.mute();
    if (!this.#canFinish()) return this.#leave();
    this.#lingerTimer = this.#clock.after(lingerMs, () => this.#leave());
  }

  /** Ends the session from this side. */
  end(error: PgError): void {
    if (this.#closed) return;
    this.#channel.ended(error);
    this.#closed = true;
    this.#channel.mute();
    this.#leave();
    this.pool.sessionEnded(this);
  }

  /** Something runs, or a transaction is open: it will come to an end. */
  get isInTransaction(): boolean {
    return this.#owed > 0 || this.#status !== 'I';
  }

  // --- as the owner of groups ---

  replied(
    group: Group,
    buffer: Uint8Array,
    start: number,
    end: number,
    ready: GroupEnd | undefined,
    partial: boolean,
  ): void {
    if (ready !== undefined) {
      this.#owed -= 1;
      this.#status = ready.status;
      if (!group.unseen) this.pool.metrics.answered(group);
    }
    if (!group.unseen) this.#channel.reply(buffer, start, end, ready, this.#isIdle, partial);
    const backend = this.#lease ?? this.#shared;
    if (backend !== undefined && !this.#channel.isOpen) this.#pause(backend);
    // Who stands behind would wait for all of it, however fast it is read.
    if (group.deliveredBytes > largeReplyBytes && ready === undefined && this.#shared !== undefined)
      this.pool.isolate(this.#shared, 'largeReply');
    if (ready !== undefined) this.#afterGroup();
  }

  expectedResult(statement: Statement): Result | undefined {
    return this.#results === undefined ? statement.results.first : this.#results.of(statement);
  }

  statementPrepared(statement: Statement, result: Result | undefined): void {
    if (this.#results === undefined && result !== undefined && result === statement.results.first) return;
    const results = (this.#results ??= new ExpectedResults());
    if (results.set(statement, result) && result !== undefined)
      this.#returner.preparedOtherwise(this, statement, result);
    if (results.isEmpty) this.#results = undefined;
  }

  /** It prepared the statement at another pooler, where it answered this. */
  relies(statement: Statement, result: Result): void {
    (this.#results ??= new ExpectedResults()).set(statement, result);
  }

  syncIgnored(group: Group, absorbed: Group | undefined): void {
    if (absorbed !== undefined) this.#owed -= 1;
    if (absorbed !== undefined && this.#last === absorbed) this.#last = group;
    if (absorbed === this.#open || absorbed === undefined) this.#open = group.ended ? undefined : group;
    this.#channel.syncIgnored();
  }

  /** Notices and notifications for the session that holds the backend. */
  asynchronous(buffer: Uint8Array, start: number, end: number): void {
    this.#channel.reply(buffer, start, end, undefined, false);
  }

  /** Its shared group was hit by another session's cancel, or stood behind a slow reader: it runs again, unseen. */
  rerun(group: Group, reason: RerunReason): void {
    this.#owed -= 1;
    this.pool.metrics.rerun(reason);
    const replay = group.replay;
    if (replay !== undefined && !this.#closed)
      this.#pending.unshift({
        ...replay,
        endsGroup: true,
        again: true,
        askedTick: group.sentTick,
        history: group.history,
        trace: group.trace,
      });
    // Its own client has given it up meanwhile.
    if (group.cancelAsked && replay !== undefined && !this.#closed) this.#refuseGroup(canceledWhileWaiting());
    this.#afterGroup();
  }

  /** A group on a shared backend will not be answered. It only read, so it can run again, once, if nothing of its answer was delivered. */
  groupLost(group: Group, fatal: PgReport | undefined): void {
    this.#channel.unpause();
    if (!group.delivered && !group.cancelAsked && !group.ranBefore) return this.rerun(group, 'backendLost');
    this.#owed -= 1;
    const timeout = endedByTimeout(fatal);
    if (timeout !== undefined || this.#channel.isInMessage) return this.end(timeout ?? sessionLost(fatal, false));
    this.#channel.error(backendLostHarmlessly(fatal), group.ended, this.#isIdle, false);
    this.#afterGroup();
  }

  /** The leased backend is gone, with everything that was on it. */
  leaseLost(unanswered: readonly Group[], fatal: PgReport | undefined): void {
    this.#channel.unpause();
    if (this.#adopting !== undefined) return this.adoptionLost();
    this.#lease = undefined;
    this.#open = undefined;
    this.#owed = 0;
    this.drained();
    if (this.#closed) return this.#leave();
    const timeout = endedByTimeout(fatal);
    if (timeout !== undefined) return this.end(timeout);
    // The gateway's own preparations, and COPY data that belongs to nothing, were no statements of the client's.
    const statements = unanswered.filter((group) => !group.unseen && !(group.provisional && !group.ended));
    const only = statements.length === 1 && statements[0]?.ended === true && this.#pending.length === 0;
    // Alone and outside a transaction: the client can be told the truth and go on, unless it was told an error already.
    if (
      only &&
      statements[0]?.failed === false &&
      this.#pins === 0 &&
      this.#status === 'I' &&
      !this.#channel.isInMessage
    )
      return this.#channel.error(backendLostOutcomeUnknown(fatal), true, true, false);
    // Postgres had not begun with what stood behind the statement that it broke off, or failed, in FATAL.
    const begun = fatal === undefined ? statements : statements.slice(0, 1);
    this.end(
      sessionLost(
        fatal,
        begun.some(({ failed }) => !failed),
      ),
    );
  }

  /** Postgres has taken what was written. */
  drained(): void {
    const bytes = this.#uncreditedBytes;
    this.#uncreditedBytes = 0;
    if (bytes > 0) this.#channel.consumed(bytes);
  }

  // --- inside ---

  get #isIdle(): boolean {
    return this.#owed === 0 && this.#pending.length === 0;
  }

  /** A client that reads slowly must not slow down others on a shared backend. */
  #mayShare(flags: number): boolean {
    return (flags & requestFlag.shareable) !== 0 && this.#pins === 0 && this.#channel.isOpen;
  }

  #take(backend: Backend, shareable: boolean): void {
    if (shareable) this.#shared = backend;
    else this.#lease = backend;
    if (!this.#channel.isOpen) this.#pause(backend);
  }

  /** The client does not keep up. On a shared backend that must not last. */
  #pause(backend: Backend): void {
    if (backend === this.#lease) return this.#channel.pause(backend, undefined);
    this.#channel.pause(backend, () => {
      if (this.#shared === backend) this.pool.isolate(backend, 'slowReader');
    });
  }

  /** A session that makes its first temporary object begins without a schema for them, as in a session of Postgres's own. */
  #isWornFor(backend: Backend): boolean {
    return backend.hasTempSchema && (this.#pins & PinReason.tempObject) !== 0 && !this.#hadTempSchema;
  }

  #exchange(backend: Backend): void {
    backend.retired = true;
    this.pool.release(backend);
    this.#askForPending();
  }

  /** Whether what comes next can go to the backend at once: it has the session's settings, or only the application name is another. */
  #hasSettings(backend: Backend): boolean {
    if (backend.settings !== this.#settings) return false;
    if (backend.applicationName === this.#applicationName) return true;
    // A statement_timeout could hit the renaming, too.
    if (this.#settings.includes('_timeout')) return false;
    void new Renaming(backend, this.#applicationName);
    return true;
  }

  /** Makes the backend's settings the session's before anything of the session runs there. */
  #adopt(backend: Backend): void {
    this.#adopting = backend;
    this.pool.metrics.adoptions.add();
    backend.adopting = true;
    void new Adoption(this, backend, this.#clock);
  }

  #forward(
    backend: Backend,
    flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    buffer: Uint8Array,
    start: number,
    end: number,
    cost: number,
    askedTick: number,
    history: DurationHistory | undefined,
  ): void {
    if (this.#open === undefined) this.pool.metrics.queueTime.recordMs(this.pool.metrics.turn.msSince(askedTick));
    const shared = this.#lease === undefined;
    const alone = this.#owed === 0;
    const group = this.#groupFor(backend, flags, shared);
    // A stale plan is found out before anything is executed, so the group can run again where nothing hangs on it yet.
    const short = uses.length > 0 && endsGroup && alone && this.#status === 'I' && end - start <= replayBytesMax;
    if (shared || short) {
      group.replay = { flags, uses, bytes: buffer.slice(start, end) };
      group.history = history;
    }
    // A failed transaction refuses every Parse, which a made-up ParseComplete would hide.
    if (this.#status === 'E' && uses.length > 0) backend.statements.doubt();
    backend.send(group, flags, endsGroup, uses, buffer, start, end);
    if (endsGroup) this.#endGroup(group, flags);
    if (!shared && backend.isCongested) this.#uncreditedBytes += cost;
    else this.#channel.consumed(cost);
  }

  #endGroup(group: Group, flags: number): void {
    const simple = (flags & requestFlag.simple) !== 0;
    if (group.ignoresEnd(simple)) return this.syncIgnored(group, undefined);
    group.ended = true;
    group.simple = simple;
    group.unseen = (flags & requestFlag.unseen) !== 0;
    this.#open = undefined;
  }

  /** COPY data belongs to the group that asked for it, even if that was ended; anything else begins a new one. */
  #groupFor(backend: Backend, flags: number, shared: boolean): Group {
    if (this.#open !== undefined) return this.#open;
    const copy = (flags & requestFlag.copy) !== 0;
    if (copy && this.#last !== undefined && this.#owed > 0 && this.#last.simple) return this.#last;
    const group = backend.open(this, shared);
    group.provisional = copy;
    this.#owed += 1;
    this.#open = group;
    this.#last = group;
    return group;
  }

  #forwardPending(backend: Backend): void {
    while (this.#pending.length > 0) {
      const piece = this.#pending[0] as Piece;
      if (this.#open === undefined && !this.#goesOn(backend, piece.flags)) return;
      this.#pending.shift();
      this.#forward(
        backend,
        piece.flags,
        piece.endsGroup,
        piece.uses,
        piece.bytes,
        0,
        piece.bytes.length,
        costOf(piece),
        piece.askedTick,
        piece.history,
      );
      if (piece.trace !== undefined && this.#last !== undefined) this.#last.trace = piece.trace;
      if (piece.again && this.#last !== undefined) this.#last.ranBefore = true;
      // A shared backend takes one group of a session; the rest asks anew when that is answered.
      if (this.#lease === undefined) return;
    }
  }

  #afterGroup(): void {
    if (this.#open?.provisional && this.#owed === 1 && !this.#open.ended) this.#forgetProvisional();
    if (this.#owed > 0) {
      if (this.#lease !== undefined) this.#forwardPending(this.#lease);
      return;
    }
    this.#last = undefined;
    this.#shared = undefined;
    const backend = this.#lease;
    if (this.#pending.length > 0) {
      if (backend !== undefined && !this.#yields(backend)) return this.#forwardPending(backend);
      return this.#askForPending();
    }
    // Whoever has the backend next must not wait for this session's client.
    this.#channel.unpause();
    if (this.#closed) return this.#leave();
    if (backend === undefined || this.#status !== 'I' || this.#pins !== 0 || this.#unsettled > 0) return;
    this.#lease = undefined;
    this.drained();
    this.pool.release(backend);
  }

  /**
   * Whether the lease takes one more group. Who sends without waiting must not keep a backend for ever that others wait for, or that is to go;
   * COPY data belong to what runs already.
   */
  #goesOn(backend: Backend, flags: number): boolean {
    // Behind a commit under way there would begin another transaction.
    const waits = !this.gate.isOpen && (this.#status === 'I' || this.#owed > 0);
    if (waits && (flags & requestFlag.copy) === 0) return false;
    // What comes now comes behind what runs again.
    if (this.#last?.rerun === true) return false;
    if (this.#owed === 0 || (flags & requestFlag.copy) !== 0) return backend.hasRoom;
    if (backend.retired || !backend.hasRoom) return false;
    return this.#status !== 'I' || (this.#owed < turnGroupsMax && !this.pool.wantsTurn(backend));
  }

  /** Between two transactions of a pipeline: gives the backend back if its turn is over. What is pending asks anew. */
  #yields(backend: Backend): boolean {
    if (this.#status !== 'I' || this.#pins !== 0 || this.#unsettled > 0) return false;
    if (
      (this.gate.isOpen && !this.pool.wantsTurn(backend)) ||
      ((this.#pending[0] as Piece).flags & requestFlag.copy) !== 0
    )
      return false;
    this.#channel.unpause();
    this.#lease = undefined;
    this.drained();
    this.pool.release(backend);
    return true;
  }

  /** The backend drops a group of stray COPY data by itself. */
  #forgetProvisional(): void {
    this.#open = undefined;
    this.#owed = 0;
  }

  /** Until there is a backend, a place in the line, or nothing left to ask for. */
  #askForPending(): void {
    this.#channel.unpause();
    if (!this.gate.isOpen && this.#pending.length > 0) return this.#giveBackPending();
    while (this.#pending.length > 0) {
      const { flags, history } = this.#pending[0] as Piece;
      const shareable = this.#mayShare(flags);
      const answer = this.pool.ask(this, shareable, history);
      if (answer.kind === 'taken') return this.assigned(answer.backend, shareable);
      if (answer.kind === 'waiting') return this.#startWaiting();
      this.#refuseGroup(this.pool.refusal());
    }
    if (this.#closed) this.#leave();
  }

  /** It wants to find what is not replayed here yet. */
  get #isAhead(): boolean {
    return this.#after !== undefined && this.#after > this.gate.replayedLsn;
  }

  /** What comes meanwhile is pending; it runs then, or goes back. */
  #waitForReplay(lsn: bigint): void {
    const { catchUp } = this.gate;
    this.#catchingUp = true;
    const done = (): void => {
      this.#catchingUp = false;
      if (this.#isAhead) this.#giveBackPending();
      else this.#askForPending();
    };
    if (catchUp !== undefined) return catchUp.wait(lsn, done);
    this.#clock.soon(done);
  }

  /** Nothing of the session is here, so what comes can go elsewhere. COPY data that nothing asked for goes nowhere. */
  #mayMove(flags: number): boolean {
    if (this.#skipping || this.#open !== undefined || this.#owed > 0 || this.#pending.length > 0) return false;
    if (this.#catchingUp) return false;
    return this.#lease === undefined && this.#adopting === undefined && (flags & requestFlag.copy) === 0;
  }

  #giveBackPending(): void {
    for (const { flags, endsGroup, uses, bytes } of this.#pending.splice(0))
      this.#giveBack(flags, endsGroup, uses, bytes);
    if (this.#closed) this.#leave();
  }

  #giveBack(flags: number, endsGroup: boolean, uses: readonly StatementUse[], bytes: Uint8Array): void {
    this.#returning = true;
    if (!this.#closed) this.#returner.giveBack(this, flags, endsGroup, uses, bytes);
  }

  #startWaiting(): void {
    const waitMs = this.pool.waitMs;
    this.#waitsSinceMs = this.#clock.nowMs();
    this.#waitTimer = this.#clock.after(waitMs, () => {
      this.#waitTimer = undefined;
      this.pool.forget(this);
      this.#refuseAndGoOn(waitTooLong(waitMs, this.pool.trouble));
    });
  }

  #stopWaiting(): void {
    this.#waitTimer?.cancel();
    this.#waitTimer = undefined;
  }

  #refuseAndGoOn(error: PgError): void {
    this.#refuseGroup(error);
    this.#askForPending();
  }

  /** The oldest waiting group is answered with an error and never executed. */
  #refuseGroup(error: PgError): void {
    let ended = false;
    let cost = 0;
    // The gateway's own preparations are not answered; the client's group behind them is.
    while (this.#pending.length > 0 && ((this.#pending[0] as Piece).flags & requestFlag.unseen) !== 0) {
      cost += costOf(this.#pending.shift() as Piece);
    }
    while (!ended && this.#pending.length > 0) {
      const piece = this.#pending.shift() as Piece;
      cost += costOf(piece);
      ended = piece.endsGroup;
    }
    this.#skipping = !ended;
    this.#channel.consumed(cost);
    this.#channel.error(error, ended, this.#isIdle, true);
  }

  #skip(endsGroup: boolean, cost: number): void {
    this.#channel.consumed(cost);
    if (!endsGroup) return;
    this.#skipping = false;
    this.#channel.ready(this.#isIdle);
  }

  // --- the end ---

  /** Everything that was begun is sent, so Postgres can finish it without the client. */
  #canFinish(): boolean {
    if (this.#owed === 0 && this.#pending.length === 0) return false;
    const last = this.#pending.at(-1);
    const copying = this.#last?.waitsForCopy ?? false;
    return this.#open === undefined && !copying && !this.#skipping && (last === undefined || last.endsGroup);
  }

  /** Nothing more will be done for this session. */
  #leave(): void {
    this.#lingerTimer?.cancel();
    if (this.#waitTimer !== undefined) this.pool.forget(this);
    this.#stopWaiting();
    this.#pending.length = 0;
    this.#open = undefined;
    if (this.#adopting !== undefined) return this.#leaveAdopting();
    if (this.#shared !== undefined) this.pool.cancel(this.#shared, this, nothing);
    const backend = this.#lease;
    this.#lease = undefined;
    if (backend === undefined) return;
    if (this.#owed > 0 || this.#status !== 'I') this.pool.abandon(backend, this);
    // Which settings the backend has after an unsettled group, only the gateway could have told.
    else if (this.#pins === 0 && this.#unsettled === 0) this.pool.release(backend);
    else this.pool.releaseDirty(backend, (this.#pins & ~undoneByDiscard) === 0);
  }

  /** Half-way to our settings: `adopted` finds nothing pending and gives the backend back. */
  #leaveAdopting(): void {
    this.#pending.length = 0;
  }
}

/** Whether the SQL of a session's own settings may set this one. */
function setsItself(own: string, name: string): boolean {
  if (own === '') return false;
  const text = own.toLowerCase();
  if (name.startsWith('default_transaction') && text.includes('characteristics')) return true;
  return text.includes(name.toLowerCase()) || (name === 'TimeZone' && text.includes('time zone'));
}

/** What the gateway gets back for it; what runs again was paid for the first time. */
function costOf(piece: Piece): number {
  return piece.again === true ? 0 : requestCost(piece.uses.length, piece.bytes.length);
}
