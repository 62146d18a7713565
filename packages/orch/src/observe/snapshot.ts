import type { ComponentIdMessage, Policy, Pooler, PoolerStatus, Position, ShardKey } from '@multigres/rpc';
import type { OrchTuning } from '../config.ts';

/** What is known of one pooler. */
export interface ObservedMember {
  /** `cell/name`. */
  readonly key: string;
  readonly id: ComponentIdMessage;
  /** As it last stood in the topology. */
  readonly record: Pooler;
  /** It stands there now, as far as we know. */
  readonly isRegistered: boolean;
  /** The last that was heard of it. */
  readonly status: PoolerStatus | undefined;
  /** The last position heard of the present incarnation: a Postgres that is down cannot be asked. */
  readonly position: Position | undefined;
  /** When it was last heard, or else when we began to listen. */
  readonly heardMs: number;
  /** Its stream has ended, and nobody answered when it was opened again. */
  readonly isGone: boolean;
  /** Since when the last status has this role and incarnation, is open or closed, and Postgres up or down. */
  readonly roleSinceMs: number;
  /** Since when it has its promise. */
  readonly promisedMs: number;
  /** What it had received of the log when it last said so, and since when that has not grown. */
  readonly received: { readonly lsn: bigint; readonly sinceMs: number } | undefined;
  /** Since when it does not stream, or has not joined; undefined if it does and has. */
  readonly notFollowingMs: number | undefined;
}

/** All that is known of a shard at one moment: plain data, from which everything is judged. */
export interface ShardSnapshot {
  readonly nowMs: number;
  readonly shard: ShardKey;
  /** Who judges. */
  readonly self: ComponentIdMessage;
  /** All orchestrators that the topology knows, this one included. */
  readonly orchestrators: readonly ComponentIdMessage[];
  readonly tuning: OrchTuning;
  /** Nothing heard before this counts as silence: we were not listening, we were stopped ourselves. */
  readonly listeningMs: number;
  /** The policy that is wanted, by the topology. */
  readonly policy: Policy | undefined;
  /** Cells that shall hold a copy; empty: each that has a pooler. */
  readonly cells: readonly string[];
  /** Of the shard's Postgres cluster; 0 before the bootstrap. */
  readonly systemIdentifier: bigint;
  /** Who alone may make the first data directory, if that was settled. */
  readonly bootstrapPooler: ComponentIdMessage | undefined;
  /** Keys of poolers that were removed and do not join by themselves. */
  readonly removed: ReadonlySet<string>;
  /** The shard's record and the poolers were read, and are being followed now. */
  readonly isTopologyConnected: boolean;
  readonly members: readonly ObservedMember[];
  /** Poolers that shall join by somebody's order, as voters or learners. */
  readonly wishes: ReadonlyMap<string, 'voter' | 'learner'>;
}

/** `cell/name`: one text for each pooler. */
export function poolerKey(id: ComponentIdMessage | undefined): string {
  return `${id?.cell ?? ''}/${id?.name ?? ''}`;
}
