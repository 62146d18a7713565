import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type {
  BootstrapClaimSchema,
  CellSchema,
  ClusterIdentitySchema,
  DatabaseSchema,
  GatewaySchema,
  OrchestratorSchema,
  PoolerSchema,
  ShardKey,
  ShardSchema,
  TableGroupSchema,
} from '@multigres/rpc';
import { CellsView } from './cells-view.ts';
import { malformedRecord } from './errors.ts';
import {
  bootstrapClaimKind,
  cellKind,
  clusterIdentityKind,
  databaseKind,
  gatewayKind,
  orchestratorKind,
  poolerKind,
  shardKind,
  shardName,
  tableGroupKind,
  type RecordKind,
} from './record-kind.ts';
import { RecordView, type RecordViewWorld } from './record-view.ts';
import { Registration, type RegistrationOptions } from './registration.ts';
import { noRevision } from './store.ts';
import type { CallOptions, CellPlace, Lease, PutOptions, Revision, Store, Topology } from './store.ts';

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
  put(record: MessageInitShape<S>, options: PutOptions): Promise<Revision> {
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
  readonly identity: RecordTable<typeof ClusterIdentitySchema>;
  readonly bootstrapClaims: RecordTable<typeof BootstrapClaimSchema>;
  readonly #world: RecordViewWorld;
  readonly #topology: Topology;

  constructor(world: RecordViewWorld, topology: Topology) {
    this.#world = world;
    this.#topology = topology;
    this.cells = new RecordTable(world, topology.global, cellKind);
    this.databases = new RecordTable(world, topology.global, databaseKind);
    this.tableGroups = new RecordTable(world, topology.global, tableGroupKind);
    this.shards = new RecordTable(world, topology.global, shardKind);
    this.identity = new RecordTable(world, topology.global, clusterIdentityKind);
    this.bootstrapClaims = new RecordTable(world, topology.global, bootstrapClaimKind);
  }

  /** `place`: for a cell that may not be configured. Throws a TopologyError (`notFound`) for one that is neither. So do the others below. */
  poolers(cell: string, place?: CellPlace): RecordTable<typeof PoolerSchema> {
    return this.#inCell(poolerKind, cell, place);
  }

  gateways(cell: string, place?: CellPlace): RecordTable<typeof GatewaySchema> {
    return this.#inCell(gatewayKind, cell, place);
  }

  orchestrators(cell: string, place?: CellPlace): RecordTable<typeof OrchestratorSchema> {
    return this.#inCell(orchestratorKind, cell, place);
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

  registerOrchestrator(
    record: MessageInitShape<typeof OrchestratorSchema>,
    options?: RegistrationOptions,
  ): Registration<typeof OrchestratorSchema> {
    return this.orchestrators(record.id?.cell ?? '').register(record, options);
  }

  watchPoolers(cell: string): RecordView<typeof PoolerSchema> {
    return this.poolers(cell).watch();
  }

  watchGateways(cell: string): RecordView<typeof GatewaySchema> {
    return this.gateways(cell).watch();
  }

  watchOrchestrators(cell: string): RecordView<typeof OrchestratorSchema> {
    return this.orchestrators(cell).watch();
  }

  /**
   * All poolers of a shard, in all cells. `known`: cells that are configured here, watched even before the global store was ever reached. The
   * caller closes it.
   */
  watchShardPoolers(shard: ShardKey, known: readonly string[]): CellsView<typeof PoolerSchema> {
    const name = shardName(shard);
    return this.#inAllCells(poolerKind, known, (pooler) => shardName(pooler.shard) === name);
  }

  /** All orchestrators, in all cells; see `watchShardPoolers`. */
  watchAllOrchestrators(known: readonly string[]): CellsView<typeof OrchestratorSchema> {
    return this.#inAllCells(orchestratorKind, known);
  }

  /**
   * The right to make a shard's first data directory: one at a time has it, until it lets go of the lease or is gone. Rejects with
   * `versionMismatch` if somebody else has it (`bootstrapClaims` says who). It does not fence: what was done under a lost claim shows in
   * the shard's `system_identifier`, which is set once.
   */
  async claimBootstrap(
    claim: MessageInitShape<typeof BootstrapClaimSchema>,
    options: CallOptions & { readonly ttlMs: number },
  ): Promise<Lease> {
    const { deadlineMs, ttlMs } = options;
    const lease = await this.#topology.global.lease(ttlMs, { deadlineMs });
    try {
      await this.bootstrapClaims.put(claim, { deadlineMs, lease, expectedVersion: noRevision });
      return lease;
    } catch (error) {
      await lease.revoke({ deadlineMs });
      throw error;
    }
  }

  #inCell<S extends DescMessage>(kind: RecordKind<S>, cell: string, place?: CellPlace): RecordTable<S> {
    return new RecordTable(this.#world, this.#topology.cell(cell, place), kind);
  }

  #inAllCells<S extends DescMessage>(
    kind: RecordKind<S>,
    known: readonly string[],
    where?: (record: MessageShape<S>) => boolean,
  ): CellsView<S> {
    return new CellsView({
      cells: this.cells.watch(),
      known,
      open: (cell, place) => this.#inCell(kind, cell, place).watch(),
      ...(where && { where }),
    });
  }
}
