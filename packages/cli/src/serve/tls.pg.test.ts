import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { pipe, TlsFiles, utf8Text, type World } from '@multigres/core';
import { defaultGatewayLimits, parseHba, startGateway, type AuthPolicy, type Gateway } from '@multigres/gateway';
import { ensureTool, hostWorld } from '@multigres/host';
import { TestAuthority } from '@multigres/host/testing';
import { encodeSslRequest, encodeStartupMessage, MessageWriter } from '@multigres/pgwire';
import { defaultPoolerLimits, startPooler, type Pooler, type PostgresTls } from '@multigres/pooler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';

const run = promisify(execFile);

/** Postgres lets in only who comes by TLS: its owner with the pooler's certificate, others by password, eve because the gateway has looked. */
const hba = [
  'hostssl all postgres all cert',
  'hostssl all eve all trust clientcert=verify-ca',
  'hostssl all all all scram-sha-256',
];

const authority = new TestAuthority('authority of the test');
const elsewhere = new TestAuthority('somebody else');
const folder = mkdtempSync('/tmp/multigres-test-');
const world: World = hostWorld({ log: { level: 'error' } });

function file(name: string, content: string): string {
  const path = `${folder}/${name}`;
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** A certificate for this machine, in files. */
function identity(name: string, from: TestAuthority, commonName: string): { certificate: string; key: string } {
  const issued = from.issue({ commonName, names: ['localhost', '127.0.0.1'] });
  return { certificate: file(`${name}.crt`, issued.certificate), key: file(`${name}.key`, issued.key) };
}

const root = file('root.crt', authority.certificate);

let postgres: OwnPostgres;
let psql: string;
let server: TlsFiles;
let towardsPostgres: TlsFiles;
const started: (Gateway | Pooler)[] = [];

async function gatewayFor(
  mode: 'allow' | 'require',
  auth: AuthPolicy,
  postgresTls: PostgresTls = { mode: 'verify-full', context: towardsPostgres.context },
): Promise<number> {
  const pooler = await startPooler(world, {
    id: 'pooler',
    relay: undefined,
    postgres: postgres.endpoint,
    postgresTls,
    limits: defaultPoolerLimits,
    admin: { user: 'postgres', database: 'postgres' },
  });
  const listen = [{ kind: 'tcp', host: '127.0.0.1', port: 0 } as const];
  const tls = { mode, context: server.context };
  const gateway = await startGateway(
    world,
    { id: 'gateway', listen, auth, tls, limits: defaultGatewayLimits },
    async () => {
      const [ours, theirs] = pipe();
      pooler.accept(theirs);
      return ours;
    },
  );
  started.push(gateway, pooler);
  const [endpoint] = gateway.endpoints;
  return endpoint?.kind === 'tcp' ? endpoint.port : 0;
}

const scram: AuthPolicy = { kind: 'scram' };

interface PsqlResult {
  readonly out: string;
  readonly error: string;
}

/** What psql prints; `connection` as in libpq's connection strings. */
async function ask(port: number, connection: string, sql: string): Promise<PsqlResult> {
  const string = `host=localhost port=${port} user=joe dbname=postgres connect_timeout=10 ${connection}`;
  const env = { PGPASSWORD: 'secret', HOME: folder };
  try {
    const { stdout, stderr } = await run(psql, ['-XAtq', string, '-c', sql], { env, maxBuffer: 1 << 26 });
    return { out: stdout.trim(), error: stderr.trim() };
  } catch (error) {
    return { out: '', error: (error as { stderr?: string }).stderr ?? String(error) };
  }
}

const joes = `sslcert=${folder}/joe.crt sslkey=${folder}/joe.key sslrootcert=${root}`;

beforeAll(async () => {
  psql = `${(await ensureTool('postgres-18')).bin}/psql`;
  const own = authority.issue({ commonName: 'postgres', names: ['127.0.0.1'] });
  const files = { 'server.crt': own.certificate, 'server.key': own.key, 'root.crt': authority.certificate };
  postgres = await OwnPostgres.make(['ssl=on', 'ssl_ca_file=root.crt'], hba, { version: 'postgres-18', files });
  towardsPostgres = await TlsFiles.load(world, { ...identity('pooler', authority, 'postgres'), authorities: root });
  server = await TlsFiles.load(world, { ...identity('server', authority, 'gateway'), authorities: root });
  identity('joe', authority, 'joe');
  identity('eve', authority, 'eve');
  identity('stranger', elsewhere, 'eve');
  const direct = `host=127.0.0.1 port=${postgres.endpoint.port} user=postgres dbname=postgres`;
  const asPooler = `sslmode=verify-full sslcert=${folder}/pooler.crt sslkey=${folder}/pooler.key sslrootcert=${root}`;
  await run(psql, [
    '-Xq',
    `${direct} ${asPooler}`,
    '-c',
    "create role joe login password 'secret'; create role eve login",
  ]);
}, 120_000);

afterAll(async () => {
  for (const each of started) await each.stop();
  await postgres?.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('libpq reaches Postgres through the gateway, encrypted all the way', () => {
  let port: number;
  beforeAll(async () => {
    port = await gatewayFor('allow', scram);
  });

  it.each([
    'sslmode=require',
    `sslmode=verify-full sslrootcert=${root}`,
    `sslmode=verify-full sslrootcert=${root} channel_binding=require`,
    `sslmode=require sslnegotiation=direct`,
    `sslmode=verify-full sslnegotiation=direct sslrootcert=${root} channel_binding=require`,
    `sslmode=require max_protocol_version=3.2`,
    `sslmode=require ssl_min_protocol_version=TLSv1.2 ssl_max_protocol_version=TLSv1.2 channel_binding=require`,
    'sslmode=require gssencmode=prefer',
    'sslmode=disable',
    `sslmode=require ${joes}`,
  ])('with %s', async (connection) => {
    const result = await ask(
      port,
      connection,
      'select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()',
    );
    expect(result).toEqual({ out: 'joe|t', error: '' });
  });

  it('and finds a certificate from elsewhere out', async () => {
    const stranger = file('stranger-root.crt', elsewhere.certificate);
    const result = await ask(port, `sslmode=verify-ca sslrootcert=${stranger}`, 'select 1');
    expect(result.error).toContain('certificate verify failed');
  });

  it('but not with a certificate that is not trusted, even where none is needed', async () => {
    const stranger = `sslcert=${folder}/stranger.crt sslkey=${folder}/stranger.key`;
    const { error } = await ask(port, `sslmode=require ${stranger}`, 'select 1');
    expect(error).toContain('connection requires a valid client certificate');
  });

  it('with results larger than any buffer', async () => {
    const sql =
      "select count(*), sum(length(a)) from (select repeat('x', 1000) || g a from generate_series(1, 1000) g) s";
    const small = await ask(port, 'sslmode=require', sql);
    const large = await ask(port, 'sslmode=require', "select repeat('x', 1000) || g from generate_series(1, 30000) g");
    expect([small.out, large.out.length]).toEqual(['1000|1002893', 30_000 * 1001 + 138_894 - 1]);
  });

  it('and cancels its query over TLS, with keys of either length', async () => {
    for (const version of ['3.0', '3.2']) {
      const string = `host=localhost port=${port} user=joe dbname=postgres sslmode=require max_protocol_version=${version}`;
      const env = { PGPASSWORD: 'secret', HOME: folder };
      const client = spawn(psql, ['-XAtq', string, '-c', "select 'begun'", '-c', 'select pg_sleep(60)'], { env });
      let error = '';
      client.stderr.on('data', (bytes: Buffer) => (error += bytes.toString()));
      await new Promise((resolve) => client.stdout.once('data', resolve));
      const ended = new Promise((resolve) => client.once('close', resolve));
      // It may be in the short time between the two: until it answers to the signal.
      const again = setInterval(() => client.kill('SIGINT'), 200);
      await ended;
      clearInterval(again);
      expect(error).toContain('canceling statement due to user request');
    }
  });
});

describe('a gateway that requires TLS', () => {
  let port: number;
  beforeAll(async () => {
    port = await gatewayFor('require', scram);
  });

  it('refuses who comes without it before it asks for a password', async () => {
    const { error } = await ask(port, 'sslmode=disable password=', 'select 1');
    expect(error).toMatch(
      /FATAL: {2}no pg_hba\.conf entry for host "127\.0\.0\.1", user "joe", database "postgres", no encryption/,
    );
  });

  it('serves who comes with it', async () => {
    expect(await ask(port, 'sslmode=prefer', 'select 1')).toEqual({ out: '1', error: '' });
  });
});

describe('certificates of clients', () => {
  let port: number;
  beforeAll(async () => {
    const rules = parseHba('hostssl all eve all cert\nhostssl all joe all scram-sha-256 clientcert=verify-full', 'hba');
    if (rules.kind !== 'rules') throw new Error(rules.problems.join());
    port = await gatewayFor('allow', { kind: 'hba', rules: rules.rules, lookUp: true });
  });
  const as = (name: string): string =>
    `sslmode=verify-full sslrootcert=${root} sslcert=${folder}/${name}.crt sslkey=${folder}/${name}.key`;

  it('log in who they are for', async () => {
    expect(await ask(port, `user=eve ${as('eve')}`, 'select current_user')).toEqual({ out: 'eve', error: '' });
    expect(await ask(port, as('joe'), 'select current_user')).toEqual({ out: 'joe', error: '' });
  });

  it.each([
    ['eve', 'joe', 'certificate authentication failed for user "eve"'],
    ['eve', 'stranger', 'connection requires a valid client certificate'],
    ['joe', 'eve', 'FATAL'],
  ])('of user %s, where the certificate is of %s, are refused', async (user, certificate, expected) => {
    expect((await ask(port, `user=${user} ${as(certificate)}`, 'select 1')).error).toContain(expected);
  });

  it('are asked for', async () => {
    const { error } = await ask(port, `user=eve sslmode=require`, 'select 1');
    expect(error).toContain('connection requires a valid client certificate');
  });
});

describe('certificates that are renewed', () => {
  it('are shown to connections from then on; those that stand go on', async () => {
    const names = identity('renewed', authority, 'gateway');
    const before = server;
    server = await TlsFiles.load(world, names);
    const port = await gatewayFor('allow', scram);
    const string = `host=localhost port=${port} user=joe dbname=postgres sslmode=verify-full sslrootcert=${root}`;
    const client = spawn(psql, ['-XAtq', string], { env: { PGPASSWORD: 'secret', HOME: folder } });
    const said = (): Promise<string> =>
      new Promise((resolve) => client.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim())));
    client.stdin.write('select 1;\n');
    expect(await said()).toBe('1');
    const next = elsewhere.issue({ commonName: 'gateway', names: ['localhost'] });
    file('renewed.crt', next.certificate);
    file('renewed.key', next.key);
    await server.reload();
    client.stdin.write('select 2;\n');
    expect(await said()).toBe('2');
    client.stdin.end();
    const { error } = await ask(port, `sslmode=verify-full sslrootcert=${root}`, 'select 1');
    expect(error).toContain('certificate verify failed');
    server = before;
  });
});

describe('towards Postgres', () => {
  it.each([
    ['verify-full', elsewhere, 'the database server can not be reached over TLS'],
    ['verify-ca', elsewhere, 'the database server can not be reached over TLS'],
    ['require', elsewhere, undefined],
    ['prefer', elsewhere, undefined],
    ['disable', elsewhere, 'no encryption'],
  ] as const)('%s trusts whom it should', async (mode, trusted, expected) => {
    const authorities = file('trusted.crt', trusted.certificate);
    const names = { certificate: `${folder}/pooler.crt`, key: `${folder}/pooler.key`, authorities };
    const { context } = await TlsFiles.load(world, names);
    const port = await gatewayFor('allow', scram, { mode, context });
    const { out, error } = await ask(port, '', 'select 1');
    if (expected === undefined) expect([out, error]).toEqual(['1', '']);
    else expect(error).toContain(expected);
  });
});

describe('what no client should do', () => {
  let port: number;
  beforeAll(async () => {
    port = await gatewayFor('allow', scram);
  });

  function written(...writes: readonly ((writer: MessageWriter) => void)[]): Uint8Array {
    const writer = new MessageWriter(256);
    for (const write of writes) write(writer);
    return writer.take();
  }
  const startup = (writer: MessageWriter): void =>
    encodeStartupMessage(writer, { major: 3, minor: 0 }, [['user', 'joe']]);

  /** All that comes until the gateway hangs up. */
  async function untilEnd(socket: Socket): Promise<string> {
    const pieces: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => pieces.push(bytes)).on('error', () => {});
    await new Promise((resolve) => socket.once('close', resolve));
    return utf8Text(Buffer.concat(pieces));
  }

  it('is refused if it sends in clear behind its request for TLS', async () => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.write(written(encodeSslRequest, startup));
    const heard = await untilEnd(socket);
    expect(heard.slice(0, 2)).toBe('SE');
    expect(heard).toContain('received unencrypted data after SSL request');
  });

  it('is cut off if it speaks no TLS after asking for it', async () => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.write(written(encodeSslRequest));
    socket.once('data', () => socket.write(written(startup)));
    expect((await untilEnd(socket)).startsWith('S')).toBe(true);
  });

  it('is cut off without a word if it begins with TLS and names no protocol', async () => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.once('secureConnect', () => socket.write(written(startup)));
    expect(await untilEnd(socket)).toBe('');
  });

  it('fails in the handshake if it names another protocol', async () => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
    let reason = '';
    socket.on('error', (error) => (reason = error.message));
    await untilEnd(socket);
    expect(reason).toMatch(/no application protocol/i);
  });

  it('and nobody else notices', async () => {
    expect(await ask(port, 'sslmode=require', 'select 1')).toEqual({ out: '1', error: '' });
  });
});
