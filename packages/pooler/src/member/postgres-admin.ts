import type { World } from '@multigres/core';
import { AdminQueries, type Row } from '../backend/admin-queries.ts';
import type { PostgresServer } from '../backend/postgres-server.ts';
import { memberNotReady, waitedTooLong } from '../errors.ts';
import type { PoolerMetrics } from '../telemetry/pooler-metrics.ts';
import { alterSystemSql, memberSql, settingsSql } from './member-sql.ts';
import { memberTiming } from './member-timing.ts';

/** As whom the member talks to its Postgres. */
export interface AdminLogin {
  readonly user: string;
  readonly database: string;
}

/** By name; undefined: not set by us. */
export type SystemSettings = Readonly<Record<string, string | undefined>>;

/** What roles or databases may have been given must not change what the member's own statements mean. */
const settings: readonly (readonly [string, string])[] = [
  ['application_name', 'multigres member'],
  ['synchronous_commit', 'on'],
  ['statement_timeout', '0'],
  ['lock_timeout', '0'],
  ['default_transaction_read_only', 'off'],
];

/**
 * The member's own connections to its Postgres: one for questions, one for commits that wait for a quorum, and new ones where only a new one tells the
 * truth. Everything rejects with a PgError.
 */
export class PostgresAdmin {
  readonly #world: World;
  readonly #server: PostgresServer;
  readonly #login: AdminLogin;
  readonly #metrics: PoolerMetrics;
  readonly #questions: AdminQueries;
  readonly #fresh: Set<AdminQueries> = new Set();
  /** What was written, and is in force. */
  readonly #settled: Map<string, string | undefined> = new Map();

  /** `lost` is called when Postgres has closed the connection for questions: it may be down. */
  constructor(world: World, server: PostgresServer, login: AdminLogin, metrics: PoolerMetrics, lost: () => void) {
    this.#world = world;
    this.#server = server;
    this.#login = login;
    this.#metrics = metrics;
    this.#questions = this.#connection(lost);
  }

  /** A question that is answered soon. */
  ask = (sql: string): Promise<readonly Row[]> => this.#questions.query(sql);

  /** A connection of its own; the caller closes it. */
  open(): AdminQueries {
    const connection = this.#connection(() => {});
    this.#fresh.add(connection);
    return connection;
  }

  closed(connection: AdminQueries): void {
    this.#fresh.delete(connection);
    connection.close();
  }

  /** Asks on a connection that is made now, so that it shows what the postmaster has. */
  async askAnew(sql: string): Promise<readonly Row[]> {
    const connection = this.open();
    try {
      return await connection.query(sql);
    } finally {
      this.closed(connection);
    }
  }

  /**
   * Writes the settings (durably: PostgreSQL documentation, "ALTER SYSTEM"), lets the configuration be read again, and waits until a new
   * connection has them: then the postmaster does, and has sent the signal to all its processes. What was made so here before is left alone: the
   * file has it, and so has every server that was started since.
   */
  async configure(wanted: SystemSettings): Promise<void> {
    const names = Object.keys(wanted).filter((name) => !this.#isSettled(name, wanted[name]));
    if (names.length === 0) return;
    // Not in one text: ALTER SYSTEM refuses to run in a transaction, which several statements would be.
    for (const name of names) {
      this.#settled.delete(name);
      await this.ask(alterSystemSql(name, wanted[name]));
    }
    await this.ask(memberSql.reload);
    const values = names.filter((name) => wanted[name] !== undefined);
    await this.#untilSettled(values.map((name) => [name, wanted[name] as string]));
    for (const name of names) this.#settled.set(name, wanted[name]);
  }

  /** The data directory brings settings of its own: nothing is known of them. */
  forgetSettings(): void {
    this.#settled.clear();
  }

  #isSettled(name: string, value: string | undefined): boolean {
    return this.#settled.has(name) && this.#settled.get(name) === value;
  }

  /** Only writes them, for a server that is about to be stopped. */
  async writeSettings(wanted: SystemSettings): Promise<void> {
    this.forgetSettings();
    for (const name of Object.keys(wanted)) await this.ask(alterSystemSql(name, wanted[name]));
  }

  /** What the postmaster has. */
  async setting(name: string): Promise<string> {
    const [row] = await this.askAnew(settingsSql([name]));
    return row?.[0] ?? '';
  }

  async isInRecovery(): Promise<boolean> {
    const [row] = await this.ask(memberSql.isInRecovery);
    return row?.[0] === 't';
  }

  /** Waits until `done`, looking again soon. 57014 after `ms`. */
  async waitFor(what: string, ms: number, done: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#world;
    const startMs = clock.nowMs();
    while (!(await done())) {
      const waitedMs = clock.nowMs() - startMs;
      if (waitedMs > ms) throw waitedTooLong(what, ms);
      await clock.sleep(waitedMs < memberTiming.impatienceMs ? memberTiming.soonMs : memberTiming.lookMs);
    }
  }

  close(): void {
    this.#questions.close();
    for (const connection of this.#fresh) connection.close();
    this.#fresh.clear();
  }

  async #untilSettled(wanted: readonly (readonly [name: string, value: string])[]): Promise<void> {
    if (wanted.length === 0) return;
    const sql = settingsSql(wanted.map(([name]) => name));
    await this.waitFor(`the new ${wanted.map(([name]) => name).join(', ')}`, memberTiming.settleMs, async () => {
      const [row] = await this.askAnew(sql);
      if (row === undefined) throw memberNotReady('Postgres tells no settings');
      return wanted.every(([, value], at) => row[at] === value);
    });
  }

  #connection(lost: () => void): AdminQueries {
    const identity = { ...this.#login, settings, lost };
    return new AdminQueries(this.#world, this.#server, identity, memberTiming.askMs, this.#metrics);
  }
}
