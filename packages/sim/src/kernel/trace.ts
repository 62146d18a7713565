/** Events per checkpoint of the trace hash. */
export const checkpointEvents = 1000;

/** One line of a run's story, kept only when somebody wants to see it. */
export interface TraceLine {
  readonly timeUs: number;
  readonly node: number;
  readonly event: number;
  readonly text: string;
}

export interface TraceOptions {
  /** Keep lines for people (`--show`, failing runs). */
  readonly keepLines?: boolean;
  /** Keep one line per event from `from` (inclusive) to `to` (exclusive): for finding the first event in which two runs differ. */
  readonly eventWindow?: { readonly from: number; readonly to: number };
}

const linesMax = 100_000;

/**
 * The fingerprint of a run: two 32-bit lanes, mixed with every event (kind, time, node) and everything noted about it (digests of
 * delivered bytes, log lines, verdicts). Equal hashes mean that two runs did the same things at the same moments.
 */
export class Trace {
  readonly lines: TraceLine[] = [];
  /** The hash after every thousandth event. */
  readonly checkpoints: string[] = [];
  /** One description per event inside the window. */
  readonly windowLines: string[] = [];
  events = 0;
  readonly keepsLines: boolean;
  readonly #window: { readonly from: number; readonly to: number } | undefined;
  #high = 0x9e3779b9 | 0;
  #low = 0x85ebca6b | 0;

  constructor(options: TraceOptions = {}) {
    this.keepsLines = options.keepLines === true;
    this.#window = options.eventWindow;
  }

  event(kind: number, timeUs: number, node: number): void {
    this.note(kind ^ (node << 8));
    this.note(timeUs % 0x100000000);
    this.events += 1;
    if (this.events % checkpointEvents === 0) this.checkpoints.push(this.hash());
    const window = this.#window;
    if (window && this.events > window.from && this.events <= window.to) {
      this.windowLines.push(`event ${this.events} at ${timeUs} us on node ${node}, kind ${kind}, hash ${this.hash()}`);
    }
  }

  /** Mixes 32 bits into the hash (the finaliser of MurmurHash3, by its constants). */
  note(value: number): void {
    let low = (this.#low ^ value) | 0;
    low = Math.imul(low ^ (low >>> 16), 0x85ebca6b);
    low = Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
    this.#low = low ^ (low >>> 16);
    this.#high = (Math.imul(this.#high, 31) + (low ^ (this.#high >>> 15))) | 0;
  }

  noteText(text: string): void {
    this.note(digestText(text));
  }

  /** Adds a line for people; `text` is called only when lines are kept. Not part of the hash. */
  line(timeUs: number, node: number, text: () => string): void {
    if (!this.keepsLines && this.#window === undefined) return;
    if (this.#window) {
      if (this.events >= this.#window.from && this.events < this.#window.to) this.windowLines.push(`  ${text()}`);
      return;
    }
    if (this.lines.length < linesMax) this.lines.push({ timeUs, node, event: this.events, text: text() });
  }

  /** Sixteen hexadecimal digits. */
  hash(): string {
    return hex32(this.#high) + hex32(this.#low);
  }
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

/** 32 bits of bytes, four at a time (FNV-1a with a rotation): order matters, every byte counts. */
export function digestBytes(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  let digest = 0x811c9dc5 ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    digest = Math.imul(digest ^ view.getInt32(at, true), 0x01000193);
    digest = (digest << 13) | (digest >>> 19);
  }
  for (; at < length; at++) digest = Math.imul(digest ^ (bytes[at] as number), 0x01000193);
  return digest;
}

export function digestText(text: string): number {
  let digest = 0x811c9dc5 | 0;
  for (let i = 0; i < text.length; i++) digest = Math.imul(digest ^ text.charCodeAt(i), 0x01000193);
  return digest;
}
