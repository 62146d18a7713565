import { assert, emptyBytes, utf8, utf8Into } from '@multigres/core';

const slabBytesDefault = 16 * 1024;
/** Less room than this is not worth keeping a slab for. */
const slabBytesLeast = 256;
/** Memory of so many slabs at once was asked for by something large, which may not come again. */
const slabsKeptMax = 4;
/** Up to here a loop over ASCII beats the encoder, which needs a view object per call. */
const shortText = 64;
const longText = 4096;
/** The same for copying bytes. */
const shortBytes = 32;

/**
 * Builds messages one after the other in memory of its own. `take` hands over what was written; the writer goes on behind it in the
 * same slab and never touches those bytes again, so they may be given to `Connection.write` as they are, and most messages cost no
 * allocation but a view. A slab lives as long as any taken piece of it: copy what is kept for long.
 */
export class MessageWriter {
  readonly #slabBytes: number;
  #buffer: Uint8Array = emptyBytes;
  #start = 0;
  #at = 0;
  #messageStart = -1;
  /** Where the piece that was taken last begins. */
  #takenStart = 0;

  /** `slabBytes`: how much memory to ask for at once (default 16 KiB), asked for at the first write. */
  constructor(slabBytes: number = slabBytesDefault) {
    this.#slabBytes = Math.max(slabBytes, slabBytesLeast);
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** Opens a message with this tag; `end` closes it. */
  begin(tag: number): void {
    this.#ensure(5);
    assert(this.#messageStart < 0, 'messages do not nest');
    this.#messageStart = this.#at + 1;
    this.#buffer[this.#at] = tag;
    this.#at += 5;
  }

  /** Opens a message that has no tag (startup packets). */
  beginUntagged(): void {
    this.#ensure(4);
    assert(this.#messageStart < 0, 'messages do not nest');
    this.#messageStart = this.#at;
    this.#at += 4;
  }

  /** Closes the message: fills in its length. */
  end(): void {
    const start = this.#messageStart;
    assert(start >= 0, 'a message was begun');
    this.#setInt32(start, this.#at - start);
    this.#messageStart = -1;
  }

  /** A whole message that has no body. */
  bare(tag: number): void {
    this.#ensure(5);
    this.#buffer[this.#at] = tag;
    this.#setInt32(this.#at + 1, 4);
    this.#at += 5;
  }

  int8(value: number): void {
    this.#ensure(1);
    this.#buffer[this.#at++] = value;
  }

  /** The low 16 bits of `value`: fit for signed and unsigned. */
  int16(value: number): void {
    this.#ensure(2);
    this.#buffer[this.#at] = value >>> 8;
    this.#buffer[this.#at + 1] = value;
    this.#at += 2;
  }

  /** How many items follow, as an unsigned Int16; more than 65,535 do not fit the protocol. */
  count(items: number): void {
    assert(items <= 0xffff, 'a count fits 16 bits');
    this.int16(items);
  }

  /** The low 32 bits of `value`: fit for signed and unsigned. */
  int32(value: number): void {
    this.#ensure(4);
    this.#setInt32(this.#at, value);
    this.#at += 4;
  }

  /** UTF-8, without an end mark. */
  text(text: string): void {
    if (text.length <= shortText && this.#ascii(text)) return;
    // The longest encoding is three times as long: too much memory to ask for in case of a long text.
    if (text.length > longText) return this.bytes(utf8(text));
    this.#ensure(text.length * 3);
    this.#at += utf8Into(text, this.#buffer, this.#at);
  }

  /** UTF-8 and a zero byte. `text` holds no zero itself: on the wire it would end there and the rest would be read as something else. */
  cstring(text: string): void {
    assert(!text.includes('\0'), 'a text on the wire holds no zero byte');
    this.text(text);
    this.int8(0);
  }

  /** A length as Int32, then the bytes or the UTF-8 of the text; null is the length -1. */
  nullable(value: Uint8Array | string | null): void {
    if (value === null) return this.int32(-1);
    const bytes = typeof value === 'string' ? utf8(value) : value;
    this.int32(bytes.length);
    this.bytes(bytes, 0, bytes.length);
  }

  /** Copies [start, end) of `bytes`; all of it by default. */
  bytes(bytes: Uint8Array, start: number = 0, end: number = bytes.length): void {
    const length = end - start;
    this.#ensure(length);
    if (length <= shortBytes) {
      const buffer = this.#buffer;
      let at = this.#at;
      for (let from = start; from < end; from++) buffer[at++] = bytes[from] as number;
    } else {
      const whole = start === 0 && end === bytes.length;
      this.#buffer.set(whole ? bytes : bytes.subarray(start, end), this.#at);
    }
    this.#at += length;
  }

  /** What was written since the last `take`; the caller owns it. Empty if nothing was. */
  take(): Uint8Array {
    assert(this.#messageStart < 0, 'a begun message was ended');
    if (this.#at === this.#start) return emptyBytes;
    const taken = this.#buffer.subarray(this.#start, this.#at);
    this.#takenStart = this.#start;
    this.#start = this.#at;
    return taken;
  }

  /** What was taken last is not needed any more, and nothing was written since: its memory is used again. */
  giveBack(): void {
    assert(this.#at === this.#start, 'nothing was written since the last take');
    if (this.#buffer.length > slabsKeptMax * this.#slabBytes) return this.release();
    this.#start = this.#takenStart;
    this.#at = this.#takenStart;
  }

  /** Forgets what was written since the last `take`, also half a message. */
  clear(): void {
    this.#at = this.#start;
    this.#messageStart = -1;
  }

  /** Lets go of the memory, for writers of connections that fall idle; forgets what was not taken. */
  release(): void {
    this.#buffer = emptyBytes;
    this.#start = 0;
    this.#at = 0;
    this.#takenStart = 0;
    this.#messageStart = -1;
  }

  #setInt32(at: number, value: number): void {
    const buffer = this.#buffer;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
  }

  /** Writes a text if all of it is ASCII; else leaves everything as it was and answers false. */
  #ascii(text: string): boolean {
    this.#ensure(text.length);
    const buffer = this.#buffer;
    const at = this.#at;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return false;
      buffer[at + i] = code;
    }
    this.#at = at + text.length;
    return true;
  }

  #ensure(bytes: number): void {
    if (this.#at + bytes > this.#buffer.length) this.#grow(bytes);
  }

  /** Moves what is not taken yet to a new slab; the old one belongs to those who took from it. */
  #grow(bytes: number): void {
    const written = this.#at - this.#start;
    const grown = new Uint8Array(growTo(written, bytes, this.#slabBytes));
    grown.set(this.#buffer.subarray(this.#start, this.#at));
    if (this.#messageStart >= 0) this.#messageStart -= this.#start;
    this.#buffer = grown;
    this.#start = 0;
    this.#takenStart = 0;
    this.#at = written;
  }
}

/** A fresh slab for small things; room for more and at least the double for large ones, so that growing stays linear in the end. */
function growTo(written: number, more: number, slabBytes: number): number {
  if (written + more <= slabBytes / 2) return slabBytes;
  return Math.max(2 * written, written + more + slabBytes);
}
