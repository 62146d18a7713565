import { utf8, utf8Text } from '@multigres/core';
import { malformedFrame } from './errors.ts';

const firstBytes = 128;
const shortText = 64;

/** Writes the bodies of the rare frames (everything but `request` and `reply`): integers big-endian, texts and byte strings with a u32 length. */
export class BodyWriter {
  #bytes: Uint8Array = new Uint8Array(firstBytes);
  #length = 0;

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    const b = this.#bytes;
    const at = this.#length;
    b[at] = value >>> 24;
    b[at + 1] = value >>> 16;
    b[at + 2] = value >>> 8;
    b[at + 3] = value;
    this.#length = at + 4;
    return this;
  }

  u64(value: bigint): this {
    return this.u32(Number(value >> 32n)).u32(Number(value & 0xffff_ffffn));
  }

  bytes(value: Uint8Array): this {
    return this.u32(value.length).rest(value);
  }

  text(value: string): this {
    const length = value.length;
    this.#reserve(4 + length);
    const from = this.#length + 4;
    // Nearly all are short and ASCII, where a loop beats the encoder.
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80 || length > shortText) return this.bytes(utf8(value));
      this.#bytes[from + i] = code;
    }
    this.u32(length);
    this.#length += length;
    return this;
  }

  optionalText(value: string | undefined): this {
    if (value === undefined) return this.u8(0);
    return this.u8(1).text(value);
  }

  /** Bytes without a length: the last thing in a body. */
  rest(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Reads what BodyWriter wrote. A body that is too short is a bug or an attack of the peer: the link ends with 08P01. */
export class BodyReader {
  readonly #buffer: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(buffer: Uint8Array, start: number = 0, end: number = buffer.length) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  u8(): number {
    this.#need(1);
    return this.#buffer[this.#at++] as number;
  }

  u32(): number {
    this.#need(4);
    const b = this.#buffer;
    const at = this.#at;
    this.#at += 4;
    return (
      (((b[at] as number) << 24) |
        ((b[at + 1] as number) << 16) |
        ((b[at + 2] as number) << 8) |
        (b[at + 3] as number)) >>>
      0
    );
  }

  u64(): bigint {
    const high = BigInt(this.u32());
    return (high << 32n) | BigInt(this.u32());
  }

  /** A copy. */
  bytes(): Uint8Array {
    const length = this.u32();
    this.#need(length);
    this.#at += length;
    return this.#buffer.slice(this.#at - length, this.#at);
  }

  text(): string {
    const length = this.u32();
    this.#need(length);
    const at = this.#at;
    this.#at += length;
    if (length > shortText) return utf8Text(this.#buffer.subarray(at, this.#at));
    let text = '';
    for (let i = at; i < this.#at; i++) {
      const code = this.#buffer[i] as number;
      if (code >= 0x80) return utf8Text(this.#buffer.subarray(at, this.#at));
      text += String.fromCharCode(code);
    }
    return text;
  }

  optionalText(): string | undefined {
    return this.u8() === 0 ? undefined : this.text();
  }

  /** A copy of all that is left. */
  rest(): Uint8Array {
    const at = this.#at;
    this.#at = this.#end;
    return this.#buffer.slice(at, this.#end);
  }

  #need(bytes: number): void {
    if (this.#end - this.#at >= bytes) return;
    throw malformedFrame();
  }
}
