import type { Weather, SimNode } from '../world/weather.ts';
import { Server } from '../model/postgres/server/server.ts';
import { WriteAheadLog } from '../model/postgres/storage/log.ts';

export const postgresPort = 5432;
export const databaseName = 'shop';

/** A Postgres model on a node of its own. Its log outlives its processes. */
export class PostgresNode {
  readonly node: SimNode;
  readonly #log = new WriteAheadLog();
  #server: Server | undefined;
  #lives = 0;

  constructor(weather: Weather, name: string) {
    const { kernel } = weather;
    const random = kernel.random.fork(`postgres/${name}`);
    const slow = random.pick([0, 0.2, 2]);
    this.node = weather.node(name, async (world) => {
      // What the last life had not flushed is lost, but for a prefix.
      if (this.#lives > 0) this.#log.loseUnflushed((count) => (count === 0 ? 0 : random.below(count + 1)));
      this.#lives += 1;
      this.#server = new Server(world, {
        endpoint: { kind: 'tcp', host: '0.0.0.0', port: postgresPort },
        onUnsupported: (text) => kernel.fail('model', `the Postgres model cannot do this: ${text}`),
        databases: ['postgres', databaseName],
        roles: [{ name: 'postgres', superuser: true }, { name: 'app' }],
        log: this.#log,
        statementDelayMs: { least: 0.02, greatest: 0.05 + slow },
        flushDelayMs: { least: 0.1, greatest: 0.5 + slow * 5 },
        startDelayMs: { least: 50, greatest: 500 },
      });
      await this.#server.start();
    });
  }

  get isReady(): boolean {
    return this.node.isUp && this.#server?.phase === 'up';
  }

  get server(): Server | undefined {
    return this.#server;
  }

  /** The first column of a committed table, as a new session would see it; undefined if the server is not up. */
  committedKeys(table: string): readonly string[] | undefined {
    return this.#server?.storeIfUp?.committedRows(databaseName, 'public', table)?.map((row) => String(row[0]));
  }
}
