import { PgError, type Clock, type PgReport, type Timer } from '@multigres/core';
import { encodeErrorResponse, encodeReadyForQuery, MessageWriter } from '@multigres/pgwire';
import { encodeError, frameType, ReceiveWindow, replyFlag, requestFlag, SendWindow, type Link } from '@multigres/relay';
import { PinReason } from '@multigres/sql';
import type { Backend } from '../backend/backend.ts';
import type { Group, GroupEnd, GroupOwner } from '../backend/group.ts';
import {
  backendLostHarmlessly,
  backendLostOutcomeUnknown,
  canceledWhileWaiting,
  sessionLost,
  tooManyWaiters,
  waitTooLong,
} from '../errors.ts';
import type { StatementUse } from '../statement/statement-table.ts';
import type { Pool } from '../pool/pool.ts';

/** A request that waits for a backend: a copy, because frames are valid only while they are handled. */
interface Piece {
  readonly flags: number;
  readonly endsGroup: boolean;
  readonly uses: readonly StatementUse[];
  readonly bytes: Uint8Array;
  /** It ran before and runs again because of somebody else's misfortune. */
  readonly again?: boolean;
}

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

/**
 * A client's session, as the pooler sees it: it asks for a backend when there is something to do, keeps it while a transaction is open or
 * something pins it, and gives it back.
 */
export class Session implements GroupOwner {
  readonly id: number;
  readonly pool: Pool;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #writer: MessageWriter = new MessageWriter(256);
  readonly #sendWindow: SendWindow = new SendWindow();
  readonly #receiveWindow: ReceiveWindow = new ReceiveWindow();
  #pins = 0;
  #status: 'I' | 'T' | 'E' = 'I';
  #lease: Backend | undefined;
  /** The backend that runs its shared group. */
  #shared: Backend | undefined;
  /** The group that was begun and not ended. */
  #open: Group | undefined;
  #last: Group | undefined;
  #owed = 0;
  readonly #pending: Piece[] = [];
  #waitTimer: Timer | undefined;
  /** After a refusal in the middle of a group: what comes is dropped until the group's end, as Postgres does. */
  #skipping = false;
  #paused: Backend | undefined;
  #uncreditedBytes = 0;
  #closed = false;

  constructor(id: number, pool: Pool, link: Link, clock: Clock) {
    this.id = id;
    this.pool = pool;
    this.#link = link;
    this.#clock = clock;
  }

  /** Keeps the next backend, or the one it has, for these reasons. */
  pin(reasons: number): void {
    this.#pins |= reasons;
  }

  get pins(): number {
    return this.#pins;
  }

  /** The bytes [start, end) of protocol messages, valid only during the call. */
  request(
    flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (this.#closed) return;
    if (this.#skipping) return this.#skip(endsGroup, end - start);
    if (this.#pending.length === 0 && this.#lease !== undefined && (this.#open !== undefined || this.#lease.hasRoom)) {
      return this.#forward(this.#lease, flags, endsGroup, uses, buffer, start, end);
    }
    const idle = this.#pending.length === 0 && this.#owed === 0;
    if (idle && flags & requestFlag.copy) return this.#credit(end - start);
    if (idle && this.#lease === undefined) {
      const shareable = (flags & requestFlag.shareable) !== 0 && this.#pins === 0;
      const answer = this.pool.ask(this, shareable);
      if (answer.kind === 'taken') {
        this.#take(answer.backend, shareable);
        return this.#forward(answer.backend, flags, endsGroup, uses, buffer, start, end);
      }
      this.#pending.push({ flags, endsGroup, uses, bytes: buffer.slice(start, end) });
      if (answer.kind === 'full') this.#refuseGroup(tooManyWaiters(this.pool.waiters));
      else this.#startWaiting();
      return;
    }
    this.#pending.push({ flags, endsGroup, uses, bytes: buffer.slice(start, end) });
  }

  /** The pool has a backend for it at last. */
  assigned(backend: Backend, shareable: boolean): void {
    this.#stopWaiting();
    this.#take(backend, shareable);
    this.#forwardPending(backend);
  }

  /** The pool will not have a backend for it: no login is possible. */
  unserved(error: PgError): void {
    this.#stopWaiting();
    this.#refuseGroup(error);
  }

  cancel(): void {
    if (this.#waitTimer !== undefined) {
      this.pool.forget(this);
      this.#stopWaiting();
      return this.#refuseGroup(canceledWhileWaiting());
    }
    const backend = this.#lease ?? this.#shared;
    if (backend !== undefined && this.#owed > 0) this.pool.cancel(backend, this);
  }

  credited(bytes: number): void {
    this.#sendWindow.credited(bytes);
    if (this.#paused === undefined || !this.#sendWindow.open) return;
    this.#paused.resume();
    this.#paused = undefined;
  }

  /** The client is gone. Its backend goes back clean, or not at all. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#waitTimer !== undefined) this.pool.forget(this);
    this.#stopWaiting();
    this.#pending.length = 0;
    this.#paused?.resume();
    const backend = this.#lease;
    this.#lease = undefined;
    if (backend === undefined) return;
    if (this.#owed > 0 || this.#status !== 'I') this.pool.abandon(backend, this);
    else this.#giveBack(backend);
  }

  // --- as the owner of groups ---

  replied(group: Group, buffer: Uint8Array, start: number, end: number, ready: GroupEnd | undefined): void {
    if (ready !== undefined) {
      this.#owed -= 1;
      this.#status = ready.status;
    }
    if (!this.#closed && !group.unseen) this.#reply(buffer, start, end, ready);
    if (ready !== undefined) this.#afterGroup();
  }

  syncIgnored(group: Group, absorbed: Group | undefined): void {
    if (absorbed !== undefined) this.#owed -= 1;
    if (absorbed !== undefined && this.#last === absorbed) this.#last = group;
    if (absorbed === this.#open || absorbed === undefined) this.#open = group.ended ? undefined : group;
    if (!this.#closed) this.#link.bare(this.id, frameType.reply, replyFlag.syncIgnored);
  }

  /** Notices and notifications for the session that holds the backend. */
  asynchronous(buffer: Uint8Array, start: number, end: number): void {
    if (!this.#closed) this.#reply(buffer, start, end, undefined);
  }

  /** Its shared group was hit by a cancel that was meant for another session: it runs again, unseen. */
  rerun(group: Group): void {
    this.#owed -= 1;
    const replay = group.replay;
    if (replay !== undefined) this.#pending.unshift({ ...replay, endsGroup: true, again: true });
    this.#afterGroup();
  }

  /** A group on a shared backend will not be answered. It only read, so it can run again, once, if nothing of its answer was delivered. */
  sharedGroupLost(group: Group, fatal: PgReport | undefined): void {
    if (!group.delivered && !group.cancelAsked && !group.ranBefore) return this.rerun(group);
    this.#owed -= 1;
    this.#shared = undefined;
    if (this.#closed) return;
    this.#replyError(backendLostHarmlessly(fatal), group.ended);
    this.#afterGroup();
  }

  /** The leased backend is gone, with everything that was on it. */
  leaseLost(unanswered: readonly Group[], fatal: PgReport | undefined): void {
    this.#lease = undefined;
    this.#open = undefined;
    this.#owed = 0;
    if (this.#closed) return;
    const only = unanswered.length === 1 && unanswered[0]?.ended === true && this.#pending.length === 0;
    // Alone and outside a transaction: the client can be told the truth and go on.
    if (only && this.#pins === 0 && this.#status === 'I')
      return this.#replyError(backendLostOutcomeUnknown(fatal), true);
    this.end(sessionLost(fatal, unanswered.length > 0));
  }

  /** Ends the session from this side. */
  end(error: PgError): void {
    if (this.#closed) return;
    this.#link.send(this.id, frameType.ended, 0, 0, encodeError(error));
    this.close();
    this.pool.sessionEnded(this);
  }

  /** Postgres has taken what was written. */
  drained(): void {
    const bytes = this.#uncreditedBytes;
    this.#uncreditedBytes = 0;
    if (bytes > 0) this.#credit(bytes);
  }

  // --- inside ---

  #take(backend: Backend, shareable: boolean): void {
    if (shareable) this.#shared = backend;
    else this.#lease = backend;
  }

  #forward(
    backend: Backend,
    flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    const shared = this.#lease === undefined;
    const group = this.#groupFor(backend, flags, shared);
    if (shared) group.replay = { flags, uses, bytes: buffer.slice(start, end) };
    backend.send(group, flags, uses, buffer, start, end);
    if (endsGroup) {
      group.ended = true;
      group.simple = (flags & requestFlag.simple) !== 0;
      group.unseen = (flags & requestFlag.unseen) !== 0;
      this.#open = undefined;
    }
    if (!shared && backend.isCongested) this.#uncreditedBytes += end - start;
    else this.#credit(end - start);
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
    while (this.#pending.length > 0 && (this.#open !== undefined || backend.hasRoom)) {
      const piece = this.#pending.shift() as Piece;
      this.#forward(backend, piece.flags, piece.endsGroup, piece.uses, piece.bytes, 0, piece.bytes.length);
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
    this.#shared = undefined;
    const backend = this.#lease;
    if (backend !== undefined) {
      if (this.#pending.length > 0) return this.#forwardPending(backend);
      if (this.#status !== 'I' || this.#pins !== 0 || this.#closed) return;
      this.#lease = undefined;
      return this.pool.release(backend);
    }
    if (this.#pending.length > 0 && !this.#closed) this.#askForPending();
  }

  /** The backend drops a group of stray COPY data by itself. */
  #forgetProvisional(): void {
    this.#open = undefined;
    this.#owed = 0;
  }

  #askForPending(): void {
    const shareable = ((this.#pending[0] as Piece).flags & requestFlag.shareable) !== 0 && this.#pins === 0;
    const answer = this.pool.ask(this, shareable);
    if (answer.kind === 'taken') this.assigned(answer.backend, shareable);
    else if (answer.kind === 'waiting') this.#startWaiting();
    else this.#refuseGroup(tooManyWaiters(this.pool.waiters));
  }

  #giveBack(backend: Backend): void {
    if (this.#pins === 0) this.pool.release(backend);
    else this.pool.releaseDirty(backend, (this.#pins & ~undoneByDiscard) === 0);
  }

  #startWaiting(): void {
    const waitMs = this.pool.waitMs;
    this.#waitTimer = this.#clock.after(waitMs, () => {
      this.#waitTimer = undefined;
      this.pool.forget(this);
      this.#refuseGroup(waitTooLong(waitMs, this.pool.trouble));
    });
  }

  #stopWaiting(): void {
    this.#waitTimer?.cancel();
    this.#waitTimer = undefined;
  }

  /** The oldest waiting group is answered with an error and never executed. */
  #refuseGroup(error: PgError): void {
    if (this.#closed) return;
    let ended = false;
    let bytes = 0;
    // The gateway's own preparations are not answered; the client's group behind them is.
    while (this.#pending.length > 0 && ((this.#pending[0] as Piece).flags & requestFlag.unseen) !== 0) {
      bytes += (this.#pending.shift() as Piece).bytes.length;
    }
    while (!ended && this.#pending.length > 0) {
      const piece = this.#pending.shift() as Piece;
      bytes += piece.bytes.length;
      ended = piece.endsGroup;
    }
    this.#skipping = !ended;
    this.#credit(bytes);
    this.#replyError(error, ended);
    if (this.#pending.length > 0) this.#askForPending();
  }

  #skip(endsGroup: boolean, bytes: number): void {
    this.#credit(bytes);
    if (!endsGroup) return;
    this.#skipping = false;
    encodeReadyForQuery(this.#writer, 'I');
    const message = this.#writer.take();
    this.#reply(message, 0, message.length, { status: 'I', failed: true, completions: 0 });
  }

  #replyError(error: PgError, ready: boolean): void {
    encodeErrorResponse(this.#writer, { ...error.report, severity: 'ERROR' });
    if (ready) encodeReadyForQuery(this.#writer, 'I');
    const message = this.#writer.take();
    this.#reply(message, 0, message.length, ready ? { status: 'I', failed: true, completions: 0 } : undefined);
  }

  #reply(buffer: Uint8Array, start: number, end: number, ready: GroupEnd | undefined): void {
    this.#link.reply(
      this.id,
      ready === undefined ? 0 : this.#flagsOf(ready),
      ready?.completions ?? 0,
      buffer,
      start,
      end,
    );
    this.#sendWindow.sent(end - start);
    if (this.#sendWindow.open || this.#paused !== undefined) return;
    this.#paused = this.#lease ?? this.#shared;
    this.#paused?.pause();
  }

  #flagsOf(ready: GroupEnd): number {
    let flags: number = replyFlag.ready;
    if (ready.failed) flags |= replyFlag.failed;
    if (ready.status === 'T') flags |= replyFlag.inTransaction;
    if (ready.status === 'E') flags |= replyFlag.inFailedTransaction;
    if (this.#owed === 0 && this.#pending.length === 0) flags |= replyFlag.idle;
    return flags;
  }

  #credit(bytes: number): void {
    const credit = this.#receiveWindow.consumed(bytes);
    if (credit > 0 && !this.#closed) this.#link.credit(this.id, credit);
  }
}
