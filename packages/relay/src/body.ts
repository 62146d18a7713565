import { utf8, utf8Text } from '@multigres/core';
import { malformedFrame } from './errors.ts';

/** Writes the bodies of the rare frames (everything but `request` and `reply`): integers big-endian, texts and byte strings with a u32 length. */
export class BodyWriter {
  readonly #parts: number[] = [];

  u8(value: number): this {
    this.#parts.push(value & 0xff);
    return this;
  }

  u32(value: number): this {
    this.#parts.push(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.u32(value.length);
    for (const byte of value) this.#parts.push(byte);
    return this;
  }

  text(value: string): this {
    return this.bytes(utf8(value));
  }

  optionalText(value: string | undefined): this {
    if (value === undefined) return this.u8(0);
    return this.u8(1).text(value);
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#parts);
  }
}

/** Reads what BodyWriter wrote. A body that is too short is a bug or an attack of the peer: the link ends with 08P01. */
export class BodyReader {
  readonly #buffer: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(buffer: Uint8Array, start: number, end: number) {
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

  /** A copy. */
  bytes(): Uint8Array {
    const length = this.u32();
    this.#need(length);
    this.#at += length;
    return this.#buffer.slice(this.#at - length, this.#at);
  }

  text(): string {
    return utf8Text(this.bytes());
  }

  optionalText(): string | undefined {
    return this.u8() === 0 ? undefined : this.text();
  }

  #need(bytes: number): void {
    if (this.#end - this.#at >= bytes) return;
    throw malformedFrame();
  }
}
