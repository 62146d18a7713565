import type { Clock, Connection, World } from '@multigres/core';
import type { Open } from '@multigres/relay';
import type { BackendIdentity } from '../backend/backend.ts';
import { sendCancel } from '../backend/cancel-request.ts';
import { logIn } from '../backend/login.ts';
import type { PostgresServer } from '../backend/postgres-server.ts';
import type { Tunnel, TunnelEnvironment } from './tunnel.ts';

/** What replication connections need from the process around them. */
export interface TunnelsHost {
  readonly waitMs: number;
  readonly loginMs: number;
  /** Takes a place among all backends; false if none is free, and one that is idle makes room. */
  takePlace(open: Open): boolean;
  givePlaceBack(open: Open): void;
  tunnelEnded(tunnel: Tunnel): void;
}

/** The replication connections of a pooler: who waits for a place, and how they log in. */
export class Tunnels implements TunnelEnvironment {
  readonly clock: Clock;
  readonly waitMs: number;
  readonly #world: World;
  readonly #postgres: PostgresServer;
  readonly #host: TunnelsHost;
  /** In the order in which they came. */
  readonly #waiting: Set<Tunnel> = new Set();

  constructor(world: World, postgres: PostgresServer, host: TunnelsHost) {
    this.clock = world.clock;
    this.waitMs = host.waitMs;
    this.#world = world;
    this.#postgres = postgres;
    this.#host = host;
  }

  /** There may be room now: to be called before others ask. */
  placeFree(): void {
    for (const tunnel of [...this.#waiting]) tunnel.placeFree();
  }

  takePlace(tunnel: Tunnel): boolean {
    const taken = this.#host.takePlace(tunnel.open);
    if (taken) this.#waiting.delete(tunnel);
    else this.#waiting.add(tunnel);
    return taken;
  }

  forgetPlace(tunnel: Tunnel): void {
    this.#waiting.delete(tunnel);
  }

  givePlaceBack(tunnel: Tunnel): void {
    this.#host.givePlaceBack(tunnel.open);
  }

  /** Settings and credentials as for any other backend; the parameter `replication` makes it a WAL sender. */
  logIn(open: Open): Promise<{ readonly connection: Connection; readonly identity: BackendIdentity }> {
    const { user, database, credentials } = open;
    const replication = ['replication', open.replication === 'logical' ? 'database' : 'true'] as const;
    const identity = { user, database, settings: [...open.settings, replication], credentials };
    return logIn(this.#world, this.#postgres, identity, this.#host.loginMs);
  }

  cancelBackend(identity: BackendIdentity, done: () => void): void {
    void sendCancel(this.#world, this.#postgres, identity, this.#host.loginMs).then(done);
  }

  tunnelEnded(tunnel: Tunnel): void {
    this.#host.tunnelEnded(tunnel);
  }
}
