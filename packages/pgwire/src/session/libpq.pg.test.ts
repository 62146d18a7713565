import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { utf8 } from '@multigres/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { md5Verifier } from '../auth/md5.ts';
import { mockScramVerifier, scramVerifierOfPassword } from '../auth/scram-keys.ts';
import { encodeBackendKeyData } from '../backend/backend-key-data.ts';
import { encodeCommandComplete } from '../backend/command-complete.ts';
import { encodeDataRow } from '../backend/data-row.ts';
import { encodeParameterStatus } from '../backend/parameter-status.ts';
import { encodeReadyForQuery } from '../backend/ready-for-query.ts';
import { encodeRowDescription } from '../backend/row-description.ts';
import { Deframer, type FrameSink } from '../frame/deframer.ts';
import { frontendTag, frontendTagTable } from '../tags.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import {
  serverStartupMachine,
  type AcceptedSession,
  type AuthenticationMethod,
  type ServerStartupEffect,
  type ServerStartupEvent,
} from './server-startup.machine.ts';

const root = path.join(import.meta.dirname, '../../../..');
/** `psql` of each major version on this machine: what libpq does at login differs among them. */
const clients = [15, 17, 18].flatMap((major) => {
  const within = `usr/lib/postgresql/${major}/bin/psql`;
  const psql = [path.join(root, `.tools/postgres-${major}`, within), `/${within}`].find((file) => existsSync(file));
  return psql === undefined ? [] : [{ major, psql }];
});

const salt = utf8('0123456789abcdef');
const scram = scramVerifierOfPassword('pässword', salt, 4096);
const secret = utf8('the same on all gateways');

function methodFor(user: string): AuthenticationMethod {
  switch (user) {
    case 'trusted':
      return { kind: 'trust' };
    case 'clear':
      return { kind: 'cleartext', secret: { kind: 'scram', verifier: scram } };
    case 'md5':
      return { kind: 'md5', verifier: md5Verifier('md5', 'pässword'), salt: Uint8Array.of(1, 2, 3, 4) };
    case 'scram':
      return { kind: 'scram', verifier: scram, nonce: 'c2VydmVyIG5vbmNl' };
    default:
      return { kind: 'scram', verifier: mockScramVerifier(user, secret), nonce: 'c2VydmVyIG5vbmNl', doomed: true };
  }
}

/** A server that knows how to log in and answers every query with who is there. */
function serve(socket: Socket): void {
  const machine = serverStartupMachine({ tls: false, minorMax: 2 });
  let state = machine.initial;
  let session: AcceptedSession | undefined;
  const step = (event: ServerStartupEvent): void => {
    const [next, effects] = machine.step(state, event);
    state = next;
    for (const effect of effects) act(effect);
  };
  const sink: FrameSink = {
    frame(tag, buffer, start, end): void {
      if (session && tag === frontendTag.query) socket.write(answer(session));
      else if (!session) step({ kind: tag === 0 ? 'packetReceived' : 'messageReceived', buffer, start, end });
    },
    part(): void {
      socket.destroy();
    },
  };
  const limits = { wholeBytesMax: 10_000, messageBytesMax: 1_000_000, tags: frontendTagTable() };
  const deframer = new Deframer(sink, limits, 'startup');
  const act = (effect: ServerStartupEffect): void => {
    if (effect.kind === 'send') socket.write(effect.bytes);
    else if (effect.kind === 'endStartup') deframer.endStartup();
    else if (effect.kind === 'chooseMethod') step({ kind: 'methodChosen', method: methodFor(effect.request.user) });
    else if (effect.kind === 'refuse') socket.end();
    else if (effect.kind === 'accept') {
      session = effect.session;
      socket.write(greeting(session));
    }
  };
  socket.on('data', (bytes) => deframer.feed(bytes as Uint8Array));
  socket.on('error', () => {});
}

function greeting(session: AcceptedSession): Uint8Array {
  const writer = new MessageWriter();
  encodeParameterStatus(writer, 'server_version', '17.0');
  encodeParameterStatus(writer, 'client_encoding', 'UTF8');
  encodeBackendKeyData(writer, 1, new Uint8Array(session.version.minor >= 2 ? 32 : 4));
  encodeReadyForQuery(writer, 'I');
  return writer.take();
}

function answer(session: AcceptedSession): Uint8Array {
  const column = { tableOid: 0, columnNumber: 0, typeOid: 25, typeSize: -1, typeModifier: -1, format: 0 };
  const names = ['user', 'database', 'method', 'settings'];
  const settings = [...session.settings].map(([name, value]) => `${name}=${value}`);
  const writer = new MessageWriter();
  encodeRowDescription(
    writer,
    names.map((name) => ({ name, ...column })),
  );
  encodeDataRow(writer, [session.user, session.database, session.method, settings.join(' ')]);
  encodeCommandComplete(writer, 'SELECT 1');
  encodeReadyForQuery(writer, 'I');
  return writer.take();
}

describe.each(clients)('psql of Postgres $major', ({ psql }) => {
  let server: Server;
  let port = 0;

  beforeAll(async () => {
    server = createServer(serve);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  /** What it prints, or its complaint. */
  async function ask(user: string, password: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
    const env = {
      PATH: '/usr/bin:/bin',
      PGHOST: '127.0.0.1',
      PGPORT: String(port),
      PGUSER: user,
      PGDATABASE: 'shop',
      PGPASSWORD: password,
      PGAPPNAME: 'psql',
      PGCLIENTENCODING: 'UTF8',
      PGCONNECT_TIMEOUT: '10',
      ...more,
    };
    try {
      const { stdout } = await promisify(execFile)(psql, ['-XAtc', 'select 1'], { env, timeout: 20_000 });
      return stdout.trim();
    } catch (error) {
      return String((error as { stderr?: string }).stderr).trim();
    }
  }

  it.each(['trusted', 'clear', 'md5', 'scram'])('is let in as %s', async (user) => {
    const method = { trusted: 'trust', clear: 'cleartext' }[user] ?? user;
    const settings = 'application_name=psql client_encoding=UTF8';
    expect(await ask(user, 'pässword')).toBe(`${user}|shop|${method}|${settings}`);
  });

  it.each(['clear', 'md5', 'scram', 'stranger'])('is refused as %s with a wrong password', async (user) => {
    expect(await ask(user, 'wrong')).toContain(`FATAL:  password authentication failed for user "${user}"`);
  });

  it('may speak the newest protocol that it knows', async () => {
    expect(await ask('scram', 'pässword', { PGMAXPROTOCOLVERSION: 'latest' })).toContain('scram|shop');
  });

  it('has its options read as PostgreSQL reads them', async () => {
    const options = '-c work_mem=1MB --search-path=a\\ b';
    expect(await ask('trusted', '', { PGOPTIONS: options })).toContain(
      'work_mem=1MB search_path=a b application_name=psql',
    );
    expect(await ask('trusted', '', { PGOPTIONS: 'what' })).toContain(
      'FATAL:  invalid command-line argument for server process: what',
    );
  });

  it('is told that there is no TLS where it insists', async () => {
    expect(await ask('trusted', '', { PGSSLMODE: 'require' })).toContain('server does not support SSL');
  });
});

it.skipIf(clients.length > 0)('needs a psql on this machine', () => {
  expect(clients).toEqual([]);
});
