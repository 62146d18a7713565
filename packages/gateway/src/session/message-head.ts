import { frontendTag } from '@multigres/pgwire';

/** Names longer than this are nobody's: PostgreSQL cuts the names of statements and portals off at 63 bytes. */
const headBytesMax = 16 * 1024;
const headerBytes = 5;

/**
 * The beginning of a message that is too long to be looked at whole: its header and the names behind it, as far as they decide where the
 * message goes. Bind has two names there, Parse one, Query and FunctionCall none.
 */
export class MessageHead {
  readonly tag: number;
  /** Of the whole message, header included. */
  readonly totalBytes: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #namesLeft: number;

  constructor(tag: number, bodyBytes: number) {
    this.tag = tag;
    this.totalBytes = headerBytes + bodyBytes;
    this.#namesLeft = tag === frontendTag.bind ? 2 : tag === frontendTag.parse ? 1 : 0;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** What of the message stands behind the head. */
  get missingBytes(): number {
    return this.totalBytes - this.#bytes.length;
  }

  get isComplete(): boolean {
    return this.#namesLeft === 0 && this.#bytes.length >= headerBytes;
  }

  get isTooLong(): boolean {
    return this.#bytes.length > headBytesMax;
  }

  /** Takes what belongs to the head; answers where the rest of the piece begins. */
  take(buffer: Uint8Array, start: number, end: number): number {
    let at = Math.min(end, start + Math.max(0, headerBytes - this.#bytes.length));
    for (; this.#namesLeft > 0 && at < end; at++) if (buffer[at] === 0) this.#namesLeft -= 1;
    const longer = new Uint8Array(this.#bytes.length + at - start);
    longer.set(this.#bytes);
    longer.set(buffer.subarray(start, at), this.#bytes.length);
    this.#bytes = longer;
    return at;
  }
}
