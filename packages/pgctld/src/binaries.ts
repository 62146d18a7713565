import { ProcessError, type RunResult, type World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import { programUnusable } from './errors.ts';
import { parseVersion, refusalOfVersion, type PgVersion } from './version.ts';

/**
 * Which Postgres the programs are, asked as the user who will run them. Rejects with 58000 if they do not run here, with 0A000 if we do
 * not know their version.
 */
export async function probeBinaries(world: World, config: PgctldConfig): Promise<PgVersion> {
  const program = `${config.binDirectory}/postgres`;
  const result = await runVersion(world, config, program);
  const version = parseVersion(result.stdout);
  if (version === undefined) throw programUnusable(program, (result.stderr || result.stdout).trim());
  const refusal = refusalOfVersion(version);
  if (refusal) throw refusal;
  return version;
}

async function runVersion(world: World, config: PgctldConfig, program: string): Promise<RunResult> {
  const command = {
    program,
    args: ['--version'],
    env: { LC_ALL: 'C' },
    directory: '/',
    ...(config.runAs === undefined ? {} : { runAs: config.runAs }),
  };
  try {
    return await world.processes.run(command, { timeoutMs: 30_000 });
  } catch (error) {
    if (error instanceof ProcessError) throw programUnusable(program, error.message, error);
    throw error;
  }
}
