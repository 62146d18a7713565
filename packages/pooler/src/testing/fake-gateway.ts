import { type Endpoint, type NetworkError, type PgError } from '@multigres/core';
import type { QuietWorld } from '@multigres/core/quiet';
import {
  backendTag,
  decodeCommandComplete,
  decodeErrorResponse,
  decodeReadyForQuery,
  Deframer,
  encodeBind,
  encodeClose,
  encodeCopyData,
  encodeCopyDone,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeQuery,
  encodeSync,
  MessageWriter,
} from '@multigres/pgwire';
import {
  BodyReader,
  BodyWriter,
  decodeDefine,
  decodeError,
  completionsOf,
  decodeOpened,
  encodeDefine,
  encodeOpen,
  frameType,
  Link,
  protocolVersion,
  replyFlag,
  requestFlag,
  statementName,
  Topics,
  useKind,
  type LinkHandler,
  type Open,
  type Use,
} from '@multigres/relay';

const open: Open = {
  user: 'u',
  database: 'd',
  settings: [],
  credentials: { kind: 'none' },
  replication: 'none',
  at: 'leader',
};

/** A gateway for tests of the pooler: says frames and remembers in short what its sessions hear. */
export class FakeGateway implements LinkHandler {
  link!: Link;
  isClosed = false;
  readonly #world: QuietWorld;
  readonly #sessions: Map<number, FakeSession> = new Map();
  #lastSession = 0;

  private constructor(world: QuietWorld) {
    this.#world = world;
  }

  static async connect(world: QuietWorld, relay: Endpoint): Promise<FakeGateway> {
    const gateway = new FakeGateway(world);
    const connection = await world.until(world.network.connect(relay, { timeoutMs: 1000 }));
    const hello = { version: protocolVersion, id: 'gateway' };
    gateway.link = new Link(connection, world.clock, gateway, {
      hello,
      silenceMs: 60_000,
      topics: new Topics('gateway'),
    });
    await world.settle();
    return gateway;
  }

  define(id: number, query: string): void {
    this.link.send(0, frameType.define, 0, 0, encodeDefine({ id, query, parameterTypes: [] }));
  }

  forget(id: number): void {
    this.link.send(0, frameType.forget, 0, 0, new BodyWriter().u32(id).done());
  }

  async session(as: Partial<Open> = {}): Promise<FakeSession> {
    const session = this.arrive(as);
    await this.#world.settle();
    return session;
  }

  arrive(as: Partial<Open> = {}): FakeSession {
    this.#lastSession += 1;
    const session = new FakeSession(this.#lastSession, this.link);
    this.#sessions.set(session.id, session);
    this.link.send(session.id, frameType.open, 0, 0, encodeOpen({ ...open, ...as }));
    return session;
  }

  hello(): void {}

  frame(id: number, type: number, flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    const body = new BodyReader(buffer, start, end);
    if (type === frameType.reply) session.reply(flags, count, buffer, start, end);
    else if (type === frameType.opened) session.opened = new Map(decodeOpened(body).parameters);
    else if (type === frameType.ended) session.ended = decodeError(body);
    else if (type === frameType.credit) session.credits += body.u32();
    else if (type === frameType.returned) session.returned.push({ flags, count, body: buffer.slice(start, end) });
    else if (type === frameType.recalled) session.isRecalled = true;
    else if (type === frameType.define) session.defined.push(decodeDefine(body).query);
  }

  closed(_error: NetworkError | undefined): void {
    this.isClosed = true;
  }
}

/** Messages of a request, with their uses. */
export type Part = (writer: MessageWriter, uses: Use[]) => void;

export const query =
  (text: string): Part =>
  (writer) =>
    encodeQuery(writer, text);
/** A Parse of a carried statement: no bytes. */
export const parses =
  (id: number): Part =>
  (writer, uses) => {
    uses.push({ kind: useKind.parses, offset: writer.length, id });
  };
export const inline =
  (name: string, text: string): Part =>
  (writer, uses) => {
    uses.push({ kind: useKind.parsesInline, offset: writer.length, id: 0 });
    encodeParse(writer, name, text);
  };
export const bind =
  (id: number): Part =>
  (writer, uses) => {
    // Behind the header and the empty name of the portal.
    uses.push({ kind: useKind.refers, offset: writer.length + 6, id });
    encodeBind(writer, { portal: '', statement: statementName(0) });
  };
export const describes =
  (id: number): Part =>
  (writer, uses) => {
    // Behind the header and the kind of what is described.
    uses.push({ kind: useKind.refers, offset: writer.length + 6, id });
    encodeDescribe(writer, 'statement', statementName(0));
  };
export const bindInline =
  (name: string): Part =>
  (writer) =>
    encodeBind(writer, { portal: '', statement: name });
export const execute: Part = (writer) => encodeExecute(writer, '');
export const sync: Part = (writer) => encodeSync(writer);
export const flush: Part = (writer) => encodeFlush(writer);
export const closes =
  (name: string): Part =>
  (writer, uses) => {
    uses.push({ kind: useKind.closes, offset: writer.length, id: 0 });
    encodeClose(writer, 'statement', name);
  };
/** What the gateway puts before a Query behind unfinished messages of the extended protocol. */
export const beforeQuery: Part = (writer, uses) => {
  uses.push({ kind: useKind.beforeQuery, offset: writer.length, id: 0 });
  encodeClose(writer, 'statement', statementName(0));
};
export const copyData =
  (text: string): Part =>
  (writer) =>
    encodeCopyData(writer, new TextBytes(text).bytes);
export const copyDone: Part = (writer) => encodeCopyDone(writer);

class TextBytes {
  readonly bytes: Uint8Array;
  constructor(text: string) {
    this.bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  }
}

export class FakeSession {
  readonly id: number;
  opened: ReadonlyMap<string, string> | undefined;
  ended: PgError | undefined;
  credits = 0;
  /** What came back, as it was sent. */
  readonly returned: { readonly flags: number; readonly count: number; readonly body: Uint8Array }[] = [];
  /** Texts that the pooler told it again. */
  readonly defined: string[] = [];
  isRecalled = false;
  completions: number[] = [];
  readonly #link: Link;
  #heard: string[] = [];
  #reads = false;
  #unread = 0;
  readonly #deframer: Deframer = new Deframer(
    {
      frame: (tag, buffer, start, end) => this.#message(tag, buffer, start, end),
      part: (tag, _buffer, _start, _end, place) => {
        if (place === 'first') this.#heard.push(`${String.fromCharCode(tag)}...`);
      },
    },
    { wholeBytesMax: 10_000, messageBytesMax: 1 << 24 },
  );

  constructor(id: number, link: Link) {
    this.id = id;
    this.#link = link;
  }

  /** What it heard since it was asked last: `1 2 C:DONE Z:I`, errors by their SQLSTATE, `~` for a Sync that was ignored. */
  heard(): string {
    return this.#heard.splice(0).join(' ');
  }

  send(flags: number, ends: boolean, ...parts: readonly Part[]): void {
    const writer = new MessageWriter();
    const uses: Use[] = [];
    for (const part of parts) part(writer, uses);
    const bytes = writer.take();
    this.#link.request(this.id, flags, ends ? 1 : 0, uses, bytes, 0, bytes.length);
  }

  /** A whole group, to be shared. */
  shared(...parts: readonly Part[]): void {
    this.send(requestFlag.shareable, true, ...parts);
  }
  group(...parts: readonly Part[]): void {
    this.send(0, true, ...parts);
  }
  piece(...parts: readonly Part[]): void {
    this.send(0, false, ...parts);
  }
  query(text: string): void {
    this.send(requestFlag.simple, true, query(text));
  }
  copy(...parts: readonly Part[]): void {
    this.send(requestFlag.copy, false, ...parts);
  }
  copyEnd(): void {
    this.send(requestFlag.copy | requestFlag.copyEnd, false, copyDone);
  }
  pin(reasons: number): void {
    this.#link.send(this.id, frameType.pin, 0, 0, new BodyWriter().u32(reasons).done());
  }
  cancel(): void {
    this.#link.bare(this.id, frameType.cancel);
  }
  close(): void {
    this.#link.bare(this.id, frameType.close);
  }
  after(lsn: bigint): void {
    this.#link.send(this.id, frameType.after, 0, 0, new BodyWriter().u64(lsn).done());
  }
  recall(): void {
    this.#link.bare(this.id, frameType.recall);
  }
  /** Sends what came back once more, on another channel. */
  again(on: FakeSession): void {
    for (const { flags, count, body } of this.returned) this.#link.send(on.id, frameType.request, flags, count, body);
  }
  /** Reads what came and will come. */
  read(): void {
    this.#reads = true;
    this.#credit();
  }

  #credit(): void {
    if (this.#unread > 0) this.#link.credit(this.id, this.#unread);
    this.#unread = 0;
  }

  reply(flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    if (flags & replyFlag.syncIgnored) this.#heard.push('~');
    this.#deframer.feed(buffer.slice(start, end));
    this.#unread += end - start;
    if (this.#reads) this.#credit();
    if (flags & replyFlag.ready) this.completions.push(completionsOf(count));
  }

  #message(tag: number, buffer: Uint8Array, start: number, end: number): void {
    const letter = String.fromCharCode(tag);
    if (tag === backendTag.errorResponse)
      this.#heard.push(`!${decodeErrorResponse(buffer, start, end)?.report.sqlstate}`);
    else if (tag === backendTag.readyForQuery) this.#heard.push(`Z:${decodeReadyForQuery(buffer, start, end)?.status}`);
    else if (tag === backendTag.commandComplete)
      this.#heard.push(`C:${decodeCommandComplete(buffer, start, end)?.commandTag}`);
    else this.#heard.push(letter);
  }
}
