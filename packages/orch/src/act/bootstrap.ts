import { hex, type World } from '@multigres/core';
import { BallotSchema, create, type ComponentIdMessage, type Shard } from '@multigres/rpc';
import { shardName, type Directory } from '@multigres/topology';
import { shardGone } from '../errors.ts';
import type { ShardSnapshot } from '../observe/snapshot.ts';
import { poolerKey, type ObservedMember } from '../observe/snapshot.ts';
import type { MemberCalls } from './member-calls.ts';

const topologyMs = 3_000;

export interface BootstrapParts {
  readonly world: World;
  readonly directory: Directory;
  readonly calls: MemberCalls;
}

/**
 * Makes a shard's first data directory. In this order, so that whoever is interrupted anywhere leaves no room for a second history: the claim, which keeps other
 * orchestrators out while we live; the name of the one pooler that may ever do it; the deed; the identity of what was made. Rejects with a
 * TopologyError or a PgError.
 */
export async function bootstrapShard(
  parts: BootstrapParts,
  snapshot: ShardSnapshot,
  at: ObservedMember,
): Promise<void> {
  const { world, directory, calls } = parts;
  const { shard, self, tuning } = snapshot;
  const ballot = create(BallotSchema, { term: 1n, coordinator: self, nonce: hex(world.random.bytes(8)) });
  const claim = { shard, orchestrator: self, ballot };
  const lease = await directory.claimBootstrap(claim, { deadlineMs: topologyMs, ttlMs: 10_000 });
  try {
    const settled = await settle(directory, snapshot, at.id);
    if (settled.systemIdentifier !== 0n || poolerKey(settled.bootstrapPooler) !== at.key) return;
    // A cohort of one can meet nothing more; the policy that is wanted comes with the members that it needs.
    const policy = { name: 'AT_LEAST_N', n: 1 };
    const request = { shard, ballot, policy };
    const made = await calls.member(at.key, at.record).bootstrap(request, { deadlineMs: tuning.bootstrapMs });
    await recordBootstrap(directory, snapshot, made.systemIdentifier);
  } finally {
    await lease.revoke({ deadlineMs: topologyMs });
  }
}

/** Writes down who may do it, unless that is settled already; answers the record as it stands then. */
async function settle(
  directory: Directory,
  { shard, bootstrapPooler }: ShardSnapshot,
  id: ComponentIdMessage,
): Promise<Shard> {
  return changeShard(directory, shard, (record) => {
    // Somebody else may have settled it since we looked.
    if (record.systemIdentifier !== 0n || poolerKey(record.bootstrapPooler) !== poolerKey(bootstrapPooler))
      return undefined;
    return { ...record, bootstrapPooler: id };
  });
}

/** Of which cluster the shard is: set once, never changed. */
export async function recordBootstrap(
  directory: Directory,
  { shard }: ShardSnapshot,
  systemIdentifier: bigint,
): Promise<void> {
  await changeShard(directory, shard, (record) =>
    record.systemIdentifier === 0n ? { ...record, systemIdentifier } : undefined,
  );
}

/** Changes the shard's record as it is now, by nobody else meanwhile (TopologyError `versionMismatch`). `change` answers undefined for "as it is". */
export async function changeShard(
  directory: Directory,
  shard: ShardSnapshot['shard'],
  change: (record: Shard) => Shard | undefined,
): Promise<Shard> {
  const found = await directory.shards.get(shardName(shard), { deadlineMs: topologyMs });
  if (found === undefined) throw shardGone(shard);
  const changed = change(found.record);
  if (changed === undefined) return found.record;
  await directory.shards.put(changed, { deadlineMs: topologyMs, expectedVersion: found.version });
  return changed;
}
