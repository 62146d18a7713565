import { NetworkError, concat, sameBytes, type Connection, type ConnectionHandler } from '@multigres/core';
import { eventKind, type Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';
import type { RandomStream } from '../kernel/random-stream.ts';
import { digestBytes } from '../kernel/trace.ts';
import type { Links } from './link.ts';
import { Sender, type Segment } from './sender.ts';

/** Overwrites memory that its holder may not look at any more; the value is easy to see in a dump. */
const poison = 0xdd;

/** What both ends of a connection share with the network that made them. */
export interface ConnectionHome {
  readonly kernel: Kernel;
  readonly links: Links;
  readonly backlogBytesMax: number;
  /** Both ends are closed. */
  readonly forget: (one: SimConnection, other: SimConnection) => void;
}

export interface ConnectionIdentity {
  readonly life: Life;
  readonly machine: string;
  readonly peerMachine: string;
  readonly remote: string;
  /** For traces and failures: `gateway-1>pooler-1#3`. */
  readonly name: string;
}

/** One end of a simulated stream. It also polices the contract: who keeps or changes bytes that are not his fails the run. */
export class SimConnection implements Connection {
  readonly remote: string;
  readonly name: string;
  readonly life: Life;
  readonly machine: string;
  readonly peerMachine: string;
  closed = false;
  readonly #home: ConnectionHome;
  readonly #random: RandomStream;
  readonly #sender: Sender;
  #peer: SimConnection | undefined;
  #handler: ConnectionHandler | undefined;
  #inbox: Segment[] = [];
  #paused = false;
  #ended = false;
  #endDelivered = false;
  /** `closed` is owed to a handler that is not there yet. */
  #untold = false;
  #error: NetworkError | undefined;

  constructor(home: ConnectionHome, identity: ConnectionIdentity, random: RandomStream) {
    this.#home = home;
    this.#random = random;
    this.remote = identity.remote;
    this.name = identity.name;
    this.life = identity.life;
    this.machine = identity.machine;
    this.peerMachine = identity.peerMachine;
    const { kernel, links } = home;
    const link = links.between(identity.machine, identity.peerMachine);
    const back = links.between(identity.peerMachine, identity.machine);
    this.#sender = new Sender(kernel, links, link, back, random, {
      life: identity.life,
      peerLife: () => this.#other.life,
      peerClosed: () => this.#other.closed,
      receive: (segment) => this.#other.receive(segment),
      finished: () => this.#maybeClosed(),
      drained: () => this.#handler?.drain(),
      broken: (why) => this.broken(why),
    });
  }

  static join(a: SimConnection, b: SimConnection): void {
    a.#peer = b;
    b.#peer = a;
  }

  get attached(): boolean {
    return this.#handler !== undefined;
  }

  get backlogBytes(): number {
    return this.#sender.backlogBytes;
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (this.#inbox.length > 0) this.#deliverSoon();
    if (this.#untold) this.#tellClosed();
  }

  write(bytes: Uint8Array): boolean {
    if (this.closed || this.#ended || bytes.length === 0) return true;
    const keepsUp = this.#sender.write(bytes);
    const { kernel, backlogBytesMax } = this.#home;
    if (this.backlogBytes > backlogBytesMax) {
      kernel.fail(
        'bounded queues',
        `${this.life.name} wrote ${this.backlogBytes} bytes to ${this.name} that nobody took`,
      );
    }
    return keepsUp;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#inbox.length > 0) this.#deliverSoon();
  }

  end(): void {
    if (this.closed || this.#ended) return;
    this.#ended = true;
    this.#sender.end();
  }

  destroy(): void {
    if (this.closed) return;
    // The system answers unread or unsendable data with a reset; otherwise an orderly end is as likely.
    const peer = this.#other;
    const unread = this.#inbox.length > 0 || peer.#sender.unacknowledgedBytes > 0;
    const hard = unread || (!this.#ended && this.#random.chance(0.5));
    this.#finish(undefined);
    if (hard) this.#sender.signal(() => peer.broken('reset by peer'), peer.life);
    else if (!this.#sender.endIsUnderWay)
      this.#sender.signal(() => peer.receive({ bytes: undefined, original: undefined }), peer.life);
    this.#sender.stop();
  }

  /** The machine lost power: nobody says anything, the peer finds out by its keep-alive or by writing. */
  vanish(): void {
    if (this.closed) return;
    const peer = this.#other;
    this.#finish(undefined);
    this.#sender.stop();
    const { kernel } = this.#home;
    kernel.in(500_000 + this.#random.below(15_000_000), eventKind.closed, peer.life, () =>
      peer.broken('keep-alive timed out'),
    );
  }

  /** Ends this end with an error: reset, or given up. */
  broken(why: string): void {
    if (this.closed) return;
    this.#inbox = [];
    this.#finish(new NetworkError('reset', `connection to ${this.remote} lost: ${why}`));
    const peer = this.#other;
    this.#sender.signal(() => peer.broken('reset by peer'), peer.life);
    this.#sender.stop();
  }

  receive(segment: Segment): void {
    if (this.closed) return;
    this.#inbox.push(segment);
    // A train of pieces that arrive at one moment is read at once.
    const from = this.#other.#sender;
    if (from.scheduled > 0 && from.lastArrivalUs === this.#home.kernel.nowUs) return;
    this.#deliver();
  }

  get #other(): SimConnection {
    return this.#peer as SimConnection;
  }

  #deliverSoon(): void {
    const { kernel } = this.#home;
    kernel.in(0, eventKind.attach, this.life, () => this.#deliver());
  }

  #deliver(): void {
    while (this.#inbox.length > 0 && !this.#paused && !this.closed && this.#handler) {
      const together = this.#inbox.length > 1 && this.#random.chance(0.7) ? this.#inbox.length : 1;
      const segments = this.#inbox.splice(0, together);
      const data = segments.filter((segment) => segment.bytes !== undefined);
      if (data.length > 0) this.#deliverData(data);
      if (data.length < segments.length && !this.closed) this.#deliverEnd();
    }
  }

  #deliverData(segments: readonly Segment[]): void {
    const { kernel } = this.#home;
    for (const { bytes, original } of segments) {
      if (original !== undefined && !looksSame(bytes as Uint8Array, original)) {
        kernel.fail(
          'contract',
          `${this.#other.life.name} changed bytes after it had written them to ${this.#other.name}`,
        );
      }
    }
    const bytes = concat(segments.map((segment) => segment.bytes as Uint8Array));
    const length = bytes.length;
    kernel.trace.note(digestBytes(bytes));
    kernel.trace.line(kernel.nowUs, this.life.node, () => `${this.name} got ${length} bytes`);
    this.#handler?.data(bytes);
    bytes.fill(poison);
    this.#other.#sender.acknowledged(length);
  }

  #deliverEnd(): void {
    if (this.#endDelivered) return;
    this.#endDelivered = true;
    this.#handler?.end();
    this.#maybeClosed();
  }

  #maybeClosed(): void {
    if (this.#endDelivered && this.#sender.finSent && !this.closed) this.#finish(undefined);
  }

  #finish(error: NetworkError | undefined): void {
    this.closed = true;
    this.#error = error;
    this.#tellClosed();
    if (this.#other.closed) this.#home.forget(this, this.#other);
  }

  #tellClosed(): void {
    const { kernel } = this.#home;
    this.#untold = false;
    kernel.in(0, eventKind.closed, this.life, () => {
      const error = this.#error;
      kernel.trace.line(kernel.nowUs, this.life.node, () => `${this.name} closed${error ? `: ${error.message}` : ''}`);
      if (this.#handler) this.#handler.closed(error);
      else this.#untold = true;
    });
  }
}

const comparedBytes = 2048;

/** Compares the beginning and the end: who writes over a buffer hardly ever spares both. */
function looksSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length <= 2 * comparedBytes) return sameBytes(a, b);
  return (
    sameBytes(a.subarray(0, comparedBytes), b.subarray(0, comparedBytes)) &&
    sameBytes(a.subarray(-comparedBytes), b.subarray(-comparedBytes))
  );
}
