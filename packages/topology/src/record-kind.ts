import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { CellSchema, DatabaseSchema, GatewaySchema, PoolerSchema, ShardSchema, TableGroupSchema } from '@multigres/rpc';
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

/** In the global store. */
export const cellKind: RecordKind<typeof CellSchema> = kind(CellSchema, 'cells/', (cell) => keyOf(cell.name));
export const databaseKind: RecordKind<typeof DatabaseSchema> = kind(DatabaseSchema, 'databases/', (database) =>
  keyOf(database.name),
);
export const tableGroupKind: RecordKind<typeof TableGroupSchema> = kind(TableGroupSchema, 'table-groups/', (group) =>
  keyOf(group.database, group.name),
);
export const shardKind: RecordKind<typeof ShardSchema> = kind(ShardSchema, 'shards/', ({ key }) =>
  keyOf(key?.database ?? '', key?.tableGroup ?? '', key?.shard ?? ''),
);

/** In the store of the component's cell. */
export const poolerKind: RecordKind<typeof PoolerSchema> = kind(PoolerSchema, 'poolers/', ({ id }) =>
  keyOf(id?.name ?? ''),
);
export const gatewayKind: RecordKind<typeof GatewaySchema> = kind(GatewaySchema, 'gateways/', ({ id }) =>
  keyOf(id?.name ?? ''),
);
