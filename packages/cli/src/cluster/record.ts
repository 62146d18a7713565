import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { CliError } from '../errors.ts';
import type { Folder } from './folder.ts';

/** One etcd of its own. */
export interface EtcdRecord {
  /** The name of its component. */
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

export interface CellRecord {
  readonly name: string;
  /** The name of the etcd that keeps the cell's records. */
  readonly etcd: string;
}

/** One Postgres with its pgctld and its pooler. */
export interface NodeRecord {
  /** Behind the names of its components: `-1`; empty for the only one of a single server. */
  readonly suffix: string;
  readonly cell: string;
  readonly postgresPort: number;
  /** Where others reach its Postgres when there are links between that can be hurt (chaos); then its sockets have doubles, too. */
  readonly linkPort?: number | undefined;
}

export interface OrchestratorRecord {
  readonly name: string;
  readonly cell: string;
}

export interface GatewayRecord {
  readonly name: string;
  readonly cell: string;
  readonly host: string;
  readonly port: number;
}

/** What a cluster keeps from one start to the next (cluster.json). */
export interface ClusterRecord {
  readonly format: 2;
  /** Stands in its etcds, so that nobody else uses them. */
  readonly clusterId: string;
  readonly auth: 'scram' | 'trust';
  /** The first one keeps what all cells share. */
  readonly etcds: readonly EtcdRecord[];
  readonly cells: readonly CellRecord[];
  readonly nodes: readonly NodeRecord[];
  /** None: a single Postgres that is a primary and stays it. */
  readonly orchestrators: readonly OrchestratorRecord[];
  /** Clients are sent to the first one. */
  readonly gateways: readonly GatewayRecord[];
  /** Where Postgres and etcd keep their data, if not in the folder itself. */
  readonly dataElsewhere?: string | undefined;
}

/** Several servers that keep a shard together, instead of one alone. */
export const isShard = (record: ClusterRecord): boolean => record.orchestrators.length > 0;

const port = z.int().min(1).max(65_535);
const dataElsewhere = z.string().startsWith('/').optional();
const auth = z.enum(['scram', 'trust']);
const name = z.string().min(1);

/** Of clusters with one Postgres, before there were others. */
const firstFormat = z.object({
  format: z.literal(1),
  auth,
  gateway: z.object({ host: z.string(), port }),
  postgresPort: port,
  etcd: z.object({ clientPort: port, peerPort: port }),
  dataElsewhere,
});

const secondFormat = z.object({
  format: z.literal(2),
  clusterId: name,
  auth,
  etcds: z.array(z.object({ name, clientPort: port, peerPort: port })).min(1),
  cells: z.array(z.object({ name, etcd: name })).min(1),
  nodes: z.array(z.object({ suffix: z.string(), cell: name, postgresPort: port, linkPort: port.optional() })).min(1),
  orchestrators: z.array(z.object({ name, cell: name })),
  gateways: z.array(z.object({ name, cell: name, host: z.string(), port })).min(1),
  dataElsewhere,
});

const recordSchema: z.ZodType<ClusterRecord> = z.union([secondFormat, firstFormat.transform(upgraded)]);

function upgraded(first: z.infer<typeof firstFormat>): ClusterRecord {
  return {
    format: 2,
    clusterId: `local-${first.etcd.clientPort}-${first.postgresPort}`,
    auth: first.auth,
    etcds: [{ name: 'etcd', ...first.etcd }],
    cells: [{ name: 'local', etcd: 'etcd' }],
    nodes: [{ suffix: '', cell: 'local', postgresPort: first.postgresPort }],
    orchestrators: [],
    gateways: [{ name: 'gateway', cell: 'local', ...first.gateway }],
    ...(first.dataElsewhere === undefined ? {} : { dataElsewhere: first.dataElsewhere }),
  };
}

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
