import type { Endpoint } from '@multigres/core';
import { defaultPoolerLimits, type PoolerConfig, type PoolerLimits } from '@multigres/pooler';
import type { Command } from 'commander';
import { positiveInteger } from './endpoints.ts';

/** What the user of a pooler, alone or inside `proxy`, may set. */
export interface PoolerOptions {
  readonly poolSize: number;
  readonly backendsMax: number;
  readonly adminUser?: string;
  readonly adminDatabase: string;
}

/** The environment variable that holds the administrator's password: a command line can be read by everybody on the machine. */
export const adminPasswordVariable = 'MULTIGRES_ADMIN_PASSWORD';

export function addPoolerOptions(command: Command): Command {
  const { poolBackendsMax, backendsMax } = defaultPoolerLimits;
  return command
    .option('--pool-size <n>', 'backends per user, database and startup settings', positiveInteger, poolBackendsMax)
    .option('--backends-max <n>', 'backends in all; stay below max_connections', positiveInteger, backendsMax)
    .option(
      '--admin-user <role>',
      `role that reads password verifiers for --auth scram (password: ${adminPasswordVariable})`,
    )
    .option('--admin-database <name>', 'database the admin role connects to', 'postgres');
}

export function poolerConfig(
  id: string,
  relay: Endpoint | undefined,
  postgres: Endpoint,
  options: PoolerOptions,
): PoolerConfig {
  const limits: PoolerLimits = {
    ...defaultPoolerLimits,
    poolBackendsMax: options.poolSize,
    backendsMax: options.backendsMax,
  };
  if (options.adminUser === undefined) return { id, relay, postgres, limits };
  const password = process.env[adminPasswordVariable];
  const admin = {
    user: options.adminUser,
    database: options.adminDatabase,
    ...(password !== undefined && { password }),
  };
  return { id, relay, postgres, limits, admin };
}

/** The same options as arguments, for a child process. */
export function poolerArguments(options: PoolerOptions): string[] {
  const args = ['--pool-size', String(options.poolSize), '--backends-max', String(options.backendsMax)];
  if (options.adminUser !== undefined)
    args.push('--admin-user', options.adminUser, '--admin-database', options.adminDatabase);
  return args;
}
