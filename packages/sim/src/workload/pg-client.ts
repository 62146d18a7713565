import {
  emptyBytes,
  utf8,
  utf8Text,
  type Connection,
  type ConnectionHandler,
  type Endpoint,
  type NetworkError,
  type PgReport,
  type World,
} from '@multigres/core';
import {
  Deframer,
  MessageWriter,
  decodeBackendMessage,
  encodeBind,
  encodeCancelRequest,
  encodeClose,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
  encodeSync,
  encodeTerminate,
  scramClientFinal,
  scramClientFirst,
  type BackendMessage,
  type FrameSink,
  type ScramClientFirst,
} from '@multigres/pgwire';
import type { ProtocolOracle } from '../check/protocol-oracle.ts';
import { goWay, type Way } from './way.ts';

/** One message of the extended protocol. */
export type Step =
  | { readonly kind: 'parse'; readonly name: string; readonly text: string }
  | {
      readonly kind: 'bind';
      readonly portal: string;
      readonly statement: string;
      readonly parameters: readonly (string | null)[];
    }
  | { readonly kind: 'describeStatement'; readonly name: string }
  | { readonly kind: 'describePortal'; readonly name: string }
  | { readonly kind: 'execute'; readonly portal: string; readonly rowsMax: number }
  | { readonly kind: 'close'; readonly target: 'statement' | 'portal'; readonly name: string }
  | { readonly kind: 'copyData'; readonly text: string }
  | { readonly kind: 'copyDone' }
  | { readonly kind: 'copyFail' };

/** Everything that came between a message (or the group that a Sync ends) and its ReadyForQuery. */
export interface Reply {
  readonly rows: (string | null)[][];
  readonly tags: string[];
  /** The first error. */
  error: PgReport | undefined;
  /** Undefined: the connection ended before ReadyForQuery. */
  status: 'I' | 'T' | 'E' | undefined;
}

export interface PgClientOptions {
  readonly endpoint: Endpoint;
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** In clear unless told otherwise. */
  readonly way?: Way;
  /** The minor version of protocol 3 to ask for; 0 unless told otherwise. */
  readonly minor?: 0 | 2;
  /** For a server that asks for SCRAM. */
  readonly password?: string;
  /** Printable, another one each time. */
  readonly nonce?: () => string;
  readonly connectTimeoutMs: number;
  /** How long the client waits for the first ReadyForQuery before it hangs up. */
  readonly loginTimeoutMs: number;
  readonly oracle: ProtocolOracle;
  readonly notified: (channel: string, payload: string) => void;
  /** The server says that the session is over, and why; `inTransaction` by its last ReadyForQuery. */
  readonly toldToGo?: (report: PgReport, inTransaction: boolean) => void;
}

interface Waiting {
  readonly reply: Reply;
  readonly done: (reply: Reply) => void;
}

/**
 * A small client of the Postgres protocol for simulated users: it sends what it is told, collects the replies, and lets an oracle
 * listen to every byte. Logs in without a password or with SCRAM.
 */
export class PgClient {
  /** The reason why the session ended, once it has. */
  ended: string | undefined;
  readonly settings: Map<string, string> = new Map();
  readonly #world: World;
  readonly #options: PgClientOptions;
  readonly #writer = new MessageWriter();
  readonly #waiting: Waiting[] = [];
  #connection: Connection | undefined;
  #lastBytes: Uint8Array = emptyBytes;
  #inTransaction = false;
  #scram: ScramClientFirst | undefined;
  #key: { readonly processId: number; readonly secret: Uint8Array } | undefined;

  private constructor(world: World, options: PgClientOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** A session that is ready for queries; or why there is none. */
  static async open(
    world: World,
    options: PgClientOptions,
  ): Promise<PgClient | { readonly refused: Reply | NetworkError }> {
    const client = new PgClient(world, options);
    const { endpoint, connectTimeoutMs } = options;
    try {
      const plain = await world.network.connect(endpoint, { timeoutMs: connectTimeoutMs });
      client.#begin(await goWay(world, plain, options.way ?? 'clear', connectTimeoutMs));
    } catch (error) {
      return { refused: error as NetworkError };
    }
    const welcome = client.#expectReply();
    encodeStartupMessage(client.#writer, { major: 3, minor: options.minor ?? 0 }, options.parameters);
    client.#flush();
    const patience = world.clock.after(options.loginTimeoutMs, () => client.drop());
    const reply = await welcome;
    patience.cancel();
    return reply.status === undefined ? { refused: reply } : client;
  }

  query(text: string): Promise<Reply> {
    encodeQuery(this.#writer, text);
    this.#options.oracle.sent('query');
    const reply = this.#expectReply();
    this.#flush();
    return reply;
  }

  /** A Query that takes COPY data, and the data behind it. */
  copy(text: string, data: readonly Step[]): Promise<Reply> {
    encodeQuery(this.#writer, text);
    this.#options.oracle.sent('query');
    for (const step of data) encodeStep(this.#writer, step);
    const reply = this.#expectReply();
    this.#flush();
    return reply;
  }

  /** One group of messages and a Sync. */
  extended(steps: readonly Step[]): Promise<Reply> {
    const [reply] = this.pipeline([steps]);
    return reply as Promise<Reply>;
  }

  /** Several groups in one write, each with its own Sync. */
  pipeline(groups: readonly (readonly Step[])[]): Promise<Reply>[] {
    const { oracle } = this.#options;
    const replies = groups.map((steps) => {
      for (const step of steps) {
        encodeStep(this.#writer, step);
        oracle.sent(isCopy(step) ? 'noReply' : step.kind);
      }
      encodeSync(this.#writer);
      oracle.sent('sync');
      return this.#expectReply();
    });
    this.#flush();
    return replies;
  }

  /** The gateway that it is connected to. */
  get endpoint(): Endpoint {
    return this.#options.endpoint;
  }

  /** What its BackendKeyData said; 0 if none came. */
  get processId(): number {
    return this.#key?.processId ?? 0;
  }

  /** How long its cancel key is; 0 if none came. */
  get keyBytes(): number {
    return this.#key?.secret.length ?? 0;
  }

  /** The last bytes that came since something was asked, one character each: what stands behind a message that was never complete. */
  get lastWords(): string {
    return String.fromCharCode(...this.#lastBytes);
  }

  /** Reads nothing until `unstall`. */
  stall(): void {
    this.#connection?.pause();
  }

  unstall(): void {
    this.#connection?.resume();
  }

  /** Says goodbye, in good order. */
  terminate(): void {
    encodeTerminate(this.#writer);
    this.#flush();
    this.#connection?.end();
    this.#over('terminated');
  }

  /** Hangs up. */
  drop(): void {
    this.#connection?.destroy();
    this.#over('dropped');
  }

  /** Asks over a connection of its own, to any gateway, that the running query be cancelled. */
  async cancel(endpoint: Endpoint): Promise<void> {
    const key = this.#key;
    if (key === undefined) return;
    const { connectTimeoutMs, way = 'clear' } = this.#options;
    const connection = await this.#world.network
      .connect(endpoint, { timeoutMs: connectTimeoutMs })
      .then((plain) => goWay(this.#world, plain, way, connectTimeoutMs))
      .catch(() => undefined);
    if (connection === undefined) return;
    connection.attach({ data: () => {}, drain: () => {}, end: () => connection.end(), closed: () => {} });
    const writer = new MessageWriter();
    encodeCancelRequest(writer, key.processId, key.secret);
    connection.write(writer.take());
    connection.end();
  }

  #begin(connection: Connection): void {
    this.#connection = connection;
    const sink: FrameSink = {
      frame: (_tag, buffer, start, end) => {
        const message = decodeBackendMessage(buffer, start, end);
        if (message) this.#received(message);
      },
      part: () => {},
    };
    const deframer = new Deframer(sink, { wholeBytesMax: 16 * 1024 * 1024, messageBytesMax: 64 * 1024 * 1024 });
    const handler: ConnectionHandler = {
      data: (bytes) => {
        this.#options.oracle.received(bytes);
        this.#lastBytes = lastOf(this.#lastBytes, bytes);
        deframer.feed(bytes);
      },
      drain: () => {},
      end: () => {
        connection.end();
        this.#over('the server ended the session');
      },
      closed: (error) => this.#over(error ? error.message : 'closed'),
    };
    connection.attach(handler);
  }

  #expectReply(): Promise<Reply> {
    const reply: Reply = { rows: [], tags: [], error: undefined, status: undefined };
    if (this.ended !== undefined) return Promise.resolve(reply);
    if (this.#waiting.length === 0) this.#lastBytes = emptyBytes;
    return new Promise((done) => {
      this.#waiting.push({ reply, done });
    });
  }

  #flush(): void {
    const bytes = this.#writer.take();
    if (bytes.length > 0) this.#connection?.write(bytes.slice());
  }

  #received(message: BackendMessage): void {
    const current = this.#waiting[0];
    switch (message.kind) {
      case 'authenticationSasl':
        this.#scram = scramClientFirst(this.#options.nonce?.() ?? 'nonce');
        encodeSaslInitialResponse(this.#writer, 'SCRAM-SHA-256', this.#scram.data);
        return this.#flush();
      case 'authenticationSaslContinue':
        return this.#prove(utf8Text(message.data));
      case 'dataRow':
        current?.reply.rows.push(message.values.map((value) => (value === null ? null : utf8Text(value))));
        break;
      case 'copyData':
        current?.reply.rows.push([utf8Text(message.data).replace(/\n$/, '')]);
        break;
      case 'commandComplete':
        current?.reply.tags.push(message.commandTag);
        break;
      case 'errorResponse':
        if (current) current.reply.error ??= message.report;
        if (message.report.severity === 'FATAL') this.#options.toldToGo?.(message.report, this.#inTransaction);
        break;
      case 'readyForQuery':
        this.#inTransaction = message.status !== 'I';
        this.#waiting.shift();
        if (current) {
          current.reply.status = message.status;
          current.done(current.reply);
        }
        break;
      case 'parameterStatus':
        this.settings.set(message.name, message.value);
        break;
      case 'backendKeyData':
        this.#key = { processId: message.processId, secret: (message.secretKey ?? emptyBytes).slice() };
        break;
      case 'notificationResponse':
        this.#options.notified(message.channel, message.payload);
        break;
      default:
        break;
    }
  }

  #prove(challenge: string): void {
    if (this.#scram === undefined) return this.drop();
    const { password = '' } = this.#options;
    const final = scramClientFinal(challenge, this.#scram, { kind: 'password', password });
    if (final.kind === 'refused') return this.drop();
    encodeSaslResponse(this.#writer, final.data);
    this.#flush();
  }

  #over(why: string): void {
    if (this.ended !== undefined) return;
    this.ended = why;
    for (const { reply, done } of this.#waiting.splice(0)) done(reply);
  }
}

const lastBytesMax = 512;

function lastOf(before: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (bytes.length >= lastBytesMax) return bytes.slice(bytes.length - lastBytesMax);
  const kept = before.subarray(Math.max(0, before.length + bytes.length - lastBytesMax));
  const both = new Uint8Array(kept.length + bytes.length);
  both.set(kept);
  both.set(bytes, kept.length);
  return both;
}

function isCopy(step: Step): step is Extract<Step, { readonly kind: `copy${string}` }> {
  return step.kind.startsWith('copy');
}

function encodeStep(writer: MessageWriter, step: Step): void {
  switch (step.kind) {
    case 'parse':
      encodeParse(writer, step.name, step.text);
      break;
    case 'bind':
      encodeBind(writer, step);
      break;
    case 'describeStatement':
      encodeDescribe(writer, 'statement', step.name);
      break;
    case 'describePortal':
      encodeDescribe(writer, 'portal', step.name);
      break;
    case 'execute':
      encodeExecute(writer, step.portal, step.rowsMax);
      break;
    case 'close':
      encodeClose(writer, step.target, step.name);
      break;
    case 'copyData':
      encodeCopyData(writer, utf8(step.text));
      break;
    case 'copyDone':
      encodeCopyDone(writer);
      break;
    case 'copyFail':
      encodeCopyFail(writer, 'the user has changed his mind');
      break;
  }
}

/** Parse, Bind, Describe and Execute with the unnamed statement and portal: what most drivers send for one query. */
export function unnamed(text: string, parameters: readonly (string | null)[], describe: boolean): Step[] {
  return [
    { kind: 'parse', name: '', text },
    { kind: 'bind', portal: '', statement: '', parameters },
    ...(describe ? ([{ kind: 'describePortal', name: '' }] as const) : []),
    { kind: 'execute', portal: '', rowsMax: 0 },
  ];
}
