import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import {
  BootstrapClaimSchema,
  CellSchema,
  ClusterIdentitySchema,
  DatabaseSchema,
  GatewaySchema,
  OrchestratorSchema,
  PoolerSchema,
  ShardSchema,
  TableGroupSchema,
  type ShardKey,
} from '@multigres/rpc';
import { keyOf } from './keys.ts';

/** What kinds of record there are, and where each stands. */
export interface RecordKind<S extends DescMessage> {
  readonly schema: S;
  /** The keys of all records of this kind start with this, and no others do. */
  readonly prefix: string;
  /** The key without the prefix. */
  readonly name: (record: MessageShape<S>) => string;
}

function kind<S extends DescMessage>(
  schema: S,
  prefix: string,
  name: (record: MessageShape<S>) => string,
): RecordKind<S> {
  return { schema, prefix, name };
}

/** The name under which records of a shard stand. */
export function shardName(key: ShardKey | undefined): string {
  return keyOf(key?.database ?? '', key?.tableGroup ?? '', key?.shard ?? '');
}

/** In each store, global or of a cell: whose it is. */
export const clusterIdentityKind: RecordKind<typeof ClusterIdentitySchema> = kind(
  ClusterIdentitySchema,
  'identity/',
  () => 'cluster',
);

/** In the global store. */
export const cellKind: RecordKind<typeof CellSchema> = kind(CellSchema, 'cells/', (cell) => keyOf(cell.name));
export const databaseKind: RecordKind<typeof DatabaseSchema> = kind(DatabaseSchema, 'databases/', (database) =>
  keyOf(database.name),
);
export const tableGroupKind: RecordKind<typeof TableGroupSchema> = kind(TableGroupSchema, 'table-groups/', (group) =>
  keyOf(group.database, group.name),
);
export const shardKind: RecordKind<typeof ShardSchema> = kind(ShardSchema, 'shards/', ({ key }) => shardName(key));
export const bootstrapClaimKind: RecordKind<typeof BootstrapClaimSchema> = kind(
  BootstrapClaimSchema,
  'bootstrap-claims/',
  ({ shard }) => shardName(shard),
);

/** In the store of the component's cell. */
export const poolerKind: RecordKind<typeof PoolerSchema> = kind(PoolerSchema, 'poolers/', ({ id }) =>
  keyOf(id?.name ?? ''),
);
export const gatewayKind: RecordKind<typeof GatewaySchema> = kind(GatewaySchema, 'gateways/', ({ id }) =>
  keyOf(id?.name ?? ''),
);
export const orchestratorKind: RecordKind<typeof OrchestratorSchema> = kind(
  OrchestratorSchema,
  'orchestrators/',
  ({ id }) => keyOf(id?.name ?? ''),
);
