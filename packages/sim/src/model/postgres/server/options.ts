import type { Endpoint, Lsn } from '@multigres/core';

import type { RoleOptions } from '../session/host.ts';
import type { LogLevel } from '../replication/replication-host.ts';
import type { DataDirectory } from '../storage/data-directory.ts';

/** A time drawn evenly from a range, in milliseconds. */
export interface DelayMs {
  readonly least: number;
  readonly greatest: number;
}

export interface PostgresOptions {
  readonly endpoint: Endpoint;
  /** Called with what was met and the statement or message; the run should fail. The client gets 0A000 besides. */
  readonly onUnsupported: (text: string) => void;
  /** Default `postgres`. */
  readonly databases?: readonly string[];
  /** Default: a superuser `postgres`. */
  readonly roles?: readonly RoleOptions[];
  /** Default `trust`. `local` trusts who comes by a socket file and asks all others. */
  readonly authentication?: 'trust' | 'scram-sha-256' | 'local';
  /** SCRAM iterations; Postgres's default is 4096, which costs milliseconds of real time per login. */
  readonly scramIterations?: number;
  /** postgresql.conf; as a function it is read anew at each start and reload. */
  readonly settings?: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>);
  /** ALTER SYSTEM has written postgresql.auto.conf (`directory.autoConf`); it is done when the promise is. */
  readonly onAlterSystem?: (settings: ReadonlyMap<string, string>) => Promise<void>;
  /** Before each statement; default none. */
  readonly statementDelayMs?: DelayMs;
  /** How much longer than that a query string takes. */
  readonly delayOfText?: (text: string) => number;
  /** How long a flush of the log takes; default none: commits are durable at once. */
  readonly flushDelayMs?: DelayMs;
  /** How long a start takes, during which clients get 57P03; default none. */
  readonly startDelayMs?: DelayMs;
  /** What an earlier life left, or a program made; default a new one, with `databases` and `roles`. */
  readonly directory?: DataDirectory;
  /** How long a process takes to heed that the configuration has changed; default no time. */
  readonly reloadDelayMs?: DelayMs;
  /** How long after its promotion a server has made its first checkpoint; default no time. */
  readonly checkpointDelayMs?: DelayMs;
  /** The password for a connection string that names a passfile. */
  readonly passwordOf?: (conninfo: ReadonlyMap<string, string>) => Promise<string | undefined> | string | undefined;
  /** For oracles: a commit, by where its record ends, is durable here; and then, unless it is interrupted, on as many standbys as it has to wait for. */
  readonly onCommit?: (lsn: Lsn, what: 'flushed' | 'replicated') => void;
  /** What goes to the server's log about replication. */
  readonly onLog?: (level: LogLevel, message: string) => void;
  /** The postmaster has ended, whyever. */
  readonly onExit?: () => void;
  /** 17.2 unless told otherwise; from 18 on protocol 3.2 is spoken. */
  readonly serverVersion?: string;
}

export type { RoleOptions };
