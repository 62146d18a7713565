import { type Connection, type ConnectionHandler, type Endpoint, type World } from '@multigres/core';
import {
  backendTag,
  decodeFrontendMessage,
  decodeStartupPacket,
  Deframer,
  encodeCommandComplete,
  encodeCopyResponse,
  encodeDataRow,
  encodeErrorResponse,
  encodeReadyForQuery,
  frontendTag,
  frontendTagTable,
  MessageWriter,
  messageBytesMaxOfPostgres,
  type FrontendMessage,
} from '@multigres/pgwire';
import { join, type Dice } from '../generate/dice.ts';
import { mutated, tagged } from '../generate/mutate.ts';
import { answers, demands, welcome } from '../generate/server-messages.ts';

/** Who logs in under this name gets a server that says whatever it likes. */
export const victim = 'victim';
const wholeBytesMax = 4 * 1024 * 1024;

/** Servers on one endpoint: an honest one that answers each statement with its own text, and for `victim` a mad one. */
export async function standIn(world: World, endpoint: Endpoint, dice: Dice): Promise<StandIn> {
  const server = new StandIn(dice);
  await world.network.listen(endpoint, (connection) => server.accept(connection));
  return server;
}

export class StandIn {
  readonly connections: Set<Process> = new Set();
  readonly dice: Dice;
  isSane = false;
  #lastProcess = 0;

  constructor(dice: Dice) {
    this.dice = dice;
  }

  /** The mad ones are dead: a server that hangs keeps whoever pipelined behind what it does not answer, as Postgres does. */
  endMadness(): void {
    this.isSane = true;
    for (const process of this.connections) process.dieIfMad();
  }

  accept(connection: Connection): void {
    this.#lastProcess += 1;
    const process = new Process(this, connection, this.#lastProcess);
    this.connections.add(process);
    connection.attach(process);
  }
}

/** What serves one connection. It follows the protocol as far as it goes without SQL: what is skipped, what COPY overlooks, what is over at the end. */
class Process implements ConnectionHandler {
  readonly #server: StandIn;
  readonly #connection: Connection;
  readonly #id: number;
  readonly #writer: MessageWriter = new MessageWriter(1024);
  readonly #deframer: Deframer;
  readonly #statements: Map<string, string> = new Map();
  readonly #portals: Map<string, string> = new Map();
  #started = false;
  #mad = false;
  #status: 'I' | 'T' | 'E' = 'I';
  #skipping = false;
  #copying: 'query' | 'execute' | undefined;

  constructor(server: StandIn, connection: Connection, id: number) {
    this.#server = server;
    this.#connection = connection;
    this.#id = id;
    const sink = {
      frame: (tag: number, buffer: Uint8Array, start: number, end: number) => this.#frame(tag, buffer, start, end),
      part: () => {},
    };
    const limits = { wholeBytesMax, messageBytesMax: messageBytesMaxOfPostgres, tags: frontendTagTable() };
    this.#deframer = new Deframer(sink, limits, 'startup');
  }

  dieIfMad(): void {
    if (this.#mad) this.#connection.destroy();
  }

  data(bytes: Uint8Array): void {
    if (this.#mad && this.#started) return this.#rave(answers(this.#server.dice));
    this.#deframer.feed(bytes);
    this.#flush();
    if (this.#deframer.state !== 'flowing') this.#connection.end();
  }
  end(): void {
    this.#connection.end();
  }
  drain(): void {}
  closed(): void {
    this.#server.connections.delete(this);
  }

  #flush(): void {
    this.#connection.write(this.#writer.take());
  }

  /** Says it, or something like it, in pieces; and sometimes hangs up. */
  #rave(messages: readonly Uint8Array[]): void {
    const { dice } = this.#server;
    const violence = dice.pick(['none', 'order', 'order', 'bytes'] as const);
    for (const piece of mutated(messages, tagged, violence, dice)) this.#connection.write(piece.slice());
    const leaves = dice.below(20);
    if (leaves === 0) this.#connection.end();
    else if (leaves === 1) this.#connection.destroy();
  }

  #frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (!this.#started) return this.#startup(buffer, start, end);
    const message = decodeFrontendMessage(buffer.slice(start, end), 0, end - start);
    if (message !== undefined) return this.#message(message);
    // What is wrong inside of the messages of COPY is not looked at.
    if (tag === frontendTag.copyDone) return this.#message({ kind: 'copyDone' });
    if (tag === frontendTag.copyFail) return this.#message({ kind: 'copyFail', message: '' });
    const sync = tag === frontendTag.sync;
    if (this.#skipping && !sync) return;
    this.#skipping = false;
    this.#fail('08P01', sync || tag === frontendTag.query || tag === frontendTag.functionCall);
  }

  #startup(buffer: Uint8Array, start: number, end: number): void {
    const packet = decodeStartupPacket(buffer, start, end);
    if (packet?.kind !== 'startup') return this.#connection.end();
    this.#started = true;
    this.#deframer.endStartup();
    const { dice } = this.#server;
    this.#mad = packet.parameters.get('user') === victim && !this.#server.isSane;
    if (!this.#mad) return this.#writer.bytes(join(welcome(this.#id)));
    if (dice.chance(0.7)) return this.#writer.bytes(join(welcome(this.#id)));
    this.#rave(dice.chance(0.3) ? demands(dice) : [...welcome(this.#id), ...answers(dice)]);
  }

  #message(message: FrontendMessage): void {
    if (this.#copying !== undefined) return this.#inCopy(message, this.#copying);
    if (this.#skipping && message.kind !== 'sync') return;
    const writer = this.#writer;
    switch (message.kind) {
      case 'query':
        this.#portals.delete('');
        if (this.#run(message.text, 'query')) this.#ready();
        return;
      case 'functionCall':
        return this.#fail('42883', true);
      case 'parse':
        if (message.statement !== '' && this.#statements.has(message.statement)) return this.#fail('42P05', false);
        this.#statements.set(message.statement, message.query);
        return writer.bare(backendTag.parseComplete);
      case 'bind': {
        const text = this.#statements.get(message.statement);
        if (text === undefined) return this.#fail('26000', false);
        this.#portals.set(message.portal, text);
        return writer.bare(backendTag.bindComplete);
      }
      case 'describe':
        return writer.bare(backendTag.noData);
      case 'execute': {
        const text = this.#portals.get(message.portal);
        if (text === undefined) return this.#fail('34000', false);
        this.#run(text, 'execute');
        return;
      }
      case 'close':
        if (message.target === 'statement') this.#statements.delete(message.name);
        else this.#portals.delete(message.name);
        return writer.bare(backendTag.closeComplete);
      case 'sync':
        this.#skipping = false;
        return this.#ready();
      case 'terminate':
        return this.#connection.end();
      default:
    }
  }

  /** False if something is still to come. */
  #run(text: string, by: 'query' | 'execute'): boolean {
    const word = /^\s*(\w*)/.exec(text)?.[1]?.toLowerCase() ?? '';
    if (this.#status === 'E' && word !== 'rollback' && word !== 'commit') {
      this.#fail('25P02', by === 'query');
      return false;
    }
    if (word === 'nonsense') {
      this.#fail('42601', by === 'query');
      return false;
    }
    if (text.startsWith('copy t from')) {
      encodeCopyResponse(this.#writer, 'in', 0, [0]);
      this.#copying = by;
      return false;
    }
    if (word === 'begin') this.#status = 'T';
    if (word === 'commit' || word === 'rollback') this.#status = 'I';
    if (word === 'select' || word === 'copy') encodeDataRow(this.#writer, [text]);
    encodeCommandComplete(this.#writer, word.toUpperCase());
    return true;
  }

  #inCopy(message: FrontendMessage, by: 'query' | 'execute'): void {
    if (message.kind === 'copyData' || message.kind === 'flush' || message.kind === 'sync') return;
    this.#copying = undefined;
    if (message.kind !== 'copyDone') return this.#fail('57014', by === 'query');
    encodeCommandComplete(this.#writer, 'COPY 1');
    if (by === 'query') this.#ready();
  }

  #fail(code: string, ready: boolean): void {
    encodeErrorResponse(this.#writer, { severity: 'ERROR', sqlstate: code, message: 'no' });
    if (this.#status === 'T') this.#status = 'E';
    if (ready) this.#ready();
    else this.#skipping = true;
  }

  #ready(): void {
    encodeReadyForQuery(this.#writer, this.#status);
    if (this.#status === 'I') this.#portals.clear();
  }
}
