import { assert, emptyBytes, type PgError } from '@multigres/core';
import { invalidFrontendTag, invalidMessageLength, invalidStartupLength } from '../errors.ts';
import { tagSmall, tagUnknown, type TagTable } from '../tags.ts';
import { int32At } from '../wire/scan.ts';

/** Who receives messages. Called inside `feed`; must not call `feed` itself. */
export interface FrameSink {
  /**
   * A whole message: [start, end) of `buffer`, its header (five bytes: tag, length) included. Valid **only during the call**.
   * In startup mode there is no tag: `tag` is 0 and the header is the length alone (four bytes).
   */
  frame(tag: number, buffer: Uint8Array, start: number, end: number): void;
  /**
   * A piece of a message longer than `wholeBytesMax`, which is never held whole. The pieces, put together, are the message: `first`
   * begins with the whole header, `last` ends it; there are always both, none is empty. `bodyBytes` is the length of the whole body.
   */
  part(tag: number, buffer: Uint8Array, start: number, end: number, place: PartPlace, bodyBytes: number): void;
}

export type PartPlace = 'first' | 'middle' | 'last';

export interface DeframerLimits {
  /** Messages up to this length, header included, are given as one frame; longer ones in parts. */
  readonly wholeBytesMax: number;
  /** Longer messages are malformed. */
  readonly messageBytesMax: number;
  /** Which tags are legal, and which of them only in short messages; any tag and length if absent. */
  readonly tags?: TagTable;
}

/**
 * - `flowing`: takes bytes
 * - `stopped`: the sink called `stop`; takes bytes again after `resume`
 * - `badTag`, `badLength`: malformed, for good: where a message ends is no longer known
 */
export type DeframerState = 'flowing' | 'stopped' | 'badTag' | 'badLength';

/** PostgreSQL's PQ_LARGE_MESSAGE_LIMIT, with the tag. */
export const messageBytesMaxOfPostgres: number = 0x3fff_ffff;
/** PostgreSQL's PQ_SMALL_MESSAGE_LIMIT, with the tag. */
export const smallMessageBytesMax: number = 10_001;
/** PostgreSQL's MAX_STARTUP_PACKET_LENGTH, with the length word. */
export const startupPacketBytesMax: number = 10_004;

const headerBytes = 5;
/** A buffer for messages that straddle chunks is kept for the next one up to this size: idle connections must be cheap. */
const heldBytesKept = 1024;
const heldBytesFirst = 256;

/**
 * Cuts a stream of bytes into protocol messages. A message that lies inside one chunk is passed on as a view of that chunk; only what
 * straddles chunks is copied, into a buffer that grows with what has really arrived, never with what a length field claims.
 */
export class Deframer {
  /** May be replaced at any time, also inside a call of the old one: the next message goes to the new one. */
  sink: FrameSink;
  readonly #wholeBytesMax: number;
  readonly #messageBytesMax: number;
  readonly #tags: TagTable | undefined;
  #state: DeframerState = 'flowing';
  #startup: boolean;
  #badTag = 0;
  #feeding = false;
  /** The beginning of a message that straddles chunks: [0, #heldBytes) of #held. */
  #held: Uint8Array = emptyBytes;
  #heldBytes = 0;
  /** While a long message is passed on in parts: its tag, its body and what is still to come. */
  #partTag = 0;
  #partBodyBytes = 0;
  #partLeft = 0;

  constructor(sink: FrameSink, limits: DeframerLimits, mode: 'tagged' | 'startup' = 'tagged') {
    assert(limits.wholeBytesMax >= headerBytes, 'a header is held whole');
    assert(limits.messageBytesMax >= limits.wholeBytesMax, 'a whole message is no longer than a message may be');
    this.sink = sink;
    this.#wholeBytesMax = limits.wholeBytesMax;
    this.#messageBytesMax = limits.messageBytesMax;
    this.#tags = limits.tags;
    this.#startup = mode === 'startup';
  }

  get state(): DeframerState {
    return this.#state;
  }

  /** What to tell the peer when the state is `badTag` or `badLength` (08P01, FATAL); undefined as long as all is well. */
  get error(): PgError | undefined {
    if (this.#state === 'badTag') return invalidFrontendTag(this.#badTag);
    if (this.#state !== 'badLength') return undefined;
    return this.#startup ? invalidStartupLength() : invalidMessageLength();
  }

  /** Bytes of an unfinished message that are held here. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The memory taken for them: at most 256 bytes or twice what has arrived. */
  get heldCapacityBytes(): number {
    return this.#held.length;
  }

  /** No message is begun and unfinished: a connection may end here in good order. */
  get betweenMessages(): boolean {
    return this.#heldBytes === 0 && this.#partLeft === 0;
  }

  /** From the next message on there are tags. To be called inside the sink's call for the startup message, or between messages. */
  endStartup(): void {
    this.#startup = false;
  }

  /** Inside a sink's call: take no more bytes after this message. `feed` tells how many it took, the caller keeps the rest. */
  stop(): void {
    if (this.#state === 'flowing') this.#state = 'stopped';
  }

  /** After `stop`: take bytes again. The caller feeds what was left over. */
  resume(): void {
    if (this.#state === 'stopped') this.#state = 'flowing';
  }

  /**
   * Takes bytes, from `from` on, and answers how many of them. All, unless `state` is no longer `flowing`. `bytes` is not kept.
   */
  feed(bytes: Uint8Array, from: number = 0): number {
    assert(!this.#feeding, 'a sink does not feed its own deframer');
    this.#feeding = true;
    let at = from;
    if (this.#heldBytes > 0 || this.#partLeft > 0) at = this.#continue(bytes, at);
    if (this.#state === 'flowing') at = this.#frames(bytes, at);
    this.#feeding = false;
    return at - from;
  }

  /** Passes on the messages that begin in this chunk, and holds the last one if it is not complete. */
  #frames(bytes: Uint8Array, from: number): number {
    const end = bytes.length;
    let at = from;
    while (this.#state === 'flowing') {
      if (end - at < (this.#startup ? 4 : headerBytes)) {
        if (at < end) this.#hold(bytes, at, end, headerBytes);
        return end;
      }
      const total = this.#totalBytes(bytes, at);
      if (total < 0) return at;
      if (total > this.#wholeBytesMax && !this.#startup) at = this.#firstPart(bytes, at, end, total);
      else if (total <= end - at) {
        const start = at;
        at += total;
        this.sink.frame(this.#startup ? 0 : (bytes[start] as number), bytes, start, at);
      } else {
        this.#hold(bytes, at, end, total);
        return end;
      }
    }
    return at;
  }

  /** The length of the message whose header is at `at`, header included; -1 if it is malformed. */
  #totalBytes(buffer: Uint8Array, at: number): number {
    if (this.#startup) {
      const length = int32At(buffer, at);
      // Four bytes of length and at least a version.
      if (length >= 8 && length <= startupPacketBytesMax) return length;
      this.#state = 'badLength';
      return -1;
    }
    let max = this.#messageBytesMax;
    if (this.#tags !== undefined) {
      const kind = this.#tags[buffer[at] as number] as number;
      if (kind === tagUnknown) {
        this.#state = 'badTag';
        this.#badTag = buffer[at] as number;
        return -1;
      }
      if (kind === tagSmall && max > smallMessageBytesMax) max = smallMessageBytesMax;
    }
    const length = int32At(buffer, at + 1);
    if (length >= 4 && length < max) return length + 1;
    this.#state = 'badLength';
    return -1;
  }

  /** The chunk holds the header of a long message: passes on what there is of it. */
  #firstPart(bytes: Uint8Array, at: number, end: number, total: number): number {
    this.#partTag = bytes[at] as number;
    this.#partBodyBytes = total - headerBytes;
    // A message that is all here still has a first and a last part.
    const partEnd = total <= end - at ? at + headerBytes : end;
    this.#partLeft = total - (partEnd - at);
    this.sink.part(this.#partTag, bytes, at, partEnd, 'first', this.#partBodyBytes);
    return this.#state === 'flowing' && partEnd < end ? this.#morePart(bytes, partEnd) : partEnd;
  }

  #morePart(bytes: Uint8Array, at: number): number {
    const length = Math.min(this.#partLeft, bytes.length - at);
    if (length === 0) return at;
    this.#partLeft -= length;
    const place = this.#partLeft === 0 ? 'last' : 'middle';
    this.sink.part(this.#partTag, bytes, at, at + length, place, this.#partBodyBytes);
    return at + length;
  }

  /** Goes on with the message that an earlier chunk began. */
  #continue(bytes: Uint8Array, from: number): number {
    if (this.#state !== 'flowing') return from;
    if (this.#partLeft > 0) return this.#morePart(bytes, from);
    let at = from;
    const header = this.#startup ? 4 : headerBytes;
    if (this.#heldBytes < header) {
      at = this.#holdUpTo(bytes, at, header, headerBytes);
      if (this.#heldBytes < header) return at;
    }
    const total = this.#totalBytes(this.#held, 0);
    if (total < 0) return at;
    if (total > this.#wholeBytesMax && !this.#startup) return this.#heldHeaderAsPart(bytes, at, total);
    at = this.#holdUpTo(bytes, at, total, total);
    if (this.#heldBytes < total) return at;
    const held = this.#held;
    this.#heldBytes = 0;
    if (held.length > heldBytesKept) this.#held = emptyBytes;
    this.sink.frame(this.#startup ? 0 : (held[0] as number), held, 0, total);
    return at;
  }

  /** Only the header of a long message was held: it is the first part. */
  #heldHeaderAsPart(bytes: Uint8Array, at: number, total: number): number {
    this.#heldBytes = 0;
    this.#partTag = this.#held[0] as number;
    this.#partBodyBytes = total - headerBytes;
    this.#partLeft = this.#partBodyBytes;
    this.sink.part(this.#partTag, this.#held, 0, headerBytes, 'first', this.#partBodyBytes);
    return this.#state === 'flowing' ? this.#morePart(bytes, at) : at;
  }

  /** Holds bytes until `goal` are held or the chunk is used up; answers where it stopped. */
  #holdUpTo(bytes: Uint8Array, at: number, goal: number, total: number): number {
    const end = at + Math.min(goal - this.#heldBytes, bytes.length - at);
    if (end > at) this.#hold(bytes, at, end, total);
    return end;
  }

  /** Copies [at, end) behind what is held. `total` only keeps the buffer from growing beyond need. */
  #hold(bytes: Uint8Array, at: number, end: number, total: number): void {
    const needed = this.#heldBytes + (end - at);
    if (needed > this.#held.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(total, Math.max(2 * needed, heldBytesFirst))));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(bytes.subarray(at, end), this.#heldBytes);
    this.#heldBytes = needed;
  }
}
