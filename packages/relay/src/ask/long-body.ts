import { malformedFrame } from '../errors.ts';
import { bodyBytesMax, type FrameType, type FrameWriter } from '../frame.ts';

/** A question or an answer may be this long; a view of 100,000 sessions is about half of it. */
export const longBytesMax: number = 32 * 1024 * 1024;
/** Flag: the body goes on in the next frame of this type. */
const moreFlag = 1;

/** Writes a body of any length as frames of session 0, one behind the other. */
export function writeLong(writer: FrameWriter, type: FrameType, body: Uint8Array): void {
  let at = 0;
  for (; body.length - at > bodyBytesMax; at += bodyBytesMax) {
    writer.frame(0, type, moreFlag, 0, body, at, at + bodyBytesMax);
  }
  writer.frame(0, type, 0, 0, body, at, body.length);
}

/** Puts the frames of one body together again. Takes no more memory than twice of what has arrived. */
export class LongBody {
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;

  /** Answers the whole body, the caller's own, once it is there. A body over `longBytesMax` ends the link (08P01). */
  add(flags: number, buffer: Uint8Array, start: number, end: number): Uint8Array | undefined {
    const isLast = (flags & moreFlag) === 0;
    if (isLast && this.#length === 0) return buffer.slice(start, end);
    const needed = this.#length + end - start;
    if (needed > longBytesMax) throw malformedFrame();
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(buffer.subarray(start, end), this.#length);
    this.#length = needed;
    if (!isLast) return undefined;
    const whole = this.#bytes.subarray(0, needed);
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
    return whole;
  }
}
