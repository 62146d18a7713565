import { PgError, sqlstate, utf8Text, type Clock, type PgReport, type World } from '@multigres/core';
import { backendTag, decodeDataRow, decodeErrorResponse, Deframer } from '@multigres/pgwire';
import { adminQueryFailed, adminTimedOut, commitInDoubt, backendLostHarmlessly, tooManyQuestions } from '../errors.ts';
import type { PoolerMetrics } from '../telemetry/pooler-metrics.ts';
import { brokenWait } from './broken-wait.ts';
import type { Backend, BackendOwner } from './backend.ts';
import type { Group, GroupEnd, GroupOwner } from './group.ts';
import { login } from './login.ts';
import { SchemaVersion } from './schema-version.ts';
import type { PostgresServer } from './postgres-server.ts';

export interface AdminIdentity {
  readonly user: string;
  readonly database: string;
  readonly password?: string;
  /** Startup settings; default: an application name. */
  readonly settings?: readonly (readonly [name: string, value: string])[];
  /** Called when the connection is gone, but not because it was closed from this side. */
  readonly lost?: () => void;
}

export type Row = readonly (string | null)[];

/** The pooler's own questions to Postgres, over one connection that is opened when first needed and again when lost. */
export class AdminQueries implements BackendOwner {
  readonly metrics: PoolerMetrics;
  readonly #world: World;
  readonly #clock: Clock;
  readonly #postgres: PostgresServer;
  readonly #identity: AdminIdentity;
  readonly #timeoutMs: number;
  #backend: Promise<Backend> | undefined;
  #closed = false;

  constructor(
    world: World,
    postgres: PostgresServer,
    identity: AdminIdentity,
    timeoutMs: number,
    metrics: PoolerMetrics,
  ) {
    this.metrics = metrics;
    this.#world = world;
    this.#clock = world.clock;
    this.#postgres = postgres;
    this.#identity = identity;
    this.#timeoutMs = timeoutMs;
  }

  /** Runs one statement; rejects with a PgError. Takes at most twice the login's time, or `timeoutMs` after it. */
  async query(sql: string, timeoutMs: number = this.#timeoutMs): Promise<readonly Row[]> {
    this.#backend ??= this.#login();
    const backend = await this.#backend;
    if (!backend.hasRoom) throw tooManyQuestions();
    return await new Promise<readonly Row[]>((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => {
        backend.destroy();
        reject(adminTimedOut(timeoutMs));
      });
      const answer = new Answer((outcome) => {
        timer.cancel();
        if (outcome instanceof PgError) reject(outcome);
        else resolve(outcome);
      });
      backend.query(answer, sql);
    });
  }

  /** Process id of its backend; undefined while it is not connected. */
  async processId(): Promise<number | undefined> {
    return (await this.#backend)?.identity.processId;
  }

  close(): void {
    this.#closed = true;
    void this.#backend?.then(
      (backend) => backend.destroy(),
      () => {},
    );
  }

  groupEnded(): void {}
  asynchronous(): void {}
  readonly schema: SchemaVersion = new SchemaVersion();
  statementChanged(): void {}
  drained(): void {}

  backendLost(_backend: Backend, unanswered: readonly Group[], fatal: PgReport | undefined): void {
    this.#backend = undefined;
    for (const group of unanswered) group.owner.groupLost(group, fatal);
    if (!this.#closed) this.#identity.lost?.();
  }

  async #login(): Promise<Backend> {
    const { user, database, password } = this.#identity;
    try {
      return await login(
        this.#world,
        this.#postgres,
        {
          user,
          database,
          settings: this.#identity.settings ?? [['application_name', 'multigres pooler']],
          credentials: password === undefined ? { kind: 'none' } : { kind: 'password', password },
        },
        this.#timeoutMs,
        { id: 0, owner: this, limits: { statementsMax: 1, groupsMax: 10_000 } },
      );
    } catch (error) {
      this.#backend = undefined;
      throw error;
    }
  }
}

/** Collects the rows of one answer. */
class Answer implements GroupOwner {
  readonly #done: (outcome: readonly Row[] | PgError) => void;
  readonly #rows: Row[] = [];
  #error: PgError | undefined;
  readonly #deframer: Deframer = new Deframer(
    {
      frame: (tag, buffer, start, end) => this.#message(tag, buffer, start, end),
      part: () => {
        this.#error = new PgError({
          sqlstate: sqlstate.programLimitExceeded,
          message: 'an administrative answer is too large',
        });
      },
    },
    { wholeBytesMax: 1024 * 1024, messageBytesMax: 1024 * 1024 },
  );

  constructor(done: (outcome: readonly Row[] | PgError) => void) {
    this.#done = done;
  }

  replied(_group: Group, buffer: Uint8Array, start: number, end: number, ready: GroupEnd | undefined): void {
    this.#deframer.feed(buffer.subarray(start, end));
    if (ready !== undefined) this.#done(this.#error ?? this.#rows);
  }

  syncIgnored(): void {}

  groupLost(_group: Group, fatal: PgReport | undefined): void {
    this.#done(backendLostHarmlessly(fatal));
  }

  #message(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (tag === backendTag.dataRow) {
      const row = decodeDataRow(buffer, start, end);
      if (row !== undefined) this.#rows.push(row.values.map((value) => (value === null ? null : utf8Text(value))));
    } else if (tag === backendTag.noticeResponse) {
      // A commit of the pooler's own that no quorum has is none.
      const broken = brokenWait(buffer, start, end);
      if (broken !== undefined) this.#error = commitInDoubt(broken);
    } else if (tag === backendTag.errorResponse) {
      const report = decodeErrorResponse(buffer, start, end)?.report;
      if (report !== undefined) this.#error = adminQueryFailed(report);
    }
  }
}
