import type { KnownPoolerSchema, MessageInitShape, Pooler } from '@multigres/rpc';
import { whyNotLeader, type ShardView } from './shard-view.ts';

/** How a gateway sees the poolers of its shard, for operators: `KnownPooler` of GatewayService. */
export function knownPoolers(
  view: ShardView,
  records: ReadonlyMap<string, Pooler>,
): MessageInitShape<typeof KnownPoolerSchema>[] {
  return [...view.poolers.values()].map((sight) => {
    const { name, status, linked } = sight;
    const record = records.get(name);
    const [id, shard] = [status?.id ?? record?.id, status?.shard ?? record?.shard];
    const relayEndpoint = record?.relayEndpoint;
    return {
      ...(id && { id }),
      ...(shard && { shard }),
      ...(relayEndpoint && { relayEndpoint }),
      connected: linked,
      eligible: view.leader === name,
      reason: whyNotLeader(view, sight),
    };
  });
}
