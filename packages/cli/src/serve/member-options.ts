import { readFileSync } from 'node:fs';
import type { Endpoint } from '@multigres/core';
import type { MemberConfig } from '@multigres/pooler';
import type { Command } from 'commander';
import { CliError } from '../errors.ts';
import { absolutePath } from '../option-values.ts';
import { internalEndpoint } from './endpoints.ts';

/** What makes a pooler a member of a shard; all of it, or nothing. */
export interface MemberFlags {
  readonly memberDirectory?: string;
  readonly pgctld?: Endpoint;
  readonly postgresAddress?: Endpoint;
  readonly replicationPasswordFile?: string;
}

const replicationUser = 'multigres_replication';
const defaultSuperuser = 'postgres';

export function addMemberOptions(command: Command): Command {
  return command
    .option(
      '--member-directory <path>',
      'keep a shard with others; its promises are kept here, on the volume of the data directory',
      absolutePath,
    )
    .option('--pgctld <endpoint>', 'of a member: control service of the pgctld beside it', internalEndpoint)
    .option(
      '--postgres-address <endpoint>',
      'of a member: where other members reach its Postgres: HOST:PORT',
      internalEndpoint,
    )
    .option(
      '--replication-password-file <path>',
      `of a member: file with the password of ${replicationUser}, the same for all`,
      absolutePath,
    );
}

/** Undefined: it stands alone. `superuser`: of the data directory. */
export function memberConfig(
  flags: MemberFlags & { readonly id: string; readonly cell: string; readonly grpc?: Endpoint },
  superuser: string = defaultSuperuser,
): MemberConfig | undefined {
  const { memberDirectory: directory, pgctld, postgresAddress, replicationPasswordFile: file } = flags;
  if (directory === undefined) return undefined;
  if (pgctld === undefined || postgresAddress === undefined || file === undefined || flags.grpc === undefined) {
    throw new CliError('a member needs more than its directory', {
      hint: 'Give --grpc, --pgctld, --postgres-address and --replication-password-file, too.',
    });
  }
  return {
    pooler: { cell: flags.cell, name: flags.id },
    directory,
    pgctld,
    postgresAddress,
    superuser,
    replication: { user: replicationUser, password: readPassword(file) },
  };
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new CliError(
      `cannot read the replication password: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}
