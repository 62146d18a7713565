import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import path from 'node:path';

import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadGrammar } from './sql/parser.ts';
import { RawClient, type Wire } from './testing/raw-client.ts';
import { randomScript } from './testing/random-script.ts';
import { runOnModel } from './testing/run-on-model.ts';
import type { Step } from './testing/script.ts';
import { scripts } from './testing/scripts.ts';
import { normalStory, story } from './testing/story.ts';

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

/** A real server in a folder of its own, reachable by a socket in there. */
class RealPostgres {
  folder = '';
  readonly #bin: string;
  #server: ChildProcess | undefined;

  constructor(bin: string) {
    this.#bin = bin;
  }

  async start(): Promise<void> {
    this.folder = mkdtempSync('/tmp/model-');
    const runAs = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    if (runAs.uid !== undefined) chownSync(this.folder, runAs.uid, runAs.gid);
    const data = path.join(this.folder, 'data');
    const common = { ...runAs, cwd: this.folder, env: {} };
    execFileSync(
      path.join(this.#bin, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '--locale=C', '-E', 'UTF8'],
      { ...common, stdio: 'pipe' },
    );
    const settings = ['listen_addresses=', 'fsync=off', 'TimeZone=UTC', 'autovacuum=off', 'deadlock_timeout=200ms'];
    const args = ['-D', data, '-k', this.folder, ...settings.flatMap((setting) => ['-c', setting])];
    const server = spawn(path.join(this.#bin, 'postgres'), args, { ...common, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#server = server;
    process.once('exit', () => server.kill('SIGQUIT'));
    await new Promise<void>((resolve, reject) => {
      server.once('exit', () => reject(new Error('postgres ended')));
      server.stderr.on('data', (line: Buffer) => {
        if (line.includes('ready to accept connections')) resolve();
      });
    });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server !== undefined && server.exitCode === null) {
      await new Promise((resolve) => {
        server.once('exit', resolve);
        server.kill('SIGINT');
      });
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async connect(): Promise<RawClient> {
    const socket = createConnection(path.join(this.folder, '.s.PGSQL.5432'));
    const client = new RawClient(socketWire(socket));
    client.login();
    await waitFor(() => client.readies > 0 || client.closed);
    client.take();
    return client;
  }

  async ask(client: RawClient, text: string): Promise<string[]> {
    client.query(text);
    await waitFor(() => client.readies > 0);
    return story(client.take());
  }

  /** Runs a script in an empty schema; answers what each step's session heard. */
  async run(script: readonly Step[], monitor: RawClient): Promise<string[][]> {
    await this.ask(monitor, 'drop schema public cascade; create schema public; grant all on schema public to public');
    const clients = new Map<string, RawClient>();
    const heard: string[][] = [];
    for (const step of script) {
      const client = clients.get(step.session) ?? (await this.connect());
      clients.set(step.session, client);
      if (step.kind === 'leave') client.leave();
      else if (step.kind !== 'await') client.send(step.write);
      if (step.kind === 'block') await this.#untilBlocked(client, monitor);
      if (step.kind === 'leave') await this.#untilGone(client, monitor);
      const readies = step.kind === 'send' ? step.readies : step.kind === 'await' ? 1 : 0;
      await waitFor(() => client.readies >= readies || client.closed);
      heard.push(normalStory(client.take()));
    }
    for (const client of clients.values()) client.leave();
    for (const client of clients.values()) await this.#untilGone(client, monitor);
    return heard;
  }

  async #untilBlocked(client: RawClient, monitor: RawClient): Promise<void> {
    const text = `select 1 from pg_stat_activity where pid = ${client.pid} and wait_event_type = 'Lock'`;
    while (!(await this.ask(monitor, text)).includes('row 1'))
      if (client.readies > 0) throw new Error('it did not block');
  }

  async #untilGone(client: RawClient, monitor: RawClient): Promise<void> {
    const text = `select 1 from pg_stat_activity where pid = ${client.pid}`;
    while ((await this.ask(monitor, text)).includes('row 1'));
  }
}

/** Gives the event loop turns until something holds. */
async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const roles = [{ name: 'postgres', superuser: true }, { name: 'alice', memberOf: ['bob'] }, { name: 'bob' }];

describe.each(found)('the model and Postgres $major', ({ major, bin }) => {
  const real = new RealPostgres(bin);
  let monitor: RawClient;
  const options = { roles, settings: { deadlock_timeout: '200ms' }, serverVersion: `${major}.0` };

  beforeAll(async () => {
    await loadGrammar();
    await real.start();
    monitor = await real.connect();
    await real.ask(monitor, 'create role alice login; create role bob login; grant bob to alice');
    await real.ask(monitor, 'set client_min_messages = error');
  }, 60_000);
  afterAll(() => real.stop());

  async function compare(script: readonly Step[]): Promise<void> {
    const expected = await real.run(script, monitor);
    const actual = await runOnModel(script, options);
    const differences = script.flatMap((step, i) => {
      const [model, server] = [actual[i] ?? [], expected[i] ?? []];
      const said = 'text' in step ? step.text : step.kind;
      return JSON.stringify(model) === JSON.stringify(server)
        ? []
        : [{ step: `${step.session}: ${said}`, model, server }];
    });
    expect(differences).toEqual([]);
  }

  for (const [title, script] of Object.entries(scripts)) {
    it(`agree: ${title}`, () => compare(script), 30_000);
  }

  it('agree on random scripts', async () => {
    await fc.assert(
      fc.asyncProperty(randomScript, async (script) => compare(script)),
      { numRuns: Number(process.env['MODEL_RUNS'] ?? 60), endOnFailure: false },
    );
  }, 600_000);
});
