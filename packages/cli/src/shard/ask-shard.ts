import { orchAnswersAt, poolerStatusAt } from '../cluster/calls.ts';
import { shardText, type ShardName, type ShardParts } from './shard-access.ts';
import type { ShardReport } from './shard-table.ts';
import { componentName, shardView, type AskedPooler } from './shard-view.ts';

/** Asks everybody, at once and not for long. */
export async function askShard(shard: ShardName, parts: ShardParts): Promise<ShardReport> {
  const asking = parts.poolers.map(async ({ id, endpoint }): Promise<AskedPooler> => ({
    id,
    status: await poolerStatusAt(endpoint),
  }));
  const answering = parts.orchestrators.map(async ({ id, endpoint }) => ({
    name: componentName(id),
    answers: await orchAnswersAt(endpoint),
  }));
  return {
    shard: shardText(shard),
    view: shardView(await Promise.all(asking)),
    orchestrators: await Promise.all(answering),
  };
}
