import { connect, type NetConnectOpts } from 'node:net';
import { pipe } from '@multigres/core';
import { defaultGatewayLimits, startGateway, type Gateway } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import {
  cancelRequestCode,
  decodeBackendMessage,
  encodeGssencRequest,
  encodeSslRequest,
  encodeStartupMessage,
  encodeTerminate,
  MessageWriter,
} from '@multigres/pgwire';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';

/** Bytes as they are; `wait` lets what came before be answered first. */
type Say = Uint8Array | 'wait';

function written(...writes: readonly ((writer: MessageWriter) => void)[]): Uint8Array {
  const writer = new MessageWriter(256);
  for (const write of writes) write(writer);
  return writer.take();
}

const ssl = written(encodeSslRequest);
const gss = written(encodeGssencRequest);
const terminate = written(encodeTerminate);
const user = { user: 'postgres' };

function startup(parameters: Readonly<Record<string, string>>, minor = 0, major = 3): Uint8Array {
  return written((writer) => encodeStartupMessage(writer, { major, minor }, Object.entries(parameters)));
}

/** An untagged packet of these bytes behind the length, which may be a lie. */
function packet(body: readonly number[], length: number = body.length + 4): Uint8Array {
  return Uint8Array.of(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255, ...body);
}

function options(text: string): readonly Say[] {
  return [startup({ ...user, options: text })];
}

const letters = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));
const version = [0, 3, 0, 0];
const cancel = (...key: number[]): Uint8Array =>
  packet([...[24, 16, 8, 0].map((shift) => (cancelRequestCode >>> shift) & 255), 0, 0, 0, 1, ...key]);

const conversations: Readonly<Record<string, readonly Say[]>> = {
  'protocol 3.0': [startup(user)],
  'protocol 3.1': [startup(user, 1)],
  'protocol 3.2': [startup(user, 2)],
  'protocol 3.3': [startup(user, 3)],
  'protocol 3.9999': [startup(user, 9999)],
  'protocol 2.0': [startup(user, 0, 2)],
  'protocol 1.0': [startup(user, 0, 1)],
  'protocol 4.0': [startup(user, 0, 4)],
  'an option of the protocol': [startup({ ...user, '_pq_.one': '1', '_pq_.two': '' })],
  'an option of the protocol, in 3.2': [startup({ ...user, '_pq_.one': '1' }, 2)],
  'an option of the protocol, and no user': [startup({ '_pq_.one': '1' }, 3)],
  'an option of the protocol, and bad replication': [startup({ ...user, '_pq_.one': '1', replication: 'maybe' })],
  'no user': [startup({})],
  'an empty user': [startup({ user: '' })],
  'an empty database': [startup({ ...user, database: '' })],
  'a database that is not there': [startup({ ...user, database: 'nowhere' })],
  'bad replication': [startup({ ...user, replication: 'maybe' })],
  'replication off': [startup({ ...user, replication: 'off' })],
  'SSLRequest, then startup': [ssl, 'wait', startup(user)],
  'GSSENCRequest, then startup': [gss, 'wait', startup(user)],
  'SSLRequest, GSSENCRequest': [ssl, 'wait', gss, 'wait', startup(user)],
  'GSSENCRequest, SSLRequest': [gss, 'wait', ssl, 'wait', startup(user)],
  'both in turns': [ssl, 'wait', gss, 'wait', ssl, 'wait', gss, 'wait', startup(user)],
  'SSLRequest twice': [ssl, 'wait', ssl],
  'GSSENCRequest twice': [gss, 'wait', gss],
  'SSLRequest and startup at once': [written(encodeSslRequest, (writer) => writer.bytes(startup(user)))],
  'GSSENCRequest and startup at once': [written(encodeGssencRequest, (writer) => writer.bytes(startup(user)))],
  'a startup packet in two pieces': [startup(user).slice(0, 7), 'wait', startup(user).slice(7)],
  'a packet without its last byte': [packet([...version, ...letters('user\0postgres\0')])],
  'a packet with a byte too many': [packet([...version, ...letters('user\0postgres\0\0x')])],
  'a packet that ends in a name': [packet([...version, ...letters('user\0postgres\0database')])],
  'a packet without parameters': [packet([...version, 0])],
  'options that set something': options('-c work_mem=8MB --application-name=a\\ b -c search_path=x,y'),
  'options that set it together': options('-cwork_mem=8MB'),
  'options without a value': options('-c work_mem'),
  'options with a long name only': options('--work-mem'),
  'options that are none': options('work_mem=1'),
  'options with an unknown letter': options('-x'),
  'options with two dashes': options('--'),
  'options behind two dashes': options('-- -c geqo=off'),
  'an option that is only a dash': options('-'),
  'bad options, and no user': [startup({ options: 'x' })],
  'options of a setting that is not there': options('-c no_such=1'),
  'options with a value that is none': options('-c work_mem=much'),
  'options that may not be set at startup': options('-c shared_buffers=1MB'),
  'a setting that is not there': [startup({ ...user, no_such: '1' })],
  'a setting with a value that is none': [startup({ ...user, DateStyle: 'never' })],
  'a setting of an extension to come': [startup({ ...user, 'my.setting': '1' })],
  'a cancel for nobody': [cancel(1, 2, 3, 4)],
  'a cancel without a key': [cancel()],
};

const silenceMs = 10_000;

/** What the server says until it is ready for queries or hangs up, in short: what is random is left out. */
async function talk(to: NetConnectOpts, says: readonly Say[]): Promise<string[]> {
  const heard: string[] = [];
  const socket = connect(to);
  let rest: Buffer = Buffer.alloc(0);
  // Requests for encryption are answered by a letter, not by a message.
  let lettersDue = says.filter((say) => say !== 'wait' && asksForEncryption(say)).length;
  let wake = (): void => {};
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    for (; lettersDue > 0 && (rest[0] === 0x4e || rest[0] === 0x53); lettersDue--) {
      heard.push(String.fromCharCode(rest[0]));
      rest = rest.subarray(1);
    }
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const end = 1 + rest.readInt32BE(1);
      heard.push(...inShort(rest.subarray(0, end)));
      rest = rest.subarray(end);
      if (heard.at(-1) === 'ready') socket.end(terminate);
    }
    wake();
  });
  for (const say of says) {
    if (say === 'wait') await Promise.race([new Promise<void>((resolve) => (wake = resolve)), closed, quiet(300)]);
    else socket.write(say);
  }
  await Promise.race([closed, quiet(silenceMs)]);
  if (rest.length > 0) heard.push(`no message: ${JSON.stringify(rest.toString())}`);
  heard.push(socket.closed ? 'closed' : 'still open');
  socket.destroy();
  return heard;
}

/** The code of the packet is one of protocol 1234. */
function asksForEncryption(say: Uint8Array): boolean {
  return say[4] === 4 && say[5] === 210 && say[6] === 22 && (say[7] === 47 || say[7] === 48);
}

function quiet(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/** Settings that are not the client's own differ with who has asked before. */
const told = new Set(['DateStyle', 'application_name', 'search_path', 'server_version', 'TimeZone']);

function inShort(bytes: Buffer): string[] {
  const message = decodeBackendMessage(Uint8Array.from(bytes), 0, bytes.length);
  switch (message?.kind) {
    case 'errorResponse': {
      const { severity, sqlstate, message: text, detail, hint } = message.report;
      return [[severity, sqlstate, text, detail, hint].filter((part) => part !== undefined).join(' | ')];
    }
    case 'negotiateProtocolVersion':
      return [`negotiate ${message.version.major}.${message.version.minor} ${message.unknownOptions.join()}`];
    case 'parameterStatus':
      return told.has(message.name) ? [`${message.name}=${message.value}`] : [];
    case 'backendKeyData':
      return [`key of ${message.secretKey.length}`];
    case 'readyForQuery':
      return ['ready'];
    default:
      return [message?.kind ?? 'malformed'];
  }
}

describe('the first packets of a client get the answers of Postgres 18', () => {
  const world = hostWorld({ log: { level: 'error' } });
  let postgres: OwnPostgres;
  let pooler: Pooler;
  let gateway: Gateway;

  beforeAll(async () => {
    postgres = await OwnPostgres.make([], ['local all all trust'], { version: 'postgres-18' });
    pooler = await startPooler(world, {
      id: 'pooler',
      relay: undefined,
      postgres: { kind: 'unix', path: postgres.socket },
      limits: defaultPoolerLimits,
    });
    const listen = [{ kind: 'tcp', host: '127.0.0.1', port: 0 } as const];
    const config = { id: 'gateway', listen, auth: { kind: 'trust' } as const, limits: defaultGatewayLimits };
    gateway = await startGateway(world, config, async () => {
      const [ours, theirs] = pipe();
      pooler.accept(theirs);
      return ours;
    });
  }, 120_000);

  afterAll(async () => {
    await gateway?.stop();
    await pooler?.stop();
    await postgres?.remove();
  });

  it.each(Object.entries(conversations))('%s', async (_, says) => {
    const [endpoint] = gateway.endpoints;
    const [ours, theirs] = await Promise.all([
      talk({ host: '127.0.0.1', port: endpoint?.kind === 'tcp' ? endpoint.port : 0 }, says),
      // By its socket, as it would agree to GSSAPI over TCP.
      talk({ path: postgres.socket }, says),
    ]);
    expect(ours).toEqual(theirs);
  });

  it.each([
    ['HTTP', Uint8Array.from(letters('GET / HTTP/1.1\r\n\r\n'))],
    ['a length of 4', packet([], 4)],
    ['a length that is too much', packet([...version, 0], 10_005)],
  ])('but for %s, where Postgres only logs what is wrong', async (_, bytes) => {
    const [endpoint] = gateway.endpoints;
    const port = endpoint?.kind === 'tcp' ? endpoint.port : 0;
    expect(await talk({ host: '127.0.0.1', port }, [bytes])).toEqual([
      'FATAL | 08P01 | invalid length of startup packet',
      'closed',
    ]);
    expect(await talk({ path: postgres.socket }, [bytes])).toEqual(['closed']);
  });
});
