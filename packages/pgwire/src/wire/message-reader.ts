import { emptyBytes } from '@multigres/core';
import { int32At, textAt, uint16At, zeroAt } from './scan.ts';

/**
 * Walks through the body of one message. A read past the end answers zero, empty text or empty bytes and marks the reader as short,
 * so decoders read straight through and ask `done` once, at the end. Byte fields are views of the buffer.
 */
export class MessageReader {
  readonly #buffer: Uint8Array;
  readonly #end: number;
  #at: number;
  #short = false;

  constructor(buffer: Uint8Array, at: number, end: number) {
    this.#buffer = buffer;
    this.#at = at;
    this.#end = end;
  }

  /** Nothing was missing so far. Loops over a claimed count must ask this on each turn. */
  get ok(): boolean {
    return !this.#short;
  }

  /** Nothing was missing and nothing is left over. */
  get done(): boolean {
    return !this.#short && this.#at === this.#end;
  }

  get leftBytes(): number {
    return this.#short ? 0 : this.#end - this.#at;
  }

  int8(): number {
    return this.#take(1) ? (this.#buffer[this.#at - 1] as number) : 0;
  }

  uint16(): number {
    return this.#take(2) ? uint16At(this.#buffer, this.#at - 2) : 0;
  }

  int16(): number {
    return (this.uint16() << 16) >> 16;
  }

  int32(): number {
    return this.#take(4) ? int32At(this.#buffer, this.#at - 4) : 0;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** A text up to its zero byte. */
  cstring(): string {
    if (this.#short) return '';
    const start = this.#at;
    const zero = zeroAt(this.#buffer, start, this.#end);
    if (zero < 0) {
      this.#short = true;
      return '';
    }
    this.#at = zero + 1;
    return textAt(this.#buffer, start, zero);
  }

  /** A view of the next `length` bytes. */
  bytes(length: number): Uint8Array {
    return this.#take(length) ? this.#buffer.subarray(this.#at - length, this.#at) : emptyBytes;
  }

  /** A view of what is left. */
  rest(): Uint8Array {
    return this.bytes(this.leftBytes);
  }

  /** An Int32 length, then that many bytes; -1 means null. */
  nullableBytes(): Uint8Array | null {
    const length = this.int32();
    if (length === -1) return null;
    return this.bytes(length);
  }

  #take(length: number): boolean {
    if (this.#short || length < 0 || length > this.#end - this.#at) {
      this.#short = true;
      return false;
    }
    this.#at += length;
    return true;
  }
}
