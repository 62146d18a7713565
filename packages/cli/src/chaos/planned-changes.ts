import { client, OrchService } from '@multigres/rpc';
import { withChannel } from '../cluster/calls.ts';
import { grpcSocket, localShard, type Cluster } from '../cluster/cluster.ts';
import type { ComponentName } from '../shard/shard-view.ts';
import type { Inflicted } from './inflict.ts';

/** Asks the first orchestrator that answers for another leader. One that refuses, because the shard is hurt, is right. */
export async function switchover({ folder, record }: Cluster, successor?: ComponentName): Promise<Inflicted> {
  let refusal = 'there is no orchestrator';
  for (const { name } of record.orchestrators) {
    try {
      const endpoint = { kind: 'unix', path: grpcSocket(folder, name) } as const;
      await withChannel(endpoint, (channel) =>
        client(OrchService, channel).switchover(
          { shard: localShard, drainMs: 5_000, ...(successor && { successor }) },
          { deadlineMs: 30_000 },
        ),
      );
      return 'done';
    } catch (error) {
      refusal = (error as Error).message;
    }
  }
  return { skipped: refusal };
}
