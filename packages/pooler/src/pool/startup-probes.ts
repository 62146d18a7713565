import { PgError, type Timer, type World } from '@multigres/core';
import type { Credentials } from '@multigres/relay';
import type { BackendOwner } from '../backend/backend.ts';
import { login } from '../backend/login.ts';
import type { PostgresServer } from '../backend/postgres-server.ts';
import { SchemaVersion } from '../backend/schema-version.ts';
import { noRoom } from '../errors.ts';
import type { PoolerMetrics } from '../telemetry/pooler-metrics.ts';
import type { PoolKey } from './pool.ts';
import type { StartupSetting } from './startup-settings.ts';

/** Logins that try out startup settings: so many at a time, for all pools together. */
const probesMax = 4;
/** More than this wait for no probe: they are refused at once. */
const waitingMax = 1_000;

/** A login whose only purpose is to hear what Postgres says to startup settings. */
export interface Probe {
  readonly key: PoolKey;
  readonly settings: readonly StartupSetting[];
  readonly credentials: Credentials;
}

/** What Postgres said: what it reports to a session with those settings, or why it will not have them. */
export type ProbeAnswer = ReadonlyMap<string, string> | PgError;

interface Waiting {
  readonly probe: Probe;
  readonly done: (answer: ProbeAnswer) => void;
  readonly timer: Timer;
}

/** What the probes need from the pooler around them. */
export interface ProbeEnvironment {
  /** A probe takes the place of a backend while it lasts. */
  readonly takePlace: () => boolean;
  readonly givePlaceBack: () => void;
  readonly waitMs: number;
  readonly loginMs: number;
  readonly metrics: PoolerMetrics;
}

/**
 * Lets Postgres itself say whether it takes startup settings, and in what spelling it reports them, by logging in with them once. What is
 * learnt is kept by the pools.
 */
export class StartupProbes {
  readonly #world: World;
  readonly #postgres: PostgresServer;
  readonly #environment: ProbeEnvironment;
  readonly #waiting: Set<Waiting> = new Set();
  #running = 0;

  constructor(world: World, postgres: PostgresServer, environment: ProbeEnvironment) {
    this.#world = world;
    this.#postgres = postgres;
    this.#environment = environment;
  }

  /** `done` is called once, at most `waitMs` and a login later. */
  ask(probe: Probe, done: (answer: ProbeAnswer) => void): void {
    if (this.#waiting.size >= waitingMax) return done(noRoom());
    const timer = this.#world.clock.after(this.#environment.waitMs, () => {
      this.#waiting.delete(waiting);
      done(noRoom());
    });
    const waiting = { probe, done, timer };
    this.#waiting.add(waiting);
    this.placeFree();
  }

  /** A place for a backend may be free. */
  placeFree(): void {
    for (const waiting of this.#waiting) {
      if (this.#running >= probesMax || !this.#environment.takePlace()) return;
      this.#running += 1;
      this.#waiting.delete(waiting);
      waiting.timer.cancel();
      void this.#run(waiting);
    }
  }

  close(error: PgError): void {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const { timer, done } of all) {
      timer.cancel();
      done(error);
    }
  }

  async #run({ probe, done }: Waiting): Promise<void> {
    const answer = await this.#login(probe);
    this.#running -= 1;
    done(answer);
    this.placeFree();
  }

  async #login({ key, settings, credentials }: Probe): Promise<ProbeAnswer> {
    const { givePlaceBack, loginMs, metrics } = this.#environment;
    const identity = { user: key.user, database: key.database, settings, credentials };
    const owner: BackendOwner = {
      metrics,
      groupEnded: () => {},
      asynchronous: () => {},
      statementChanged: () => undefined,
      schema: new SchemaVersion(),
      drained: () => {},
      backendLost: givePlaceBack,
    };
    try {
      const limits = { statementsMax: 1, groupsMax: 1 };
      const backend = await login(this.#world, this.#postgres, identity, loginMs, { id: 0, owner, limits });
      backend.close();
      return backend.identity.parameters;
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      givePlaceBack();
      return error;
    }
  }
}
