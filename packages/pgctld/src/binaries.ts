import { ProcessError, type RunResult, type World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import { programUnusable } from './errors.ts';
import { parseVersion, refusalOfVersion, type PgVersion } from './version.ts';

/** The programs of Postgres, and what they can do here. */
export interface Programs {
  readonly version: PgVersion;
  /** The system can flush a whole file system at once (syncfs(2), Linux). */
  readonly hasSyncfs: boolean;
}

/**
 * Which Postgres the programs are, asked as the user who will run them. Rejects with 58000 if they do not run here, with 0A000 if we do
 * not know their version.
 */
export async function probeBinaries(world: World, config: PgctldConfig): Promise<Programs> {
  const program = `${config.binDirectory}/postgres`;
  const result = await runVersion(world, config, program);
  const version = parseVersion(result.stdout);
  if (version === undefined) throw programUnusable(program, (result.stderr || result.stdout).trim());
  const refusal = refusalOfVersion(version);
  if (refusal) throw refusal;
  return { version, hasSyncfs: (await world.disk.info('/proc/version')) !== undefined };
}

/**
 * How initdb, pg_basebackup and pg_rewind flush what they have written: at once where they can, which is several times faster on a disk
 * that others use, too, than file by file (PostgreSQL documentation, "recovery_init_sync_method").
 */
export function syncArgs({ version, hasSyncfs }: Programs): readonly string[] {
  return hasSyncfs && version.major >= 17 ? ['--sync-method=syncfs'] : [];
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
