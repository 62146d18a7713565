import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { CliError } from '../errors.ts';
import type { Folder } from './folder.ts';

/** What a cluster keeps from one start to the next (cluster.json). */
export interface ClusterRecord {
  readonly format: 1;
  readonly auth: 'scram' | 'trust';
  readonly gateway: { readonly host: string; readonly port: number };
  readonly postgresPort: number;
  readonly etcd: { readonly clientPort: number; readonly peerPort: number };
  /** Where Postgres and etcd keep their data, if not in the folder itself. */
  readonly dataElsewhere?: string | undefined;
}

const port = z.int().min(1).max(65_535);

const recordSchema: z.ZodType<ClusterRecord> = z.object({
  format: z.literal(1),
  auth: z.enum(['scram', 'trust']),
  gateway: z.object({ host: z.string(), port }),
  postgresPort: port,
  etcd: z.object({ clientPort: port, peerPort: port }),
  dataElsewhere: z.string().startsWith('/').optional(),
});

/** undefined if there is no cluster in this folder yet. */
export function readRecord(folder: Folder): ClusterRecord | undefined {
  if (!existsSync(folder.record)) return undefined;
  try {
    return recordSchema.parse(JSON.parse(readFileSync(folder.record, 'utf8')));
  } catch (error) {
    throw new CliError(`cannot read ${folder.record}: it is not what \`up\` writes`, {
      hint: 'Repair it, or give another folder: --dir FOLDER.',
      cause: error,
    });
  }
}

export function writeRecord(folder: Folder, record: ClusterRecord): void {
  writeWhole(folder.record, `${JSON.stringify(record, undefined, 2)}\n`, 0o644);
}

/** Replaces a file so that a reader sees the old or the new content. */
export function writeWhole(file: string, text: string, mode: number): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, file);
}
