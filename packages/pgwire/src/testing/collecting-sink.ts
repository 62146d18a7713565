import { concat } from '@multigres/core';
import type { FrameSink, PartPlace } from '../frame/deframer.ts';

/** For tests: keeps copies of all messages; those that came in parts are put together again, after a check of the parts' order. */
export class CollectingSink implements FrameSink {
  readonly messages: { readonly tag: number; readonly bytes: Uint8Array; readonly parts: boolean }[] = [];
  /** Called after each whole message. */
  onFrame: (tag: number, bytes: Uint8Array) => void = () => {};
  #pieces: Uint8Array[] = [];

  frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#pieces.length > 0) throw new Error('a frame came between parts');
    const bytes = buffer.slice(start, end);
    this.messages.push({ tag, bytes, parts: false });
    this.onFrame(tag, bytes);
  }

  part(tag: number, buffer: Uint8Array, start: number, end: number, place: PartPlace, bodyBytes: number): void {
    if (start >= end) throw new Error('an empty part');
    if ((place === 'first') !== (this.#pieces.length === 0)) throw new Error('a part out of order');
    if (place === 'first' && end - start < 5) throw new Error('the first part holds no header');
    this.#pieces.push(buffer.slice(start, end));
    if (place !== 'last') return;
    const bytes = concat(this.#pieces);
    if (bytes.length !== bodyBytes + 5) throw new Error('the parts are not the message');
    this.messages.push({ tag, bytes, parts: true });
    this.#pieces = [];
  }
}
