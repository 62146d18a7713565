import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import path from 'node:path';
import { assert, utf8, utf8Text } from '@multigres/core';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseScramVerifier, scramKeysOfPassword, scramMechanism } from '../auth/scram-keys.ts';
import { decodeBackendMessage, type BackendMessage } from '../backend/backend-message.ts';
import { Deframer, type FrameSink } from '../frame/deframer.ts';
import { encodeBind } from '../frontend/bind.ts';
import { encodeCancelRequest } from '../frontend/cancel-request.ts';
import { encodeClose } from '../frontend/close.ts';
import { encodeCopyData } from '../frontend/copy-data.ts';
import { encodeCopyDone } from '../frontend/copy-done.ts';
import { encodeCopyFail } from '../frontend/copy-fail.ts';
import { encodeDescribe } from '../frontend/describe.ts';
import { encodeExecute } from '../frontend/execute.ts';
import { encodeFlush } from '../frontend/flush.ts';
import { encodeFunctionCall } from '../frontend/function-call.ts';
import { encodeParse } from '../frontend/parse.ts';
import { encodeQuery } from '../frontend/query.ts';
import { encodeSync } from '../frontend/sync.ts';
import { encodeTerminate } from '../frontend/terminate.ts';
import { backendTagTable, frontendTag } from '../tags.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { clientStartupMachine, type BackendSession, type ClientStartupOptions } from './client-startup.machine.ts';
import { RepliesOwed } from './replies-owed.ts';

type Write = (writer: MessageWriter) => void;

const root = path.join(import.meta.dirname, '../../../..');
/** Whatever is on this machine: fetched by the tools of this repository, or installed. */
const servers = [15, 17, 18].flatMap((major) => {
  const within = `usr/lib/postgresql/${major}/bin`;
  const bin = [path.join(root, `.tools/postgres-${major}`, within), `/${within}`].find((folder) =>
    existsSync(path.join(folder, 'initdb')),
  );
  return bin === undefined ? [] : [{ major, bin }];
});

/** A server of its own in a folder of its own, reachable by a socket in there. */
class LocalPostgres {
  folder = '';
  readonly #bin: string;
  #server: ChildProcess | undefined;

  constructor(bin: string) {
    this.#bin = bin;
  }

  get socket(): string {
    return path.join(this.folder, '.s.PGSQL.5432');
  }

  async start(): Promise<void> {
    this.folder = mkdtempSync('/tmp/pgwire-');
    const runAs = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    if (runAs.uid !== undefined) chownSync(this.folder, runAs.uid, runAs.gid);
    const data = path.join(this.folder, 'data');
    const initdb = path.join(this.#bin, 'initdb');
    const options = ['-D', data, '-U', 'root', '-A', 'trust', '-N', '--locale=C', '-E', 'UTF8'];
    execFileSync(initdb, options, { ...runAs, cwd: this.folder, env: {}, stdio: 'pipe' });
    writeFileSync(
      path.join(data, 'pg_hba.conf'),
      'local all md5 md5\nlocal all scram scram-sha-256\nlocal all clear password\nlocal all nobody reject\nlocal all all trust\n',
    );
    const server = spawn(
      path.join(this.#bin, 'postgres'),
      ['-D', data, '-k', this.folder, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'log_statement=none'],
      { ...runAs, cwd: this.folder, env: {}, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#server = server;
    process.once('exit', () => server.kill('SIGQUIT'));
    await new Promise<void>((resolve, reject) => {
      server.once('exit', () => reject(new Error('postgres ended')));
      server.stderr?.on('data', (line: Buffer) => {
        if (line.includes('ready to accept connections')) resolve();
      });
    });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server && server.exitCode === null) {
      await new Promise((resolve) => {
        server.once('exit', resolve);
        server.kill('SIGQUIT');
      });
    }
    if (this.folder !== '') rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A connection driven by the package's own parts; every message of the server is checked against the replies owed. */
class Client implements FrameSink {
  readonly owed = new RepliesOwed<undefined>(1000);
  readonly messages: BackendMessage[] = [];
  session: BackendSession | undefined;
  readonly #socket: Socket;
  readonly #deframer = new Deframer(this, {
    wholeBytesMax: 1 << 20,
    messageBytesMax: 1 << 24,
    tags: backendTagTable(),
  });
  readonly #illegal: string[] = [];
  #inStartup: ((message: Uint8Array) => void) | undefined;
  #waiting:
    | { readonly done: () => boolean; readonly resolve: () => void; readonly reject: (why: Error) => void }
    | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      const taken = this.#deframer.feed(bytes as Uint8Array);
      if (taken !== bytes.length) this.#illegal.push(`the stream is ${this.#deframer.state}`);
      this.#wake();
    });
    const ended = (): void => {
      this.#illegal.push('the server ended the connection');
      this.#wake();
    };
    socket.on('end', ended);
    socket.on('error', ended);
  }

  static async connect(postgres: LocalPostgres, options: Partial<ClientStartupOptions>): Promise<Client> {
    const socket = createConnection(postgres.socket);
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const client = new Client(socket);
    await client.#logIn({
      user: 'root',
      database: 'postgres',
      parameters: [['application_name', 'pgwire']],
      credential: { kind: 'none' },
      nonce: 'cmFuZG9tIGVub3VnaA==',
      minor: 0,
      ...options,
    });
    return client;
  }

  frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#inStartup) return this.#inStartup(buffer.slice(start, end));
    const received = this.owed.received(tag);
    const message = decodeBackendMessage(buffer.slice(start, end), 0, end - start);
    if (received === 'illegal') this.#illegal.push(`${message?.kind ?? String.fromCharCode(tag)} is illegal here`);
    if (message) this.messages.push(message);
    else this.#illegal.push(`a malformed ${String.fromCharCode(tag)}`);
  }

  part(): void {
    this.#illegal.push('no test has such long messages');
  }

  /** Sends messages, in one write, telling the replies owed. */
  send(...writes: readonly Write[]): void {
    const writer = new MessageWriter();
    const all: Uint8Array[] = [];
    for (const write of writes) {
      write(writer);
      const message = writer.take();
      const describesStatement = message[0] === frontendTag.describe && message[5] === 0x53;
      assert(this.owed.sent(message[0] as number, undefined, describesStatement) !== 'illegal', 'tests speak well');
      all.push(message);
    }
    this.#socket.write(Buffer.concat(all));
  }

  /** Sends, waits until the server owes nothing, answers what it said as short words. */
  async ask(...writes: readonly Write[]): Promise<string[]> {
    this.messages.length = 0;
    this.send(...writes);
    await this.until(() => this.owed.idle);
    return this.messages.map(short);
  }

  async until(done: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#waiting = { done, resolve, reject };
      this.#wake();
    });
  }

  close(): void {
    this.#socket.removeAllListeners('end');
    this.#socket.end(Buffer.from([frontendTag.terminate, 0, 0, 0, 4]));
  }

  async #logIn(options: ClientStartupOptions): Promise<void> {
    const machine = clientStartupMachine(options);
    let [state, effects] = machine.step(machine.initial, {
      kind: 'connected',
      encrypted: false,
      serverEndPoint: undefined,
    });
    let refused: Error | undefined;
    const act = (): void => {
      for (const effect of effects) {
        if (effect.kind === 'send') this.#socket.write(effect.bytes);
        if (effect.kind === 'refuse') refused = effect.error;
        if (effect.kind !== 'ready') continue;
        this.session = effect.session;
        this.#inStartup = undefined;
      }
    };
    this.#inStartup = (buffer) => {
      [state, effects] = machine.step(state, { kind: 'messageReceived', buffer, start: 0, end: buffer.length });
      act();
    };
    act();
    await this.until(() => this.session !== undefined || refused !== undefined);
    if (refused) {
      this.#socket.destroy();
      throw refused;
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    if (waiting.done()) waiting.resolve();
    else if (this.#illegal.length > 0) waiting.reject(new Error(this.#illegal.join('; ')));
    else return;
    this.#waiting = undefined;
  }
}

function short(message: BackendMessage): string {
  switch (message.kind) {
    case 'dataRow':
      return message.values.map((value) => (value === null ? 'null' : utf8Text(value))).join(',');
    case 'commandComplete':
      return message.commandTag;
    case 'errorResponse':
      return `${message.report.sqlstate} ${message.report.message}`;
    case 'readyForQuery':
      return `ready ${message.status}`;
    case 'copyData':
      return `copyData ${utf8Text(message.data).trimEnd()}`;
    default:
      return message.kind;
  }
}

const sync: Write = encodeSync;
const query =
  (text: string): Write =>
  (writer) =>
    encodeQuery(writer, text);
const parse =
  (text: string, name: string = ''): Write =>
  (writer) =>
    encodeParse(writer, name, text);
const bind =
  (statement: string = '', ...parameters: readonly string[]): Write =>
  (writer) =>
    encodeBind(writer, { portal: '', statement, parameters });
const execute =
  (rowsMax: number = 0): Write =>
  (writer) =>
    encodeExecute(writer, '', rowsMax);
const data =
  (text: string): Write =>
  (writer) =>
    encodeCopyData(writer, utf8(text));
const describeStatement: Write = (writer) => encodeDescribe(writer, 'statement', '');
const describePortal: Write = (writer) => encodeDescribe(writer, 'portal', '');
const close: Write = (writer) => encodeClose(writer, 'statement', 'named');
const fail: Write = (writer) => encodeCopyFail(writer, 'enough');
const call: Write = (writer) =>
  encodeFunctionCall(writer, { functionOid: 177, argumentFormats: [], arguments: ['40', '2'], resultFormat: 0 });

describe.each(servers)('Postgres $major', ({ major, bin }) => {
  const postgres = new LocalPostgres(bin);

  beforeAll(async () => {
    await postgres.start();
    const root_ = await Client.connect(postgres, {});
    for (const statement of [
      "set password_encryption = 'md5'; create role md5 login password 'geheim'",
      "set password_encryption = 'scram-sha-256'; create role scram login password 'pässword'",
      "create role clear login password 'clear'; create role nobody login",
      'create table t (i int); grant all on t to public; insert into t values (1), (2), (3)',
    ]) {
      expect((await root_.ask(query(statement))).at(-1)).toBe('ready I');
    }
    root_.close();
  }, 60_000);

  afterAll(() => postgres.stop());

  describe('logs us in', () => {
    it('by trust, and tells what a client has to know', async () => {
      const client = await Client.connect(postgres, {});
      expect(client.session).toMatchObject({ version: { major: 3, minor: 0 }, status: 'I', scramKeys: undefined });
      expect(client.session?.secretKey?.length).toBe(4);
      expect(client.session?.parameters.get('server_version')).toMatch(new RegExp(`^${major}\\.`));
      expect(client.session?.parameters.get('application_name')).toBe('pgwire');
      client.close();
    });

    it('with the protocol version that both speak', async () => {
      const client = await Client.connect(postgres, { minor: 2 });
      expect(client.session?.version).toEqual({ major: 3, minor: major >= 18 ? 2 : 0 });
      expect(client.session?.secretKey?.length).toBe(major >= 18 ? 32 : 4);
      client.close();
    });

    it.each([
      ['md5', 'geheim'],
      ['scram', 'pässword'],
      ['clear', 'clear'],
    ])('by the password of %s', async (user, password) => {
      const client = await Client.connect(postgres, { user, credential: { kind: 'password', password } });
      expect(await client.ask(query('select current_user'))).toContain(user);
      client.close();
      const wrong = Client.connect(postgres, { user, credential: { kind: 'password', password: 'x' } });
      await expect(wrong).rejects.toMatchObject({ sqlstate: '28P01', fate: 'notApplied' });
    });

    it('by the keys of an earlier login, without the password', async () => {
      const first = await Client.connect(postgres, {
        user: 'scram',
        credential: { kind: 'password', password: 'pässword' },
      });
      const keys = first.session?.scramKeys;
      first.close();
      assert(keys !== undefined, 'SCRAM yields keys');
      const second = await Client.connect(postgres, { user: 'scram', credential: { kind: 'scramKeys', keys } });
      expect(await second.ask(query('select current_user'))).toContain('scram');
      second.close();
    });

    it('by keys that are derived from the verifier which it stores', async () => {
      const admin = await Client.connect(postgres, {});
      const [, stored] = await admin.ask(query("select rolpassword from pg_authid where rolname = 'scram'"));
      admin.close();
      const verifier = parseScramVerifier(stored ?? '');
      expect(stored?.startsWith(scramMechanism)).toBe(true);
      assert(verifier !== undefined, 'what Postgres stores can be read');
      const keys = scramKeysOfPassword('pässword', verifier.salt, verifier.iterations);
      expect(keys.serverKey).toEqual(verifier.serverKey);
      const client = await Client.connect(postgres, { user: 'scram', credential: { kind: 'scramKeys', keys } });
      client.close();
    });

    it('or refuses in its own words', async () => {
      await expect(Client.connect(postgres, { user: 'nobody' })).rejects.toMatchObject({ sqlstate: '28000' });
      await expect(Client.connect(postgres, { database: 'none' })).rejects.toMatchObject({
        sqlstate: '3D000',
        report: { severity: 'FATAL', message: 'database "none" does not exist' },
      });
    });
  });

  it('answers simple and extended queries, COPY, functions and cancels', async () => {
    const client = await Client.connect(postgres, {});
    expect(await client.ask(query("select 1, null, 'ü'"))).toEqual([
      'rowDescription',
      '1,null,ü',
      'SELECT 1',
      'ready I',
    ]);
    expect(await client.ask(parse('select $1::int + 1'), describeStatement, bind('', '41'), execute(), sync)).toEqual([
      'parseComplete',
      'parameterDescription',
      'rowDescription',
      'bindComplete',
      '42',
      'SELECT 1',
      'ready I',
    ]);
    expect(await client.ask(query('copy t from stdin'), data('4\n'), data('5\n'), encodeCopyDone)).toEqual([
      'copyInResponse',
      'COPY 2',
      'ready I',
    ]);
    expect(await client.ask(query('copy t to stdout'))).toContain('copyData 5');
    expect(await client.ask(call)).toEqual(['functionCallResponse', 'ready I']);
    client.messages.length = 0;
    // A cancel that comes before its query has begun cancels nothing.
    client.send(query("do $$ begin raise notice 'begun'; perform pg_sleep(60); end $$"));
    await client.until(() => client.messages.length > 0);
    const { processId, secretKey } = client.session as BackendSession;
    const writer = new MessageWriter();
    encodeCancelRequest(writer, processId, secretKey as Uint8Array);
    const canceller = createConnection(postgres.socket);
    canceller.end(writer.take());
    await client.until(() => client.owed.idle);
    expect(client.messages.map(short)).toContain('57014 canceling statement due to user request');
    client.close();
  });

  it('overlooks the Sync that comes right after Execute of a COPY', async () => {
    const client = await Client.connect(postgres, {});
    const copy = [parse('copy t from stdin'), bind(), execute(), sync, data('6\n'), encodeCopyDone, sync];
    expect(await client.ask(...copy)).toEqual(['parseComplete', 'bindComplete', 'copyInResponse', 'COPY 1', 'ready I']);
    client.close();
  });

  it('owes the replies that we expect, whatever is sent', async () => {
    const blocks: readonly (readonly Write[])[] = [
      ...[
        'select 1',
        '',
        ';',
        'select 1; select 2',
        'select 1/0',
        'select 1; select 1/0; select 2',
        'begin',
        'commit',
        'rollback',
        'select i from t',
        'copy t to stdout',
        'copy (select 1/0) to stdout',
        'copy t to stdout; select 1; copy t to stdout',
        "do $$ begin raise notice 'x'; end $$",
        'listen x',
        'notify x',
        "set timezone to 'UTC'",
        'nonsense',
      ].map((text) => [query(text)]),
      [query('copy t from stdin'), data('7\n'), encodeCopyDone],
      [query('copy t from stdin'), encodeCopyDone],
      [query('copy t from stdin'), data('7\n'), data('8\n'), fail],
      [query('copy t from stdin'), data('no number\n'), data('8\n'), encodeCopyDone],
      [query('copy t from stdin; copy t from stdin'), data('7\n'), encodeCopyDone, data('8\n'), encodeCopyDone],
      [query('copy nowhere from stdin'), data('7\n'), encodeCopyDone],
      [parse('copy t from stdin'), bind(), execute(), sync, data('7\n'), encodeCopyDone, sync],
      [parse('copy t from stdin'), bind(), execute(), data('no\n'), encodeCopyDone, sync],
      [parse('copy t from stdin'), bind(), execute(), encodeFlush, data('7\n'), fail, sync],
      [parse('copy nowhere from stdin'), bind(), execute(), sync, data('7\n'), encodeCopyDone, sync],
      [parse('copy t to stdout'), bind(), execute(), sync],
      [parse('select i from t'), bind(), describePortal, execute(2), execute(1), execute(), sync],
      [parse('select 1')],
      [parse('')],
      [parse('nonsense')],
      [parse('select $1::int', 'named')],
      [parse('select 1/(i-2) from t')],
      [describeStatement],
      [bind()],
      [bind('named', '1')],
      [bind('missing')],
      // PostgreSQL 15 crashes on Execute of what is left of an unnamed portal in a failed transaction; 17 does not.
      ...(major >= 17 ? [[describePortal], [execute()], [execute(1)]] : []),
      [close],
      [encodeFlush],
      [sync],
      [sync],
      [call],
      [encodeCopyDone],
      [data('stray')],
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...blocks), fc.boolean()), { maxLength: 14, size: 'max' }),
        async (pipeline) => {
          const client = await Client.connect(postgres, {});
          for (const [block, wait] of pipeline) {
            client.send(...block);
            if (wait) await client.ask(sync);
          }
          expect((await client.ask(sync)).at(-1)).toMatch(/^ready/);
          const last = await client.ask(query('rollback'));
          expect(last.at(-1)).toBe('ready I');
          client.close();
        },
      ),
      // A reply that never comes is shown with the messages that it was waited for, and is not shrunk: that would wait again and again.
      { numRuns: 200, timeout: 10_000, endOnFailure: true },
    );
  }, 120_000);

  it('is left politely', async () => {
    const client = await Client.connect(postgres, {});
    client.send(encodeTerminate);
    await expect(client.until(() => false)).rejects.toThrow('the server ended the connection');
  });
});

it.skipIf(servers.length > 0)('needs a Postgres on this machine', () => {
  expect(servers).toEqual([]);
});
