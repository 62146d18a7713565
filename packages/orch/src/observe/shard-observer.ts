import type { World } from '@multigres/core';
import type {
  ComponentIdMessage,
  Database,
  DatabaseSchema,
  OrchestratorSchema,
  Pooler,
  PoolerSchema,
  Shard,
  ShardKey,
} from '@multigres/rpc';
import type { CellsView, Directory, RecordView } from '@multigres/topology';
import type { MemberCalls } from '../act/member-calls.ts';
import type { OrchTuning } from '../config.ts';
import { PoolerWatch } from './pooler-watch.ts';
import { poolerKey, type ObservedMember, type ShardSnapshot } from './snapshot.ts';

export interface ObserverParts {
  readonly world: World;
  readonly directory: Directory;
  readonly databases: RecordView<typeof DatabaseSchema>;
  readonly orchestrators: CellsView<typeof OrchestratorSchema>;
  readonly calls: MemberCalls;
  readonly tuning: OrchTuning;
  readonly self: ComponentIdMessage;
  readonly changed: () => void;
}

/** Eyes and memory for one shard: the topology, and a health stream of each pooler. What was known stays known while the topology is away. */
export class ShardObserver {
  readonly #parts: ObserverParts;
  readonly #key: ShardKey;
  readonly #poolers: CellsView<typeof PoolerSchema>;
  readonly #watches = new Map<string, PoolerWatch>();
  /** Poolers that shall join by somebody's order. */
  readonly wishes: Map<string, 'voter' | 'learner'> = new Map();
  #shard: Shard;
  #listeningMs: number;

  constructor(shard: Shard, key: ShardKey, parts: ObserverParts) {
    this.#parts = parts;
    this.#shard = shard;
    this.#key = key;
    this.#listeningMs = parts.world.clock.nowMs();
    this.#poolers = parts.directory.watchShardPoolers(key, [parts.self.cell]);
    this.#poolers.onChange(() => this.#poolersChanged());
    this.#poolersChanged();
  }

  get key(): ShardKey {
    return this.#key;
  }

  get shard(): Shard {
    return this.#shard;
  }

  shardChanged(shard: Shard): void {
    this.#shard = shard;
    this.#parts.changed();
  }

  /** We were stopped, or slow: silence is counted anew, because it was ours. */
  resumed(): void {
    this.#listeningMs = this.#parts.world.clock.nowMs();
  }

  observed(key: string): ObservedMember | undefined {
    return this.#watches.get(key)?.observed;
  }

  /** When each pooler was last heard. */
  heardMs(): number[] {
    return [...this.#watches.values()].map(({ observed }) => observed.heardMs);
  }

  /** Poolers that left the topology and are in no rule need no watching any more. */
  forget(isNeeded: (key: string) => boolean): void {
    for (const [key, watch] of this.#watches) {
      if (watch.observed.isRegistered || isNeeded(key)) continue;
      watch.close();
      this.#watches.delete(key);
    }
  }

  snapshot(): ShardSnapshot {
    const { world, self, tuning, databases, orchestrators } = this.#parts;
    const shard = this.#shard;
    const database = databaseOf(databases, this.#key.database);
    const others = [...orchestrators.records.values()].flatMap(({ id }) => id ?? []);
    return {
      ...{ nowMs: world.clock.nowMs(), shard: this.#key, self, tuning, listeningMs: this.#listeningMs },
      orchestrators: [self, ...others.filter((other) => poolerKey(other) !== poolerKey(self))],
      policy: shard.durabilityPolicy ?? database?.durabilityPolicy,
      cells: database?.cells ?? [],
      systemIdentifier: shard.systemIdentifier,
      bootstrapPooler: shard.bootstrapPooler,
      removed: new Set(shard.removedPoolers.map(poolerKey)),
      isTopologyConnected: this.#poolers.synced && this.#poolers.connected && databases.synced,
      members: [...this.#watches.values()].map(({ observed }) => observed).toSorted(byKey),
      wishes: this.wishes,
    };
  }

  close(): void {
    this.#poolers.close();
    for (const watch of this.#watches.values()) watch.close();
  }

  #poolersChanged(): void {
    const { records } = this.#poolers;
    const present = new Map<string, Pooler>();
    for (const record of records.values()) present.set(poolerKey(record.id), record);
    for (const [key, watch] of this.#watches) watch.update(present.get(key));
    for (const [key, record] of present) {
      if (!this.#watches.has(key)) this.#watches.set(key, this.#watch(key, record));
    }
    this.#parts.changed();
  }

  #watch(key: string, record: Pooler): PoolerWatch {
    const { world, tuning, calls, changed } = this.#parts;
    const channel = (): ReturnType<MemberCalls['channel']> =>
      calls.channel(key, this.#watches.get(key)?.observed.record ?? record);
    return new PoolerWatch(key, record, { world, tuning, channel, changed });
  }
}

function databaseOf(databases: RecordView<typeof DatabaseSchema>, name: string): Database | undefined {
  return [...databases.records.values()].find((database) => database.name === name);
}

function byKey(a: ObservedMember, b: ObservedMember): number {
  return a.key < b.key ? -1 : 1;
}
