import type { World } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';

import { startPostgres, type PostgresModel } from '../postgres.ts';
import { basebackup, initdb, rewind, type Source } from '../programs.ts';
import type { PostgresOptions } from '../server/options.ts';
import type { DataDirectory } from '../storage/data-directory.ts';
import { Cables } from './cables.ts';
import { RawClient } from './raw-client.ts';
import type { Servers } from './servers.ts';

const port = 5432;

/** Simulated servers in a quiet world, each on a node of its own. */
export class ModelServers implements Servers {
  readonly world: QuietWorld = quietWorld();
  readonly directories: Map<string, DataDirectory> = new Map();
  readonly models: Map<string, PostgresModel> = new Map();
  readonly unsupported: string[] = [];
  readonly log: string[] = [];
  readonly #cables: Cables = new Cables();
  readonly #options: Partial<PostgresOptions>;

  constructor(options: Partial<PostgresOptions>) {
    this.#options = options;
  }

  async make(name: string): Promise<void> {
    this.directories.set(name, initdb({}));
    await this.start(name, 'primary');
  }

  async clone(name: string, from: string): Promise<void> {
    const target = initdb({});
    await this.world.until(basebackup(this.world.node(name), target, source(from)));
    target.autoConf.set('primary_conninfo', this.conninfo(from, name));
    this.directories.set(name, target);
    await this.start(name, 'standby');
  }

  async start(name: string, as: 'primary' | 'standby'): Promise<void> {
    const directory = this.directories.get(name) as DataDirectory;
    directory.standbySignal = as === 'standby';
    const model = startPostgres(this.#node(name), {
      endpoint: { kind: 'tcp', host: name, port },
      onUnsupported: (text) => this.unsupported.push(text),
      onLog: (level, message) => this.log.push(`${name} ${level} ${message}`),
      directory,
      ...this.#options,
    });
    this.models.set(name, model);
    await this.world.until(model.ready);
  }

  #node(name: string): World {
    return this.#cables.world(this.world.node(name), name);
  }

  async cut(a: string, b: string): Promise<void> {
    this.#cables.cut(a, b);
  }

  async mend(a: string, b: string): Promise<void> {
    this.#cables.mend(a, b);
  }

  async stop(name: string, how: 'fast' | 'immediate'): Promise<void> {
    const model = this.models.get(name) as PostgresModel;
    if (how === 'fast') model.stop();
    else model.crash();
    while (model.phase !== 'down') await this.world.advance(10);
    await this.world.advance(10);
  }

  async rewind(name: string, from: string): Promise<'rewound' | 'no rewind required'> {
    const target = this.directories.get(name) as DataDirectory;
    const { unchanged } = await this.world.until(rewind(this.world.node(name), target, source(from)));
    return unchanged ? 'no rewind required' : 'rewound';
  }

  conninfo(to: string, as: string): string {
    return `host=${to} port=${port} user=postgres application_name=${as}`;
  }

  async connect(name: string, parameters?: Record<string, string>): Promise<RawClient> {
    const client = await this.world.until(RawClient.connect(this.world, { kind: 'tcp', host: name, port }, parameters));
    await this.world.settle();
    return client;
  }

  async moment(): Promise<void> {
    await this.world.advance(20);
  }
}

function source(from: string): Source {
  return { endpoint: { kind: 'tcp', host: from, port }, user: 'postgres', password: undefined };
}
