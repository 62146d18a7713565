import { assert } from '@multigres/core';

/**
 * The frames between a gateway and a pooler: many sessions over one connection, many frames per write.
 *
 * ```
 * 0        4     5      6       8        12
 * session  type  flags  count   length   body ...      (big-endian; length counts the body only)
 * ```
 *
 * Session 0 is the link itself. Bodies hold at most `bodyBytesMax`; longer streams of protocol bytes are cut into several frames.
 */
export const headerBytes = 12;
export const bodyBytesMax: number = 64 * 1024;
/** Bumped whenever a peer of the other version could misunderstand; both sides refuse a different one. */
export const protocolVersion = 7;

export const frameType = {
  // both ways
  hello: 1,
  ping: 2,
  pong: 3,
  credit: 4,
  ask: 5,
  answer: 6,
  /**
   * What a statement answers: as its first preparer got it, for all sessions of the link (on session 0), or as this session prepared it, where that differs.
   * The pooler finds out, the gateway remembers, and tells the next pooler. See `encodeResult`.
   */
  result: 7,
  // gateway to pooler
  open: 16,
  request: 17,
  define: 18,
  forget: 19,
  cancel: 20,
  close: 21,
  pin: 22,
  settings: 24,
  settled: 25,
  trace: 26,
  unpin: 27,
  /** Asks for an end of the channel at which nothing is lost: `returned` for what has not been begun, then `recalled`. */
  recall: 28,
  /** What the channel is sent from now on may only run where everything up to this LSN is replayed; else it is returned. */
  after: 29,
  // pooler to gateway
  opened: 32,
  reply: 33,
  ended: 34,
  /** The oldest unanswered `cancel` of the session is done: nothing of it will hit what the client sends from now on. */
  cancelled: 36,
  /** Others wait for the backend that the session keeps; see `claimFlag`. */
  claim: 37,
  /**
   * A `request` as it came, with its flags and count: it was not begun and will not be, and nothing of the session is left here. Whatever else
   * comes on the channel is returned, too. The statements of its uses are defined before, on the channel: the gateway may have forgotten them by now.
   */
  returned: 38,
  /** The answer to `recall`, and the last frame of the channel. */
  recalled: 39,
  /** On channel 0: the pooler is about to stop. Sessions that have nothing there close their channels and go on elsewhere. */
  leaving: 41,
} as const;

export type FrameType = (typeof frameType)[keyof typeof frameType];

/**
 * `count` of a `request`: whether the group ends with this piece, and the number that the gateway gives to the shape of its text, if it has one (the
 * lowest 15 bits; 0: none). The pooler keeps the history of how long such texts take by it.
 */
export function requestCount(ends: boolean, shape: number): number {
  return ends ? ((shape & 0x7fff) << 1) | 1 : 0;
}

export function endsGroup(count: number): boolean {
  return (count & 1) !== 0;
}

export function shapeOf(count: number): number {
  return count >>> 1;
}

/**
 * `count` of the `reply` that ends a group: how many ParseComplete and CloseComplete it got before it ended, and whether it failed before anything of it
 * was executed. Names given by more Parse messages than fit, in one group that failed, are forgotten, which is an error and no confusion.
 */
export function replyCount(completions: number, unexecuted: boolean): number {
  return (Math.min(completions, 0x7fff) << 1) | (unexecuted ? 1 : 0);
}

export function completionsOf(count: number): number {
  return count >>> 1;
}

export function ranNothing(count: number): boolean {
  return (count & 1) !== 0;
}

/** Flags of `request`. */
export const requestFlag = {
  /** This one request is a whole unit that may run between other sessions' units on a shared backend. */
  shareable: 1,
  /** Only CopyData, CopyDone and CopyFail (and what follows them): dropped if the session owes nothing, as Postgres drops them. */
  copy: 2,
  /** The piece starts with the CopyDone or CopyFail that ends copy-in mode: Syncs before it are ignored by Postgres, Syncs in it count. */
  copyEnd: 4,
  /** Protocol-level statements on the backend may be gone afterwards (DISCARD ALL, DEALLOCATE ALL). */
  dropsStatements: 8,
  /** The group ends with Query or FunctionCall, not with Sync. */
  simple: 16,
  /** A preparation of the gateway's own: nothing of its replies comes back, not even the end. */
  unseen: 32,
  /** The group may change what the session's settings are: the backend stays until `settled` says how it came out. */
  settles: 64,
  /** The group only reads, as far as its texts tell: it may run at a follower. */
  reads: 128,
} as const;

/** Flags of `reply`. */
export const replyFlag = {
  /** The piece ends with ReadyForQuery; `count` tells more of the group, see `replyCount`. */
  ready: 1,
  /** The group that ended with this ReadyForQuery had an ErrorResponse. */
  failed: 2,
  /** Bits 2 and 3: the transaction status, see `statusOfFlags`. */
  inTransaction: 4,
  inFailedTransaction: 8,
  /** Nothing more is owed to the session. */
  idle: 16,
  /** An empty piece: Postgres ignored the Sync that ended the oldest group, because COPY data was to come; the group goes on. */
  syncIgnored: 32,
  /** The piece ends inside a message: nothing else may be said to the client before the rest has come. */
  partial: 64,
  /** The last piece of a replication connection: its backend has said all it had to say. */
  ends: 128,
} as const;

/** Flags of `claim`. */
export const claimFlag = {
  /** The session has not used the backend for a while: what is worth keeping only for the next statement is not worth it any more. */
  idle: 1,
} as const;

/** The transaction status byte of ReadyForQuery, out of a reply's flags. */
export function statusOfFlags(flags: number): 'I' | 'T' | 'E' {
  if (flags & replyFlag.inFailedTransaction) return 'E';
  return flags & replyFlag.inTransaction ? 'T' : 'I';
}

/** The body is `buffer` from `start` to `end` (exclusive), valid only during the call. */
export interface FrameHandler {
  frame(
    session: number,
    type: number,
    flags: number,
    count: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void;
}

const slabBytes = 64 * 1024;
/** Less room than this is not worth keeping a slab for. */
const slabBytesLeast = 4 * 1024;
/** A turn with more than this is rare. */
const slabBytesMost = 1024 * 1024;
/** Up to here a loop beats `set`, which needs a view object per call. */
const shortBytes = 48;

/**
 * Collects frames, to be sent in one write per turn. `take` hands over what was written and goes on behind it in the same slab, so that a
 * turn's frames cost no copy and no memory but a view.
 */
export class FrameWriter {
  #slab: Uint8Array = new Uint8Array(0);
  #start = 0;
  #at = 0;
  #takenStart = 0;

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** A frame whose body is `bytes` from `start` to `end`, copied. */
  frame(
    session: number,
    type: FrameType,
    flags: number,
    count: number,
    bytes: Uint8Array,
    start = 0,
    end: number = bytes.length,
  ): void {
    const at = this.begin(session, type, flags, count, end - start);
    this.copy(at, bytes, start, end);
  }

  /** A frame without a body. */
  bare(session: number, type: FrameType, flags = 0, count = 0): void {
    this.begin(session, type, flags, count, 0);
  }

  /** Writes the header and makes room: answers where in `slab` the body of exactly `bodyBytes` goes. Valid until the next call. */
  begin(session: number, type: FrameType, flags: number, count: number, bodyBytes: number): number {
    assert(bodyBytes <= bodyBytesMax, 'a frame body fits');
    this.#reserve(headerBytes + bodyBytes);
    const b = this.#slab;
    const at = this.#at;
    writeU32(b, at, session);
    b[at + 4] = type;
    b[at + 5] = flags;
    b[at + 6] = count >>> 8;
    b[at + 7] = count;
    writeU32(b, at + 8, bodyBytes);
    this.#at = at + headerBytes + bodyBytes;
    return at + headerBytes;
  }

  get slab(): Uint8Array {
    return this.#slab;
  }

  /** Copies into a body that `begin` made room for. */
  copy(at: number, bytes: Uint8Array, start: number, end: number): void {
    if (end - start > shortBytes) this.#slab.set(bytes.subarray(start, end), at);
    else for (let from = start, to = at; from < end; from++, to++) this.#slab[to] = bytes[from] as number;
  }

  /** What was collected since the last `take`; the caller owns it. */
  take(): Uint8Array {
    const taken = this.#slab.subarray(this.#start, this.#at);
    this.#takenStart = this.#start;
    this.#start = this.#at;
    return taken;
  }

  /** What was taken last is not needed any more, and nothing was written since: its memory is used again, unless it is uncommonly much. */
  giveBack(): void {
    assert(this.#at === this.#start, 'nothing was written since the last take');
    if (this.#slab.length > slabBytesMost) this.#slab = new Uint8Array(0);
    this.#takenStart = this.#slab.length === 0 ? 0 : this.#takenStart;
    this.#start = this.#takenStart;
    this.#at = this.#takenStart;
  }

  /** Makes room; what is not taken yet moves to a new slab, the old one belongs to those who took from it. */
  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#slab.length) return;
    const written = this.#at - this.#start;
    const slab = new Uint8Array(Math.max(slabBytes, 2 * (written + bytes) + slabBytesLeast));
    slab.set(this.#slab.subarray(this.#start, this.#at));
    this.#slab = slab;
    this.#start = 0;
    this.#takenStart = 0;
    this.#at = written;
  }
}

/** Cuts a stream of bytes into frames, whatever its segmentation. Frames inside one piece are handed on as views, not copied. */
export class FrameReader {
  readonly #handler: FrameHandler;
  /** The start of a frame that was cut off; grows with what arrives, never with what a length claims. */
  #partial: Uint8Array = new Uint8Array(0);
  #partialLength = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** False if the stream makes no sense: the link must be closed. */
  feed(bytes: Uint8Array): boolean {
    let at = 0;
    if (this.#partialLength > 0) {
      const used = this.#complete(bytes);
      if (used < 0) return false;
      at = used;
    }
    while (bytes.length - at >= headerBytes) {
      const length = readU32(bytes, at + 8);
      if (length > bodyBytesMax) return false;
      const end = at + headerBytes + length;
      if (end > bytes.length) break;
      this.#emit(bytes, at, end);
      at = end;
    }
    if (at < bytes.length) this.#keep(bytes, at);
    return true;
  }

  /** Adds to the cut-off frame; answers how many bytes were used, or -1 if they make no sense. */
  #complete(bytes: Uint8Array): number {
    let used = 0;
    if (this.#partialLength < headerBytes) {
      used = Math.min(headerBytes - this.#partialLength, bytes.length);
      this.#append(bytes, 0, used);
      if (this.#partialLength < headerBytes) return used;
    }
    const length = readU32(this.#partial, 8);
    if (length > bodyBytesMax) return -1;
    const more = Math.min(headerBytes + length - this.#partialLength, bytes.length - used);
    this.#append(bytes, used, used + more);
    used += more;
    if (this.#partialLength === headerBytes + length) {
      const whole = this.#partial;
      const end = this.#partialLength;
      this.#partialLength = 0;
      this.#emit(whole, 0, end);
    }
    return used;
  }

  #keep(bytes: Uint8Array, start: number): void {
    this.#partialLength = 0;
    this.#append(bytes, start, bytes.length);
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.#partialLength + end - start;
    if (needed > this.#partial.length) {
      const larger = new Uint8Array(
        Math.max(needed, Math.min(2 * this.#partial.length, headerBytes + bodyBytesMax), 1024),
      );
      larger.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = larger;
    }
    this.#partial.set(bytes.subarray(start, end), this.#partialLength);
    this.#partialLength = needed;
  }

  #emit(b: Uint8Array, at: number, end: number): void {
    const count = ((b[at + 6] as number) << 8) | (b[at + 7] as number);
    this.#handler.frame(readU32(b, at), b[at + 4] as number, b[at + 5] as number, count, b, at + headerBytes, end);
  }
}

function readU32(b: Uint8Array, at: number): number {
  return (
    (((b[at] as number) << 24) |
      ((b[at + 1] as number) << 16) |
      ((b[at + 2] as number) << 8) |
      (b[at + 3] as number)) >>>
    0
  );
}

function writeU32(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 24;
  b[at + 1] = value >>> 16;
  b[at + 2] = value >>> 8;
  b[at + 3] = value;
}
