import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadGrammar } from './sql/parser.ts';
import { ModelServers } from './testing/model-servers.ts';
import { RawClient, type Wire } from './testing/raw-client.ts';
import { replicationStories } from './testing/replication-stories.ts';
import { Play, type Servers } from './testing/servers.ts';

const tools = process.env['MG_TOOLS'] ?? path.join(import.meta.dirname, '../../../../../.tools');

/** Whatever is on this machine: fetched by the tools of this repository, or installed. */
const found = [17, 15].flatMap((major) => {
  const within = `usr/lib/postgresql/${major}/bin`;
  const bin = [path.join(tools, `postgres-${major}`, within), `/${within}`].find((folder) =>
    existsSync(path.join(folder, 'initdb')),
  );
  return bin === undefined ? [] : [{ major, bin }];
});

function socketWire(socket: Socket): Wire {
  return {
    attach: (handler) => {
      socket.on('data', (bytes: Buffer) => handler.data(bytes));
      socket.on('end', () => handler.end());
      socket.on('error', () => {});
      socket.on('close', () => handler.closed(undefined));
    },
    write: (bytes) => socket.write(bytes),
    destroy: () => {
      socket.destroy();
    },
  };
}

const settings: Readonly<Record<string, string>> = {
  wal_retrieve_retry_interval: '100ms',
  wal_receiver_status_interval: '1s',
  wal_log_hints: 'on',
  wal_keep_size: '1GB',
  max_prepared_transactions: '5',
  deadlock_timeout: '200ms',
};

/** Real servers in a folder of their own, which talk over sockets in there. */
class RealServers implements Servers {
  readonly #bin: string;
  readonly #folder: string = mkdtempSync('/tmp/replicas-');
  readonly #runAs = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  readonly #servers: Map<string, ChildProcess> = new Map();
  readonly #wires: Wires;

  constructor(bin: string, wires: Wires) {
    this.#wires = wires;
    this.#bin = bin;
    if (this.#runAs.uid !== undefined) chownSync(this.#folder, this.#runAs.uid, this.#runAs.gid);
  }

  #data(name: string): string {
    return path.join(this.#folder, name);
  }

  #run(program: string, args: readonly string[]): string {
    const options = { ...this.#runAs, cwd: this.#folder, env: {}, stdio: 'pipe' } as const;
    const { status, stdout, stderr } = spawnSync(path.join(this.#bin, program), args, options);
    if (status !== 0) throw new Error(`${program}: ${stderr.toString()}`);
    return `${stdout.toString()}${stderr.toString()}`;
  }

  async make(name: string): Promise<void> {
    this.#run('initdb', ['-D', this.#data(name), '-U', 'postgres', '-A', 'trust', '-N', '--locale=C', '-E', 'UTF8']);
    const conf = Object.entries(settings).map(([key, value]) => `${key} = '${value}'\n`);
    writeFileSync(path.join(this.#data(name), 'postgresql.conf'), conf.join(''), { flag: 'a' });
    await this.start(name, 'primary');
  }

  async clone(name: string, from: string): Promise<void> {
    const port = String(portOf(from));
    const where = ['-h', this.#folder, '-p', port, '-U', 'postgres'];
    this.#run('pg_basebackup', ['-D', this.#data(name), ...where, '-c', 'fast', '-N']);
    const conf = path.join(this.#data(name), 'postgresql.auto.conf');
    writeFileSync(conf, `primary_conninfo = '${this.conninfo(from, name)}'\n`, { flag: 'a' });
    await this.start(name, 'standby');
  }

  async start(name: string, as: 'primary' | 'standby'): Promise<void> {
    const signal = path.join(this.#data(name), 'standby.signal');
    if (as === 'standby') writeFileSync(signal, '');
    else rmSync(signal, { force: true });
    if (this.#runAs.uid !== undefined && as === 'standby') chownSync(signal, this.#runAs.uid, this.#runAs.gid);
    const all = { fsync: 'off', listen_addresses: '', autovacuum: 'off', TimeZone: 'UTC' };
    const args = Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    const server = spawn(
      path.join(this.#bin, 'postgres'),
      ['-D', this.#data(name), '-k', this.#folder, '-p', String(portOf(name)), ...args],
      { ...this.#runAs, cwd: this.#folder, env: {}, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#servers.set(name, server);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      server.once('exit', () => reject(new Error(`postgres ended: ${said}`)));
      server.stderr.on('data', (line: Buffer) => {
        said += line.toString();
        if (/ready to accept (read-only )?connections/.test(said)) resolve();
      });
    });
  }

  async stop(name: string, how: 'fast' | 'immediate'): Promise<void> {
    const server = this.#servers.get(name);
    this.#servers.delete(name);
    if (server === undefined || server.exitCode !== null) return;
    await new Promise((resolve) => {
      server.once('exit', resolve);
      server.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    });
  }

  async rewind(name: string, from: string): Promise<'rewound' | 'no rewind required'> {
    const conninfo = this.#direct(from, name);
    const said = this.#run('pg_rewind', ['-D', this.#data(name), `--source-server=${conninfo} dbname=postgres`]);
    return said.includes('no rewind required') ? 'no rewind required' : 'rewound';
  }

  /** Servers follow through a wire of ours, which can be cut. */
  async cut(a: string, b: string): Promise<void> {
    this.#wires.cut(way(a, b));
  }

  async mend(a: string, b: string): Promise<void> {
    this.#wires.mend(way(a, b));
  }

  conninfo(to: string, as: string): string {
    const port = this.#wires.portFor(way(to, as), path.join(this.#folder, `.s.PGSQL.${portOf(to)}`));
    return `host=127.0.0.1 port=${port} user=postgres application_name=${as}`;
  }

  #direct(to: string, as: string): string {
    return `host=${this.#folder} port=${portOf(to)} user=postgres application_name=${as}`;
  }

  async connect(name: string, parameters?: Record<string, string>): Promise<RawClient> {
    const socket = createConnection(path.join(this.#folder, `.s.PGSQL.${portOf(name)}`));
    const client = new RawClient(socketWire(socket));
    client.login(parameters);
    while (client.readies === 0 && !client.closed) await turn(1);
    return client;
  }

  async moment(): Promise<void> {
    await turn(20);
  }

  async close(): Promise<void> {
    for (const name of this.#servers.keys()) await this.stop(name, 'immediate');
    this.#wires.close();
    execFileSync('rm', ['-rf', this.#folder]);
  }
}

/** A listener at a port for each pair of servers, which passes on what comes, or holds it. */
class Wires {
  readonly #listeners: readonly Server[];
  readonly #ports: Map<
    string,
    { readonly port: number; held: boolean; to: string; readonly pairs: [Socket, Socket][] }
  > = new Map();

  private constructor(listeners: readonly Server[]) {
    this.#listeners = listeners;
  }

  static async open(): Promise<Wires> {
    const listeners = await Promise.all(
      [0, 1, 2, 3].map(async () => {
        const listener = createServer();
        await new Promise<void>((resolve) => {
          listener.listen(0, '127.0.0.1', resolve);
        });
        return listener;
      }),
    );
    return new Wires(listeners);
  }

  portFor(name: string, to: string): number {
    const known = this.#ports.get(name);
    if (known !== undefined) {
      known.to = to;
      return known.port;
    }
    const listener = this.#listeners[this.#ports.size] as Server;
    const wire = { port: (listener.address() as AddressInfo).port, held: false, to, pairs: [] as [Socket, Socket][] };
    this.#ports.set(name, wire);
    listener.on('connection', (near) => {
      const far = createConnection(wire.to);
      wire.pairs.push([near, far]);
      for (const [from, into] of [
        [near, far],
        [far, near],
      ] as const) {
        if (wire.held) from.pause();
        from.on('data', (bytes: Buffer) => into.write(bytes));
        from.on('error', () => {});
        from.on('close', () => into.destroy());
      }
    });
    return wire.port;
  }

  cut(name: string): void {
    this.#hold(name, true);
  }

  mend(name: string): void {
    this.#hold(name, false);
  }

  #hold(name: string, held: boolean): void {
    for (const [key, wire] of this.#ports) {
      if (key !== name) continue;
      wire.held = held;
      for (const socket of wire.pairs.flat())
        if (held) socket.pause();
        else socket.resume();
    }
  }

  close(): void {
    for (const { pairs } of this.#ports.values()) for (const socket of pairs.flat()) socket.destroy();
    for (const listener of this.#listeners) listener.close();
  }
}

const way = (a: string, b: string): string => [a, b].toSorted().join('-');

const portOf = (name: string): number => 5432 + (name.codePointAt(0) as number);

/** Real servers live in real time: a story looks again after a while. */
async function turn(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

beforeAll(loadGrammar);

describe.each(found)('replicas of the model and of Postgres $major', ({ major, bin }) => {
  const running: RealServers[] = [];
  afterAll(async () => {
    for (const servers of running) await servers.close();
  });

  for (const [title, story] of Object.entries(replicationStories)) {
    it(`agree: ${title}`, async () => {
      const model = new ModelServers({ settings, serverVersion: `${major}.0` });
      const simulated = new Play(model);
      await story(simulated);
      expect(model.unsupported).toEqual([]);
      const servers = new RealServers(bin, await Wires.open());
      running.push(servers);
      const real = new Play(servers);
      await story(real);
      await servers.close();
      expect(simulated.seen).toEqual(real.seen);
    }, 120_000);
  }
});
