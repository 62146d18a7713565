import type { Weather, SimNode } from '../world/weather.ts';
import { startPostgres, type PostgresModel } from '../model/postgres/postgres.ts';
import { appUser, bannedUser, guestUser, tenantUser } from './accounts.ts';
import { DataDirectory } from '../model/postgres/storage/data-directory.ts';

export const postgresPort = 5432;
export const databaseName = 'shop';

/** Statements that end in this take long. */
export const slowText = ' AS slowly';
export const slowTextMs = 800;

/** A Postgres model on a node of its own. Its data directory outlives its processes. */
export class PostgresNode {
  readonly node: SimNode;
  readonly #directory = new DataDirectory({ databases: ['postgres', databaseName] });
  #model: PostgresModel | undefined;
  #password = 'password 1';
  #passwords = 1;

  constructor(weather: Weather, name: string) {
    const { kernel } = weather;
    const random = kernel.random.fork(`postgres/${name}`);
    const slow = random.pick([0, 0.2, 2, 20]);
    this.node = weather.node(name, async (world) => {
      this.#model = startPostgres(world, {
        endpoint: { kind: 'tcp', host: '0.0.0.0', port: postgresPort },
        onUnsupported: (text) => kernel.fail('model', `the Postgres model cannot do this: ${text}`),
        roles: [
          { name: 'postgres', superuser: true },
          { name: appUser, password: this.#password, memberOf: ['staff'] },
          { name: 'staff' },
          { name: bannedUser, password: this.#password },
          { name: guestUser },
          { name: tenantUser, superuser: true },
        ],
        // Poolers are trusted; gateways ask.
        authentication: 'trust',
        scramIterations: 2,
        directory: this.#directory,
        delayOfText: (text) => (text.endsWith(slowText) ? slowTextMs : 0),
        statementDelayMs: { least: 0.02, greatest: 0.05 + slow },
        flushDelayMs: { least: 0.1, greatest: 0.5 + Math.min(slow, 2) * 5 },
        startDelayMs: { least: 50, greatest: 500 },
      });
      await this.#model.ready;
    });
    weather.backendEnds.set(name, (nth, politely) => this.#endBackend(nth, politely));
  }

  get isReady(): boolean {
    return this.node.isUp && this.#model?.phase === 'up';
  }

  /** The model in its present life. */
  get model(): PostgresModel | undefined {
    return this.#model;
  }

  /** What the users' role has to prove. */
  get password(): string {
    return this.#password;
  }

  /** Another one; false if Postgres is not there to be told. */
  changePassword(): boolean {
    if (!this.isReady) return false;
    this.#passwords += 1;
    this.#password = `password ${this.#passwords}`;
    for (const role of [appUser, bannedUser]) this.#model?.setPassword(role, this.#password);
    return true;
  }

  /** One of the users' backends, a busy one if there is any. */
  #endBackend(nth: number, politely: boolean): void {
    const all = this.#model?.inspect.backends().filter(({ user }) => user === 'app') ?? [];
    const busy = all.filter(({ state }) => state === 'active');
    const from = busy.length > 0 ? busy : all;
    const backend = from[nth % from.length];
    if (backend === undefined || !this.node.isUp) return;
    if (politely) this.#model?.terminate(backend.pid);
    else this.#model?.kill(backend.pid);
  }

  /** A column of a committed table, as a new session would see it; empty if the server is not up. */
  committed(table: string, column: string): readonly string[] {
    return this.#model?.inspect.rows(databaseName, table)?.map((row) => String(row[column])) ?? [];
  }
}
