import type { Endpoint, World } from '@multigres/core';

import { Inspection } from './inspection.ts';
import type { PostgresOptions } from './server/options.ts';
import { Server, type Phase } from './server/server.ts';
import type { DataDirectory } from './storage/data-directory.ts';

/** A simulated Postgres server, and what faults and oracles may do with it. */
export interface PostgresModel {
  /** Resolves when it serves clients for the first time. */
  readonly ready: Promise<void>;
  readonly phase: Phase;
  /** Where it listens, with the real port; undefined while it is down. */
  readonly endpoint: Endpoint | undefined;
  readonly inspect: Inspection;
  /** What survives everything but the loss of the disk: hand it to the next `startPostgres` after the world's own crash. */
  readonly directory: DataDirectory;
  /** All processes die, connections are reset, unflushed commits may be lost. Nobody listens until `start`. */
  crash(): void;
  /** One process crashes: all connections are reset, and the server recovers by itself, answering 57P03 meanwhile. */
  crashAndRecover(): Promise<void>;
  /** Fast shutdown. Nobody listens until `start`. */
  stop(): void;
  /** After `crash` or `stop`. */
  start(): Promise<void>;
  /** pg_terminate_backend: the client is told 57P01. False if there is no such backend. */
  terminate(pid: number): boolean;
  /** Changes the password of a role, as ALTER ROLE does. */
  setPassword(role: string, password: string): void;
  /** SIGHUP: all processes read the configuration again, each in its own time. */
  reload(): void;
  /** `pg_ctl promote`: resolves when it leads. Throws 55000 if it does already. */
  promote(): Promise<void>;
  /** pg_cancel_backend. */
  cancel(pid: number): boolean;
  /** The connection is reset without a word and the transaction rolled back. */
  kill(pid: number): boolean;
}

/**
 * Starts a simulated Postgres that speaks the real protocol on `world.network`. Uses the world's clock, network and dice, nothing else.
 * The grammar must have been loaded (`loadGrammar`).
 */
export function startPostgres(world: World, options: PostgresOptions): PostgresModel {
  const server = new Server(world, options);
  const ready = server.start();
  const withBackend = (pid: number, act: (backend: NonNullable<ReturnType<Server['backend']>>) => void): boolean => {
    const backend = server.backend(pid);
    if (backend === undefined) return false;
    act(backend);
    return true;
  };
  return {
    ready,
    get phase(): Phase {
      return server.phase;
    },
    get endpoint(): Endpoint | undefined {
      return server.listener?.endpoint;
    },
    inspect: new Inspection(server),
    directory: server.directory,
    crash: () => server.crash(),
    crashAndRecover: () => server.crashAndRecover(),
    stop: () => server.stop(),
    start: () => server.start(),
    reload: () => server.processes.reload(),
    promote: () => new Promise((resolve) => server.processes.promote(resolve)),
    setPassword: (role, password) => server.setPassword(role, password),
    terminate: (pid) => withBackend(pid, (backend) => backend.terminate()),
    cancel: (pid) => withBackend(pid, (backend) => backend.cancel()),
    kill: (pid) => withBackend(pid, (backend) => backend.kill()),
  };
}
