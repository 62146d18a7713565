import {
  assert,
  PgError,
  type NetworkError,
  type Clock,
  type Connection,
  type ConnectionHandler,
  type Timer,
} from '@multigres/core';
import { Answering, type AnsweringParts, type Other } from './ask/answering.ts';
import { LongBody, writeLong } from './ask/long-body.ts';
import { decodeAnswer, decodeAsk, encodeAnswer, encodeAsk, type Answer, type Question } from './ask/question.ts';
import { Questions } from './ask/questions.ts';
import type { Topics } from './ask/topics.ts';
import { BodyReader, BodyWriter } from './body.ts';
import { malformedFrame } from './errors.ts';
import {
  bodyBytesMax,
  FrameReader,
  FrameWriter,
  frameType,
  replyFlag,
  type FrameHandler,
  type FrameType,
} from './frame.ts';
import { decodeHello, encodeHello, type Hello } from './messages.ts';
import { usesLength, writeUses, type Use } from './uses.ts';

export interface LinkHandler {
  /** The peer introduced itself: the link is up. */
  hello(peer: Hello): void;
  /** A frame of a session (never 0); the body is valid only during the call. */
  frame(
    session: number,
    type: number,
    flags: number,
    count: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void;
  /** Once, last. `violation`: what of the peer made no sense, if that is why. */
  closed(error: NetworkError | undefined, violation: PgError | undefined): void;
}

export interface LinkOptions {
  /** What we say of ourselves. */
  readonly hello: Hello;
  /** After this long without a word from the peer it is asked, after three times this long the link is closed. */
  readonly silenceMs: number;
  /** What we answer when the peer asks. */
  readonly topics: Topics;
  /** To whom a question can be passed on; read when one comes. Absent: to nobody. */
  readonly others?: () => Iterable<Other>;
}

/**
 * One end of the connection between a gateway and a pooler: cuts and joins frames, sends once per turn of the loop, and notices a peer
 * that fell silent. The same on both sides.
 */
export class Link implements ConnectionHandler, FrameHandler, Other {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #handler: LinkHandler;
  readonly #options: LinkOptions;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter = new FrameWriter();
  readonly #questions: Questions;
  readonly #answering: Answering;
  readonly #asked: LongBody = new LongBody();
  readonly #answered: LongBody = new LongBody();
  #peer = '';
  #flushScheduled = false;
  #heardMs: number;
  #watch: Timer | undefined;
  #isClosed = false;
  #introduced = false;
  #violation: PgError | undefined;

  constructor(connection: Connection, clock: Clock, handler: LinkHandler, options: LinkOptions) {
    this.#connection = connection;
    this.#clock = clock;
    this.#handler = handler;
    this.#options = options;
    this.#reader = new FrameReader(this);
    this.#questions = new Questions(
      clock,
      (ask) => this.#long(frameType.ask, encodeAsk(ask)),
      () => this.#peer || connection.remote,
    );
    const { hello, topics, others } = options;
    const parts: AnsweringParts = { name: hello.id, topics, ...(others && { others }) };
    this.#answering = new Answering(parts, (answer) => this.#long(frameType.answer, encodeAnswer(answer)));
    this.#heardMs = clock.nowMs();
    connection.attach(this);
    this.send(0, frameType.hello, 0, 0, encodeHello(options.hello));
    this.#watchSilence();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get remote(): string {
    return this.#connection.remote;
  }

  /** Bytes that the network has not taken yet: the sum over all sessions is bounded by their windows. */
  get backlogBytes(): number {
    return this.#connection.backlogBytes + this.#writer.length;
  }

  send(
    session: number,
    type: FrameType,
    flags: number,
    count: number,
    body: Uint8Array,
    start = 0,
    end: number = body.length,
  ): void {
    this.#scheduleFlush();
    this.#writer.frame(session, type, flags, count, body, start, end);
  }

  bare(session: number, type: FrameType, flags = 0, count = 0): void {
    this.#scheduleFlush();
    this.#writer.bare(session, type, flags, count);
  }

  credit(session: number, bytes: number): void {
    this.send(session, frameType.credit, 0, 0, new BodyWriter().u32(bytes).done());
  }

  /** A request: uses, then `bytes` from `start` to `end`. The caller keeps it within `bodyBytesMax`. */
  request(
    session: number,
    flags: number,
    groups: number,
    uses: readonly Use[],
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.#scheduleFlush();
    const prefix = usesLength(uses.length);
    const at = this.#writer.begin(session, frameType.request, flags, groups, prefix + end - start);
    writeUses(this.#writer.slab, at, uses);
    this.#writer.copy(at + prefix, bytes, start, end);
  }

  /** A request that was not begun goes back as it came. */
  returned(session: number, flags: number, count: number, uses: readonly Use[], bytes: Uint8Array): void {
    this.#scheduleFlush();
    const prefix = usesLength(uses.length);
    const at = this.#writer.begin(session, frameType.returned, flags, count, prefix + bytes.length);
    writeUses(this.#writer.slab, at, uses);
    this.#writer.copy(at + prefix, bytes, 0, bytes.length);
  }

  /** Protocol bytes of any length, cut into frames; `lastFlags` and `lastCount` go on the last one. */
  reply(session: number, lastFlags: number, lastCount: number, bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (end - at > bodyBytesMax) {
      this.send(session, frameType.reply, replyFlag.partial, 0, bytes, at, at + bodyBytesMax);
      at += bodyBytesMax;
    }
    this.send(session, frameType.reply, lastFlags, lastCount, bytes, at, end);
  }

  /**
   * Asks the other end, or through it all others. Resolves with an answer of everybody who was asked, errors included; never rejects.
   * Whoever did not answer by the deadline, or left, counts with an error of fate `unknown`. `heard` gets each answer as it comes.
   */
  ask(question: Question, heard?: (answer: Answer) => void): Promise<readonly Answer[]> {
    return this.#questions.ask(question, heard);
  }

  /** Nothing is heard any more, not even what arrived already; `closed` follows. */
  destroy(): void {
    this.#isClosed = true;
    this.#connection.destroy();
  }

  data(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#heardMs = this.#clock.nowMs();
    try {
      if (!this.#reader.feed(bytes)) this.#refuse(malformedFrame());
    } catch (error) {
      // A body that cannot be read: nothing after it can be trusted.
      if (!(error instanceof PgError)) throw error;
      this.#refuse(error);
    }
  }

  end(): void {
    this.#connection.end();
  }

  drain(): void {}

  closed(error: NetworkError | undefined): void {
    this.#isClosed = true;
    this.#watch?.cancel();
    this.#questions.closed();
    this.#handler.closed(error, this.#violation);
  }

  frame(
    session: number,
    type: number,
    flags: number,
    count: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (this.#isClosed) return;
    if (session === 0) return this.#linkFrame(type, flags, count, buffer, start, end);
    if (!this.#introduced) throw malformedFrame();
    this.#handler.frame(session, type, flags, count, buffer, start, end);
  }

  #linkFrame(type: number, flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    if (type === frameType.hello) {
      const peer = decodeHello(new BodyReader(buffer, start, end));
      this.#introduced = true;
      this.#peer = peer.id;
      return this.#handler.hello(peer);
    }
    // Before the peer said who it is and which version it speaks, nothing else of it can be understood.
    if (!this.#introduced) throw malformedFrame();
    switch (type) {
      case frameType.ping:
        return this.bare(0, frameType.pong);
      case frameType.pong:
        return;
      case frameType.ask: {
        const body = this.#asked.add(flags, buffer, start, end);
        if (body !== undefined) void this.#answering.asked(decodeAsk(new BodyReader(body)), this.#peer);
        return;
      }
      case frameType.answer: {
        const body = this.#answered.add(flags, buffer, start, end);
        if (body !== undefined) this.#questions.answered(decodeAnswer(new BodyReader(body)));
        return;
      }
      default:
        this.#handler.frame(0, type, flags, count, buffer, start, end);
    }
  }

  #long(type: typeof frameType.ask | typeof frameType.answer, body: Uint8Array): void {
    if (this.#isClosed) return;
    this.#scheduleFlush();
    writeLong(this.#writer, type, body);
  }

  #refuse(violation: PgError): void {
    this.#violation = violation;
    this.destroy();
  }

  #scheduleFlush(): void {
    // Between our `destroy` and `closed` sessions may still say something, which nobody will hear.
    if (this.#flushScheduled || this.#isClosed) return;
    this.#flushScheduled = true;
    // What was sent in the turn before has left by now, mostly.
    if (this.#connection.backlogBytes === 0) this.#writer.giveBack();
    this.#clock.soon(() => {
      this.#flushScheduled = false;
      if (this.#isClosed) return;
      assert(this.#writer.length > 0, 'a scheduled flush has something to send');
      this.#connection.write(this.#writer.take());
    });
  }

  #watchSilence(): void {
    this.#watch = this.#clock.after(this.#options.silenceMs, () => {
      const silentMs = this.#clock.nowMs() - this.#heardMs;
      if (silentMs >= 3 * this.#options.silenceMs) return this.destroy();
      if (silentMs >= this.#options.silenceMs) this.bare(0, frameType.ping);
      this.#watchSilence();
    });
  }
}
