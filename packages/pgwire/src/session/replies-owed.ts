import { assert } from '@multigres/core';
import { backendTag, frontendTag } from '../tags.ts';
import { UnitRing } from './unit-ring.ts';

/** What a server owes for one message of a client. The last two owe nothing: they mark where COPY data stand among the others. */
export const replyUnit = {
  none: 0,
  query: 1,
  functionCall: 2,
  parse: 3,
  bind: 4,
  describeStatement: 5,
  describePortal: 6,
  execute: 7,
  close: 8,
  sync: 9,
  copyData: 10,
  copyEnd: 11,
} as const;

export type ReplyUnit = (typeof replyUnit)[keyof typeof replyUnit];

/**
 * - `owed`: a reply is owed for it
 * - `silent`: the server takes it without a reply (Flush, CopyData, Terminate; Sync inside COPY data)
 * - `skipped`: the server passes over it, because an error came and no Sync yet
 * - `illegal`: the server would end the connection, or no such message exists; not recorded
 * - `full`: as many replies are owed as may be; not recorded
 */
export type Sent = 'owed' | 'silent' | 'skipped' | 'illegal' | 'full';

/**
 * - `more`: part of the head's reply, more of it follows
 * - `done`: the last message of the head's reply
 * - `failed`: an ErrorResponse that ends the head's reply and skips what follows up to the next Sync
 * - `ready`: ReadyForQuery; the last message of the head's reply
 * - `async`: owed to nobody (NoticeResponse, ParameterStatus, NotificationResponse; an error that ends the connection)
 * - `illegal`: no server says this here; the connection can not be used any more
 */
export type Received = 'more' | 'done' | 'failed' | 'ready' | 'async' | 'illegal';

export type CopyMode = 'none' | 'in' | 'out' | 'both';

/** How far the head's reply has come. */
type Phase = 'start' | 'described' | 'rows' | 'copyIn' | 'copyOut' | 'copyBoth' | 'copyDone' | 'answered' | 'failed';

/**
 * The replies that a server owes on one connection, in order: the client's messages go in by `sent`, the server's come in by `received`,
 * which says how each belongs to the reply at the head. Knows the two ways in which the protocol is no plain queue: after an error in the
 * extended protocol everything up to the next Sync is skipped, and during COPY from the client Sync and Flush are overlooked
 * (documentation, "Message Flow"; PostgreSQL's `SocketBackend` and `CopyGetData`).
 *
 * `Owner` is whatever the user wants to know about a unit: whose it is, or that its reply must not be passed on.
 * Constant time and no allocation per message.
 */
export class RepliesOwed<Owner> {
  readonly #unitsMax: number;
  readonly #skipped: (unit: ReplyUnit, owner: Owner) => void;
  readonly #ring = new UnitRing<Owner>();
  #phase: Phase = 'start';
  /** In phase `copyIn`: the client's CopyDone or CopyFail is sent. */
  #copyEnded = false;
  #skipping = false;
  /** Messages of the extended protocol were sent, and no Sync after them. */
  #open = false;
  #terminated = false;

  /** `skipped` is told of each unit that will have no reply: what an error skips, and a Sync that COPY overlooks. */
  constructor(unitsMax: number, skipped: (unit: ReplyUnit, owner: Owner) => void = () => {}) {
    assert(unitsMax > 0, 'at least one reply may be owed');
    this.#unitsMax = unitsMax;
    this.#skipped = skipped;
  }

  /** How many replies are owed, COPY marks included. */
  get length(): number {
    return this.#ring.length;
  }

  /** What is owed next; `replyUnit.none` if nothing is. */
  get headUnit(): ReplyUnit {
    return this.#ring.length === 0 ? replyUnit.none : (this.#ring.unitAt(0) as ReplyUnit);
  }

  /** Whose reply the next message of the server is part of. Ask before `received`, which may move on. */
  get headOwner(): Owner | undefined {
    return this.#ring.owner;
  }

  /** The server has answered everything with ReadyForQuery, and nothing was sent since. */
  get idle(): boolean {
    return this.#ring.length === 0 && !this.#open && !this.#skipping && !this.#terminated;
  }

  /** After an error: the server passes over everything but Sync (and Terminate). */
  get skipping(): boolean {
    return this.#skipping;
  }

  /** The head's reply is a COPY stream. `in` lasts until the client has sent its end. */
  get copyMode(): CopyMode {
    switch (this.#phase) {
      case 'copyIn':
        return this.#copyEnded ? 'none' : 'in';
      case 'copyOut':
        return 'out';
      case 'copyBoth':
        return 'both';
      default:
        return 'none';
    }
  }

  /** A client's message with this tag goes to the server. `describesStatement`: for Describe, that it names no portal. */
  sent(tag: number, owner: Owner, describesStatement: boolean = false): Sent {
    if (this.#terminated) return 'illegal';
    switch (tag) {
      case frontendTag.flush:
        return 'silent';
      case frontendTag.terminate:
        this.#terminated = true;
        return 'silent';
      case frontendTag.copyData:
        return this.#sentCopy(replyUnit.copyData, owner);
      case frontendTag.copyDone:
      case frontendTag.copyFail:
        return this.#sentCopy(replyUnit.copyEnd, owner);
      default: {
        const unit = unitOf(tag, describesStatement);
        return unit === replyUnit.none ? 'illegal' : this.#sentUnit(unit, owner);
      }
    }
  }

  /** The server has sent a message with this tag. */
  received(tag: number): Received {
    if (isAsync(tag)) return 'async';
    if (this.#ring.length === 0) return tag === backendTag.errorResponse ? 'async' : 'illegal';
    const unit = this.#ring.unitAt(0) as ReplyUnit;
    if (tag === backendTag.errorResponse) return this.#receivedError(unit);
    switch (unit) {
      case replyUnit.execute:
        return this.#receivedInExecute(tag);
      case replyUnit.query:
        return this.#receivedInQuery(tag);
      case replyUnit.parse:
        return this.#doneIf(tag === backendTag.parseComplete);
      case replyUnit.bind:
        return this.#doneIf(tag === backendTag.bindComplete);
      case replyUnit.close:
        return this.#doneIf(tag === backendTag.closeComplete);
      case replyUnit.sync:
        return this.#readyIf(tag === backendTag.readyForQuery);
      case replyUnit.describePortal:
        return this.#doneIf(tag === backendTag.rowDescription || tag === backendTag.noData);
      case replyUnit.describeStatement:
        if (this.#phase === 'start') return this.#moreIf(tag === backendTag.parameterDescription, 'described');
        return this.#doneIf(tag === backendTag.rowDescription || tag === backendTag.noData);
      case replyUnit.functionCall:
        if (this.#phase === 'start') return this.#moreIf(tag === backendTag.functionCallResponse, 'answered');
        return this.#readyIf(tag === backendTag.readyForQuery);
      default:
        return 'illegal';
    }
  }

  #sentUnit(unit: ReplyUnit, owner: Owner): Sent {
    const sync = unit === replyUnit.sync;
    if (this.copyMode === 'in' || this.copyMode === 'both')
      return sync && this.#phase === 'copyIn' ? 'silent' : 'illegal';
    if (this.#skipping && !sync) return 'skipped';
    if (!this.#push(unit, owner)) return 'full';
    this.#skipping = false;
    this.#open = !sync && unit !== replyUnit.query && unit !== replyUnit.functionCall;
    return 'owed';
  }

  #sentCopy(mark: ReplyUnit, owner: Owner): Sent {
    if (this.#phase === 'copyBoth') return 'silent';
    if (this.#phase === 'copyIn' && !this.#copyEnded) {
      this.#copyEnded = mark === replyUnit.copyEnd;
      return 'silent';
    }
    // Nobody will read it: the server takes and forgets COPY messages outside of COPY, and the late ones after an error.
    if (this.#ring.length === 0) return this.#skipping ? 'skipped' : 'silent';
    const last = this.#ring.unitAt(this.#ring.length - 1);
    if (mark === replyUnit.copyData && last === replyUnit.copyData) return 'silent';
    return this.#push(mark, owner) ? 'silent' : 'full';
  }

  #receivedError(unit: ReplyUnit): Received {
    if (unit === replyUnit.query || unit === replyUnit.functionCall || unit === replyUnit.sync) {
      this.#phase = 'failed';
      return 'more';
    }
    this.#pop();
    while (this.#ring.length > 0 && this.headUnit !== replyUnit.sync) {
      this.#skipped(this.headUnit, this.#ring.owner as Owner);
      this.#pop();
    }
    this.#skipping = this.#ring.length === 0;
    return 'failed';
  }

  #receivedInExecute(tag: number): Received {
    switch (this.#phase) {
      case 'start':
        if (tag === backendTag.dataRow) return this.#more('rows');
        if (tag === backendTag.copyInResponse) return this.#beginCopyIn();
        if (tag === backendTag.copyOutResponse) return this.#more('copyOut');
        return this.#doneIf(isCompletion(tag) || tag === backendTag.portalSuspended);
      case 'rows':
        if (tag === backendTag.dataRow) return 'more';
        return this.#doneIf(tag === backendTag.commandComplete || tag === backendTag.portalSuspended);
      case 'copyIn':
        return this.#doneIf(this.#copyEnded && tag === backendTag.commandComplete);
      case 'copyOut':
        if (tag === backendTag.copyData) return 'more';
        return this.#moreIf(tag === backendTag.copyDone, 'copyDone');
      default:
        return this.#doneIf(tag === backendTag.commandComplete);
    }
  }

  #receivedInQuery(tag: number): Received {
    switch (this.#phase) {
      case 'rows':
        if (tag === backendTag.dataRow) return 'more';
        return this.#moreIf(tag === backendTag.commandComplete, 'answered');
      case 'copyIn':
        return this.#moreIf(this.#copyEnded && tag === backendTag.commandComplete, 'answered');
      case 'copyOut':
      case 'copyBoth':
        if (tag === backendTag.copyData) return 'more';
        // A base backup goes on with other results, so this is the same as the beginning of a statement.
        return this.#moreIf(tag === backendTag.copyDone, 'start');
      case 'failed':
        return this.#readyIf(tag === backendTag.readyForQuery);
      default:
        return this.#receivedBetweenStatements(tag);
    }
  }

  #receivedBetweenStatements(tag: number): Received {
    switch (tag) {
      case backendTag.rowDescription:
        return this.#more('rows');
      case backendTag.commandComplete:
      case backendTag.emptyQueryResponse:
        return this.#more('answered');
      case backendTag.copyInResponse:
        return this.#beginCopyIn();
      case backendTag.copyOutResponse:
        return this.#more('copyOut');
      case backendTag.copyBothResponse:
        this.#dropMarks();
        return this.#more('copyBoth');
      default:
        return this.#readyIf(tag === backendTag.readyForQuery && this.#phase === 'answered');
    }
  }

  /** The server now reads on until the end of the data, past any Sync. What was sent ahead stands right behind the head. */
  #beginCopyIn(): Received {
    this.#phase = 'copyIn';
    this.#copyEnded = false;
    let ate = false;
    while (this.#ring.length > 1 && !this.#copyEnded) {
      const next = this.#ring.unitAt(1);
      if (next === replyUnit.sync) ate = true;
      else if (next === replyUnit.copyEnd) this.#copyEnded = true;
      else if (next !== replyUnit.copyData) break;
      this.#dropSecond();
    }
    if (ate && this.#ring.length === 1 && this.headUnit === replyUnit.execute) this.#open = true;
    return 'more';
  }

  /** Forgets the COPY marks right behind the head. */
  #dropMarks(): void {
    while (this.#ring.length > 1 && this.#ring.unitAt(1) >= replyUnit.copyData) this.#dropSecond();
  }

  #dropSecond(): void {
    const unit = this.#ring.unitAt(1);
    const owner = this.#ring.takeSecond();
    if (unit === replyUnit.sync) this.#skipped(unit, owner);
  }

  #more(phase: Phase): Received {
    this.#phase = phase;
    return 'more';
  }

  #moreIf(legal: boolean, phase: Phase): Received {
    return legal ? this.#more(phase) : 'illegal';
  }

  #doneIf(legal: boolean): Received {
    if (!legal) return 'illegal';
    this.#pop();
    return 'done';
  }

  #readyIf(legal: boolean): Received {
    if (!legal) return 'illegal';
    this.#pop();
    return 'ready';
  }

  #push(unit: ReplyUnit, owner: Owner): boolean {
    if (this.#ring.length === this.#unitsMax) return false;
    this.#ring.push(unit, owner);
    return true;
  }

  /** Moves on to the next unit. COPY marks that come to the head belong to no COPY: the server overlooks those messages. */
  #pop(): void {
    this.#phase = 'start';
    do this.#ring.pop();
    while (this.#ring.length > 0 && this.headUnit >= replyUnit.copyData);
  }
}

function unitOf(tag: number, describesStatement: boolean): ReplyUnit {
  switch (tag) {
    case frontendTag.query:
      return replyUnit.query;
    case frontendTag.parse:
      return replyUnit.parse;
    case frontendTag.bind:
      return replyUnit.bind;
    case frontendTag.describe:
      return describesStatement ? replyUnit.describeStatement : replyUnit.describePortal;
    case frontendTag.execute:
      return replyUnit.execute;
    case frontendTag.close:
      return replyUnit.close;
    case frontendTag.sync:
      return replyUnit.sync;
    case frontendTag.functionCall:
      return replyUnit.functionCall;
    default:
      return replyUnit.none;
  }
}

function isAsync(tag: number): boolean {
  return (
    tag === backendTag.noticeResponse || tag === backendTag.parameterStatus || tag === backendTag.notificationResponse
  );
}

function isCompletion(tag: number): boolean {
  return tag === backendTag.commandComplete || tag === backendTag.emptyQueryResponse;
}

/** What the invariants look at: any `RepliesOwed`, whoever its owners are. */
export type RepliesOwedView = Pick<RepliesOwed<never>, 'length' | 'headUnit' | 'idle' | 'skipping' | 'copyMode'>;

/** For the simulator, after each step. */
export const repliesOwedInvariants: Readonly<Record<string, (owed: RepliesOwedView) => boolean>> = {
  'no COPY mark is owed a reply': (owed) => owed.headUnit < replyUnit.copyData,
  'a server that skips owes nothing': (owed) => !owed.skipping || owed.length === 0,
  'an idle server owes nothing': (owed) => !owed.idle || (owed.length === 0 && owed.copyMode === 'none'),
  'only a query or an execute copies': (owed) =>
    owed.copyMode === 'none' || owed.headUnit === replyUnit.query || owed.headUnit === replyUnit.execute,
};
