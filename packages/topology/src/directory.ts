import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type {
  CellSchema,
  DatabaseSchema,
  GatewaySchema,
  PoolerSchema,
  ShardSchema,
  TableGroupSchema,
} from '@multigres/rpc';
import { malformedRecord } from './errors.ts';
import {
  cellKind,
  databaseKind,
  gatewayKind,
  poolerKind,
  shardKind,
  tableGroupKind,
  type RecordKind,
} from './record-kind.ts';
import { RecordView, type RecordViewWorld } from './record-view.ts';
import { Registration, type RegistrationOptions } from './registration.ts';
import type { CallOptions, Revision, Store, Topology } from './store.ts';

/** A record and its version, for changes that must not overwrite somebody else's. */
export interface Versioned<S extends DescMessage> {
  readonly record: MessageShape<S>;
  readonly version: Revision;
}

/** One kind of record in one store, for administration: read, write, remove. All reject with a TopologyError. */
export class RecordTable<S extends DescMessage> {
  readonly #world: RecordViewWorld;
  readonly #store: Store;
  readonly #kind: RecordKind<S>;

  constructor(world: RecordViewWorld, store: Store, kind: RecordKind<S>) {
    this.#world = world;
    this.#store = store;
    this.#kind = kind;
  }

  /** `name`: as `RecordKind.name` makes it, see `keyOf`. */
  async get(name: string, options: CallOptions): Promise<Versioned<S> | undefined> {
    const entry = await this.#store.get(this.#kind.prefix + name, options);
    return entry === undefined ? undefined : { record: this.#decode(entry), version: entry.version };
  }

  async list(options: CallOptions): Promise<readonly Versioned<S>[]> {
    const { entries } = await this.#store.list(this.#kind.prefix, options);
    return entries.map((entry) => ({ record: this.#decode(entry), version: entry.version }));
  }

  /** With `expectedVersion` (`noRevision`: must be new) it rejects with `versionMismatch` if somebody else was faster. */
  put(record: MessageInitShape<S>, options: CallOptions & { readonly expectedVersion?: Revision }): Promise<Revision> {
    const message = create(this.#kind.schema, record);
    return this.#store.put(this.#kind.prefix + this.#kind.name(message), toBinary(this.#kind.schema, message), options);
  }

  /** Answers false if there was none. */
  remove(name: string, options: CallOptions & { readonly expectedVersion?: Revision }): Promise<boolean> {
    return this.#store.delete(this.#kind.prefix + name, options);
  }

  /** A live view; the caller closes it. */
  watch(): RecordView<S> {
    return new RecordView(this.#world, this.#store, this.#kind);
  }

  /** Keeps a record in the store while its component lives; the caller closes it. */
  register(record: MessageInitShape<S>, options?: RegistrationOptions): Registration<S> {
    return new Registration(this.#world, this.#store, this.#kind, create(this.#kind.schema, record), options);
  }

  #decode(entry: { readonly key: string; readonly value: Uint8Array }): MessageShape<S> {
    try {
      return fromBinary(this.#kind.schema, entry.value);
    } catch (error) {
      throw malformedRecord(entry.key, error);
    }
  }
}

/** What components know of each other: typed access to the records of a cluster. */
export class Directory {
  readonly cells: RecordTable<typeof CellSchema>;
  readonly databases: RecordTable<typeof DatabaseSchema>;
  readonly tableGroups: RecordTable<typeof TableGroupSchema>;
  readonly shards: RecordTable<typeof ShardSchema>;
  readonly #world: RecordViewWorld;
  readonly #topology: Topology;

  constructor(world: RecordViewWorld, topology: Topology) {
    this.#world = world;
    this.#topology = topology;
    this.cells = new RecordTable(world, topology.global, cellKind);
    this.databases = new RecordTable(world, topology.global, databaseKind);
    this.tableGroups = new RecordTable(world, topology.global, tableGroupKind);
    this.shards = new RecordTable(world, topology.global, shardKind);
  }

  /** Throws a TopologyError (`notFound`) for a cell that is not configured. */
  poolers(cell: string): RecordTable<typeof PoolerSchema> {
    return new RecordTable(this.#world, this.#topology.cell(cell), poolerKind);
  }

  /** Throws a TopologyError (`notFound`) for a cell that is not configured. */
  gateways(cell: string): RecordTable<typeof GatewaySchema> {
    return new RecordTable(this.#world, this.#topology.cell(cell), gatewayKind);
  }

  registerPooler(
    record: MessageInitShape<typeof PoolerSchema>,
    options?: RegistrationOptions,
  ): Registration<typeof PoolerSchema> {
    return this.poolers(record.id?.cell ?? '').register(record, options);
  }

  registerGateway(
    record: MessageInitShape<typeof GatewaySchema>,
    options?: RegistrationOptions,
  ): Registration<typeof GatewaySchema> {
    return this.gateways(record.id?.cell ?? '').register(record, options);
  }

  watchPoolers(cell: string): RecordView<typeof PoolerSchema> {
    return this.poolers(cell).watch();
  }

  watchGateways(cell: string): RecordView<typeof GatewaySchema> {
    return this.gateways(cell).watch();
  }
}
