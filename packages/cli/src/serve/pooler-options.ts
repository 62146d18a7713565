import type { Endpoint } from '@multigres/core';
import { defaultPoolerLimits, type PoolerConfig, type Shares } from '@multigres/pooler';
import type { Command } from 'commander';
import type { ConfigFile } from './config-file/config-file.ts';
import { positiveInteger } from './endpoints.ts';
import { given } from './settings.ts';

/** What the user of a pooler, alone or inside `proxy`, may set. */
export interface PoolerOptions {
  readonly poolSize?: number;
  readonly backendsMax?: number;
  readonly adminUser?: string;
  readonly adminDatabase?: string;
}

/** The environment variable that holds the administrator's password: a command line can be read by everybody on the machine. */
export const adminPasswordVariable = 'MULTIGRES_ADMIN_PASSWORD';

const defaultAdminDatabase = 'postgres';

export function addPoolerOptions(command: Command): Command {
  const { poolBackendsMax, backendsMax } = defaultPoolerLimits;
  return command
    .option(
      '--pool-size <n>',
      `backends per user, database and startup settings (default: ${poolBackendsMax})`,
      positiveInteger,
    )
    .option(
      '--backends-max <n>',
      `backends in all; stay below max_connections (default: ${backendsMax})`,
      positiveInteger,
    )
    .option(
      '--admin-user <role>',
      `role that reads password verifiers for --auth scram (password: ${adminPasswordVariable})`,
    )
    .option('--admin-database <name>', `database the admin role connects to (default: ${defaultAdminDatabase})`);
}

export function poolerConfig(
  id: string,
  relay: Endpoint | undefined,
  postgres: Endpoint,
  settings: ConfigFile,
): PoolerConfig {
  const { pool, timeouts } = settings;
  const limits = {
    ...defaultPoolerLimits,
    ...given({
      poolBackendsMax: pool.size,
      backendsMax: pool.backendsMax,
      waitMs: timeouts.queryWaitTimeout,
      loginMs: timeouts.backendLoginTimeout,
      idleMs: orNever(timeouts.backendIdleTimeout),
      lifetimeMs: orNever(timeouts.backendLifetime),
      checkMs: orNever(timeouts.backendCheckInterval),
      shedMs: orNever(timeouts.queryShedTimeout),
      slowMs: orNever(pool.slowStatement),
      warmBackends: pool.warm,
    }),
  };
  const { adminUser, adminDatabase } = settings.postgres;
  if (adminUser === undefined) return { id, relay, postgres, limits, shares: sharesOf(settings) };
  const password = process.env[adminPasswordVariable];
  const admin = {
    user: adminUser,
    database: adminDatabase ?? defaultAdminDatabase,
    ...(password !== undefined && { password }),
  };
  return { id, relay, postgres, limits, shares: sharesOf(settings), admin };
}

/** 0 switches a time off. */
function orNever(ms: number | undefined): number | undefined {
  return ms === 0 ? Infinity : ms;
}

/** What single users and databases may have. The pooler's own role always gets in: somebody has to look why nobody does. */
export function sharesOf({ users, databases, limits, pool, postgres }: ConfigFile): Shares {
  return {
    users,
    databases,
    anyUser: given({ sessionsMax: limits.userSessionsMax, backendsMax: pool.userBackendsMax }),
    anyDatabase: given({ sessionsMax: limits.databaseSessionsMax, backendsMax: pool.databaseBackendsMax }),
    reserved: new Set(postgres.adminUser === undefined ? [] : [postgres.adminUser]),
  };
}

/** The same options as arguments, for a child process. */
export function poolerArguments(options: PoolerOptions): string[] {
  return [
    ...argument('--pool-size', options.poolSize),
    ...argument('--backends-max', options.backendsMax),
    ...argument('--admin-user', options.adminUser),
    ...argument('--admin-database', options.adminDatabase),
  ];
}

function argument(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [name, String(value)];
}
