import { utf8, type Connection, type ConnectionHandler, type Endpoint } from '@multigres/core';
import type { QuietWorld } from '@multigres/core/quiet';
import {
  backendTag,
  decodeFrontendMessage,
  decodeStartupPacket,
  Deframer,
  encodeAuthenticationOk,
  encodeBackendKeyData,
  encodeCommandComplete,
  encodeCopyResponse,
  encodeDataRow,
  encodeErrorResponse,
  encodeNoticeResponse,
  encodeParameterDescription,
  encodeParameterStatus,
  encodeReadyForQuery,
  encodeRowDescription,
  MessageWriter,
  type FrontendMessage,
} from '@multigres/pgwire';

/**
 * A Postgres for tests of the pooler: it obeys the protocol's rules (what is skipped after an error, what COPY overlooks, which statements
 * exist) and knows a few words instead of SQL:
 *
 * `begin`, `commit`; `fail CODE`; `row N` answers a row of N bytes; `hang` answers when it is cancelled or told to `go`; `copy` takes COPY data
 * until CopyDone; `unsure` succeeds with the warning of a commit whose standbys nobody waits for any more; `fatal`; `set NAME VALUE`; `alter NAME` adds a column to what statements that begin with `look` answer; everything else succeeds.
 */
export class FakePostgres {
  readonly endpoint: Endpoint;
  readonly backends: FakeBackend[] = [];
  /** Of the only table. */
  columns: readonly string[] = ['a'];
  /** Refuses logins with this SQLSTATE. */
  refuses: string | undefined;
  /** Says nothing to who logs in. */
  isSilent = false;
  /** Cancel requests are not acted on before `cancelNow`. */
  holdsCancels = false;
  #lastPid = 0;
  #cancels: (() => void)[] = [];

  private constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  static async start(world: QuietWorld): Promise<FakePostgres> {
    const endpoint: Endpoint = { kind: 'tcp', host: 'postgres', port: 5432 };
    const postgres = new FakePostgres(endpoint);
    await world.network.listen(endpoint, (connection) => new FakeBackend(postgres, connection));
    return postgres;
  }

  /** Those still connected, oldest first. */
  get open(): FakeBackend[] {
    return this.backends.filter(({ isOpen }) => isOpen);
  }

  nextPid(): number {
    this.#lastPid += 1;
    return this.#lastPid;
  }

  cancel(pid: number, connection: Connection): void {
    const act = (): void => {
      this.backends.find((backend) => backend.pid === pid && backend.isOpen)?.cancelled();
      connection.end();
    };
    if (this.holdsCancels) this.#cancels.push(act);
    else act();
  }

  cancelNow(): void {
    for (const act of this.#cancels.splice(0)) act();
  }
}

interface Prepared {
  readonly text: string;
  /** As the table had them then. */
  readonly columns: readonly string[];
}

const looks = (text: string): boolean => text.startsWith('look');

export class FakeBackend implements ConnectionHandler {
  readonly pid: number;
  /** Everything that was asked of it, in short. */
  readonly log: string[] = [];
  readonly statements: Map<string, Prepared> = new Map();
  isOpen = false;
  /** Hears nothing any more, and says nothing. */
  isDeaf = false;
  parameters: readonly (readonly [string, string])[] = [];
  readonly #postgres: FakePostgres;
  readonly #connection: Connection;
  readonly #writer: MessageWriter = new MessageWriter();
  readonly #queue: FrontendMessage[] = [];
  readonly #deframer: Deframer;
  #started = false;
  #status: 'I' | 'T' | 'E' = 'I';
  #skipping = false;
  #portal = '';
  #hanging: 'query' | 'execute' | undefined;
  #copying: 'query' | 'execute' | undefined;

  constructor(postgres: FakePostgres, connection: Connection) {
    this.#postgres = postgres;
    this.#connection = connection;
    this.pid = postgres.nextPid();
    const sink = {
      frame: (tag: number, buffer: Uint8Array, start: number, end: number): void =>
        this.#frame(tag, buffer, start, end),
      part: (): void => {},
    };
    this.#deframer = new Deframer(sink, { wholeBytesMax: 1 << 24, messageBytesMax: 1 << 24 }, 'startup');
    connection.attach(this);
  }

  data(bytes: Uint8Array): void {
    if (this.isDeaf) return;
    this.#deframer.feed(bytes);
    this.#flush();
  }
  end(): void {
    this.isOpen = false;
    this.#connection.end();
  }
  drain(): void {}
  closed(): void {
    this.isOpen = false;
  }

  /** What `hang` waits for. */
  go(): void {
    const kind = this.#hanging;
    if (kind === undefined) return;
    this.#hanging = undefined;
    encodeCommandComplete(this.#writer, 'HANG');
    if (kind === 'query') encodeReadyForQuery(this.#writer, this.#status);
    this.#work();
    this.#flush();
  }

  cancelled(): void {
    this.log.push('cancelled');
    const kind = this.#hanging;
    if (kind === undefined) return;
    this.#hanging = undefined;
    this.#fail('57014', kind);
    this.#work();
    this.#flush();
  }

  /** Says something that nobody asked for. */
  say(write: (writer: MessageWriter) => void): void {
    write(this.#writer);
    this.#flush();
  }

  kill(): void {
    this.isOpen = false;
    this.#connection.destroy();
  }

  #frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (!this.#started) return this.#startup(buffer, start, end);
    const message = decodeFrontendMessage(buffer.slice(start, end), 0, end - start);
    if (message === undefined) throw new Error(`unknown message ${tag}`);
    this.#queue.push(message);
    this.#work();
  }

  #startup(buffer: Uint8Array, start: number, end: number): void {
    const packet = decodeStartupPacket(buffer, start, end);
    if (packet?.kind === 'cancelRequest') return this.#postgres.cancel(packet.processId, this.#connection);
    if (packet?.kind !== 'startup') throw new Error('a startup message was expected');
    this.#started = true;
    this.#deframer.endStartup();
    if (this.#postgres.isSilent) return;
    if (this.#postgres.refuses !== undefined) {
      encodeErrorResponse(this.#writer, { severity: 'FATAL', sqlstate: this.#postgres.refuses, message: 'no' });
      this.#flush();
      return this.#connection.end();
    }
    this.isOpen = true;
    this.#postgres.backends.push(this);
    encodeAuthenticationOk(this.#writer);
    encodeParameterStatus(this.#writer, 'TimeZone', 'UTC');
    encodeBackendKeyData(this.#writer, this.pid, Uint8Array.of(1, 2, 3, 4));
    encodeReadyForQuery(this.#writer, 'I');
  }

  #work(): void {
    while (this.#hanging === undefined) {
      const message = this.#queue.shift();
      if (message === undefined) return;
      this.#message(message);
    }
  }

  #message(message: FrontendMessage): void {
    if (this.#copying !== undefined) return this.#inCopy(message, this.#copying);
    if (message.kind === 'copyData' || message.kind === 'copyDone' || message.kind === 'copyFail') return;
    if (this.#skipping && message.kind !== 'sync') return;
    const writer = this.#writer;
    switch (message.kind) {
      case 'query':
        this.log.push(`Q ${message.text}`);
        return this.#run(message.text, 'query');
      case 'parse':
        this.log.push(`P ${message.statement} ${message.query}`);
        if (message.query.startsWith('bad')) return this.#fail('42601', 'execute');
        if (message.statement !== '' && this.statements.has(message.statement)) return this.#fail('42P05', 'execute');
        this.statements.set(message.statement, { text: message.query, columns: this.#postgres.columns });
        return writer.bare(backendTag.parseComplete);
      case 'bind': {
        this.log.push(`B ${message.statement}`);
        const prepared = this.statements.get(message.statement);
        if (prepared === undefined) return this.#fail('26000', 'execute');
        if (this.#isChanged(prepared)) return this.#fail('0A000', 'execute');
        this.#portal = prepared.text;
        return writer.bare(backendTag.bindComplete);
      }
      case 'describe':
        this.log.push(`D ${message.name}`);
        return message.target === 'portal' ? this.#describe(this.#portal) : this.#describeStatement(message.name);
      case 'execute':
        this.log.push(`E ${this.#portal}`);
        return this.#run(this.#portal, 'execute');
      case 'close':
        this.log.push(`C ${message.name}`);
        if (message.target === 'statement') this.statements.delete(message.name);
        return writer.bare(backendTag.closeComplete);
      case 'sync':
        this.#skipping = false;
        return encodeReadyForQuery(writer, this.#status);
      case 'terminate':
        this.isOpen = false;
        return this.#connection.end();
      default:
    }
  }

  #describeStatement(name: string): void {
    const prepared = this.statements.get(name);
    if (prepared === undefined) return this.#fail('26000', 'execute');
    // Postgres plans anew only to describe the rows.
    encodeParameterDescription(this.#writer, []);
    if (this.#isChanged(prepared)) return this.#fail('0A000', 'execute');
    this.#describe(prepared.text);
  }

  #describe(text: string): void {
    if (!looks(text)) return this.#writer.bare(backendTag.noData);
    const column = { tableOid: 1, columnNumber: 1, typeOid: 25, typeSize: -1, typeModifier: -1, format: 0 } as const;
    encodeRowDescription(
      this.#writer,
      this.#postgres.columns.map((name) => ({ name, ...column })),
    );
  }

  #isChanged({ text, columns }: Prepared): boolean {
    return looks(text) && columns.length !== this.#postgres.columns.length;
  }

  #inCopy(message: FrontendMessage, kind: 'query' | 'execute'): void {
    if (message.kind === 'copyData') {
      if (message.data[0] === 0x21) this.#endCopy('22P04', kind);
    } else if (message.kind === 'copyFail') this.#endCopy('57014', kind);
    else if (message.kind === 'copyDone') {
      this.#copying = undefined;
      this.#complete('COPY 1', kind);
    }
  }

  #endCopy(code: string, kind: 'query' | 'execute'): void {
    this.#copying = undefined;
    this.#fail(code, kind);
  }

  #run(text: string, kind: 'query' | 'execute'): void {
    const [word = '', argument = '', value = ''] = text.split(' ');
    if (this.#status === 'E' && word !== 'commit') return this.#fail('25P02', kind);
    switch (word) {
      case 'begin':
        this.#status = 'T';
        return this.#complete('BEGIN', kind);
      case 'commit':
        this.#status = 'I';
        return this.#complete('COMMIT', kind);
      case 'fail':
        return this.#fail(argument, kind);
      case 'row':
        encodeDataRow(this.#writer, [utf8('x'.repeat(Number(argument)))]);
        return this.#complete('SELECT 1', kind);
      case 'alter':
        this.#postgres.columns = [...this.#postgres.columns, argument];
        return this.#complete('ALTER TABLE', kind);
      case 'look':
        encodeDataRow(
          this.#writer,
          this.#postgres.columns.map((name) => utf8(name)),
        );
        return this.#complete('SELECT 1', kind);
      case 'unsure':
        encodeNoticeResponse(this.#writer, {
          severity: 'WARNING',
          sqlstate: '01000',
          message: 'canceling wait for synchronous replication due to user request',
          routine: 'SyncRepWaitForLSN',
        });
        return this.#complete('INSERT 0 1', kind);
      case 'hang':
        this.#hanging = kind;
        return;
      case 'copy':
        this.#copying = kind;
        return encodeCopyResponse(this.#writer, 'in', 0, []);
      case 'fatal':
        encodeErrorResponse(this.#writer, { severity: 'FATAL', sqlstate: '57P01', message: 'terminated' });
        this.#flush();
        this.isOpen = false;
        return this.#connection.end();
      case 'set':
        encodeParameterStatus(this.#writer, argument, value);
        return this.#complete('SET', kind);
      case 'DISCARD':
        this.statements.clear();
        return this.#complete('DISCARD ALL', kind);
      default:
        return this.#complete('DONE', kind);
    }
  }

  #complete(tag: string, kind: 'query' | 'execute'): void {
    encodeCommandComplete(this.#writer, tag);
    if (kind === 'query') encodeReadyForQuery(this.#writer, this.#status);
  }

  #fail(code: string, kind: 'query' | 'execute'): void {
    const routine = code === '0A000' ? { routine: 'RevalidateCachedQuery' } : {};
    encodeErrorResponse(this.#writer, {
      severity: 'ERROR',
      sqlstate: code,
      message: `failed with ${code}`,
      ...routine,
    });
    if (this.#status === 'T') this.#status = 'E';
    if (kind === 'query') encodeReadyForQuery(this.#writer, this.#status);
    else this.#skipping = true;
  }

  #flush(): void {
    if (this.#writer.length > 0) this.#connection.write(this.#writer.take());
  }
}
