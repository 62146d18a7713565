import { eventKind, type Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';
import type { RandomStream } from '../kernel/random-stream.ts';
import type { Link, Links } from './link.ts';

/** A piece of the stream under way, or (without bytes) the end of it. */
export interface Segment {
  readonly bytes: Uint8Array | undefined;
  /** The writer's own array, to see whether it was changed after it was handed over; none if it is the writer's again. */
  original: Uint8Array | undefined;
}

/** What the sender needs to know about the two ends. */
export interface SenderEnds {
  readonly life: Life;
  readonly peerLife: () => Life;
  readonly peerClosed: () => boolean;
  readonly receive: (segment: Segment) => void;
  /** The end has been sent. */
  readonly finished: () => void;
  /** The backlog is gone. */
  readonly drained: () => void;
  /** The other side is known to be dead: it answered with a reset, or nothing was acknowledged for too long. */
  readonly broken: (why: string) => void;
}

interface Written {
  readonly original: Uint8Array;
  readonly copy: Uint8Array;
  at: number;
}

const highWaterBytes = 64 * 1024;
const tinyPieces = 100;

/** One direction of a connection: window, segmentation, delay, and what happens while the link is cut. */
export class Sender {
  backlogBytes = 0;
  /** Pieces whose arrival is planned. */
  scheduled = 0;
  lastArrivalUs = 0;
  finSent = false;
  readonly #kernel: Kernel;
  readonly #links: Links;
  readonly #link: Link;
  readonly #back: Link;
  readonly #random: RandomStream;
  readonly #ends: SenderEnds;
  #outbox: Written[] = [];
  #held: Segment[] = [];
  #inFlightBytes = 0;
  #finWanted = false;
  #needDrain = false;
  #pieces = 0;
  #stopped = false;
  #ackPlanned = false;
  /** Sent since there was no backlog the last time: the writer may not use their arrays for something else yet. */
  #sentBehind: Segment[] = [];

  constructor(kernel: Kernel, links: Links, link: Link, back: Link, random: RandomStream, ends: SenderEnds) {
    this.#kernel = kernel;
    this.#links = links;
    this.#link = link;
    this.#back = back;
    this.#random = random;
    this.#ends = ends;
  }

  /** The end of the stream is on its way and will arrive, whatever becomes of the sender. */
  get endIsUnderWay(): boolean {
    return this.finSent && this.#held.length === 0;
  }

  get unacknowledgedBytes(): number {
    return this.#inFlightBytes;
  }

  write(bytes: Uint8Array): boolean {
    this.#outbox.push({ original: bytes, copy: shiftedCopy(bytes, this.#random.below(4)), at: 0 });
    this.backlogBytes += bytes.length;
    this.#pump();
    if (this.backlogBytes <= highWaterBytes) return true;
    this.#needDrain = true;
    return false;
  }

  end(): void {
    this.#finWanted = true;
    this.#pump();
  }

  /** Forgets what is not sent. */
  stop(): void {
    this.#stopped = true;
    this.#outbox = [];
    this.#held = [];
    this.backlogBytes = 0;
  }

  /** The receiver has taken this many bytes: the window opens once the sender hears of it. */
  acknowledged(bytes: number): void {
    this.#inFlightBytes -= bytes;
    if (this.#ackPlanned || (this.#outbox.length === 0 && !this.#needDrain)) return;
    this.#ackPlanned = true;
    const hear = (): void => {
      if (this.#back.cut) {
        this.#back.waiting.push(hear);
        return;
      }
      const arrivalUs = this.#links.arrivalUs(this.#back, this.#random);
      this.#kernel.at(arrivalUs, eventKind.window, this.#ends.life, () => this.#windowOpened());
    };
    hear();
  }

  /** Sends something that is no data (a reset) the same way as data, as soon as the link lets it through. */
  signal(run: () => void, life: Life): void {
    if (this.#link.cut) {
      this.#link.waiting.push(() => this.signal(run, life));
      return;
    }
    const arrivalUs = Math.max(this.lastArrivalUs, this.#links.arrivalUs(this.#link, this.#random));
    this.#kernel.at(arrivalUs, eventKind.arrival, life, run);
  }

  #windowOpened(): void {
    this.#ackPlanned = false;
    if (this.#stopped) return;
    this.#pump();
    if (this.#needDrain && this.backlogBytes === 0 && !this.#finWanted) {
      this.#needDrain = false;
      this.#ends.drained();
    }
  }

  #pump(): void {
    const { windowBytes } = this.#links.weather;
    while (this.#outbox.length > 0 && this.#inFlightBytes < windowBytes) {
      this.#send(this.#take(Math.min(windowBytes - this.#inFlightBytes, this.#pieceBytes())));
    }
    if (this.backlogBytes === 0) {
      for (const segment of this.#sentBehind) segment.original = undefined;
      this.#sentBehind = [];
    }
    if (this.#outbox.length === 0 && this.#finWanted && !this.finSent) {
      this.finSent = true;
      this.#send({ bytes: undefined, original: undefined });
      this.#ends.finished();
    }
  }

  #pieceBytes(): number {
    this.#pieces += 1;
    switch (this.#links.weather.pieces) {
      case 'whole':
        return 65_536;
      case 'packets':
        return 1448;
      case 'random':
        return this.#random.chance(0.5) ? 65_536 : 1 + this.#random.below(200);
      case 'tiny':
        return this.#pieces <= tinyPieces ? 1 + this.#random.below(7) : 1 + this.#random.below(4000);
    }
  }

  #take(bytesMax: number): Segment {
    const written = this.#outbox[0] as Written;
    const until = Math.min(written.copy.length, written.at + bytesMax);
    const segment = {
      bytes: written.copy.subarray(written.at, until),
      original: written.original.subarray(written.at, until),
    };
    this.backlogBytes -= until - written.at;
    written.at = until;
    if (until === written.copy.length) this.#outbox.shift();
    return segment;
  }

  #send(segment: Segment): void {
    this.#sentBehind.push(segment);
    this.#inFlightBytes += segment.bytes?.length ?? 0;
    if (this.#link.cut || this.#held.length > 0) this.#hold(segment);
    else this.#schedule(segment);
  }

  #schedule(segment: Segment): void {
    if (this.#ends.peerClosed()) {
      if (segment.bytes !== undefined) this.#resetComesBack();
      return;
    }
    const arrivalUs = Math.max(this.lastArrivalUs, this.#links.arrivalUs(this.#link, this.#random));
    this.lastArrivalUs = arrivalUs;
    this.scheduled += 1;
    this.#kernel.at(arrivalUs, eventKind.arrival, this.#ends.peerLife(), () => {
      this.scheduled -= 1;
      this.#ends.receive(segment);
    });
  }

  #resetComesBack(): void {
    const arrivalUs = this.#links.arrivalUs(this.#link, this.#random) + this.#links.weather.delayUs;
    this.#kernel.at(arrivalUs, eventKind.closed, this.#ends.life, () => this.#ends.broken('the peer is gone'));
  }

  #hold(segment: Segment): void {
    this.#held.push(segment);
    if (this.#held.length > 1) return;
    let healed = false;
    this.#link.waiting.push(() => {
      healed = true;
      // Retransmission backs off: what was lost is sent again some time after the link works.
      this.#kernel.in(this.#random.below(400_000), eventKind.arrival, this.#kernel.god, () => this.#release());
    });
    const patienceUs = 10_000_000 + this.#random.below(30_000_000);
    this.#kernel.in(patienceUs, eventKind.closed, this.#ends.life, () => {
      if (!healed && !this.#stopped) this.#ends.broken('nothing was acknowledged for too long');
    });
  }

  #release(): void {
    if (this.#stopped) return;
    const segments = this.#held;
    this.#held = [];
    for (const segment of segments) {
      if (this.#link.cut) this.#hold(segment);
      else this.#schedule(segment);
    }
  }
}

/** A copy that does not begin at the start of its buffer, to catch code that forgets `byteOffset`. */
function shiftedCopy(bytes: Uint8Array, offset: number): Uint8Array {
  const copy = new Uint8Array(bytes.length + offset).subarray(offset);
  copy.set(bytes);
  return copy;
}
