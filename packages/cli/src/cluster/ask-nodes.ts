import { componentName, shardView, type AskedPooler, type ShardView } from '../shard/shard-view.ts';
import { poolerStatus } from './calls.ts';
import { grpcSocket, identityOf, nodeNames, type Cluster } from './cluster.ts';
import type { NodeRecord } from './record.ts';

export interface AskedNodes {
  readonly view: ShardView;
  /** The node of a member: `zone1/pooler-1`. */
  readonly nodeOf: (member: string) => NodeRecord | undefined;
}

export const memberOf = (node: NodeRecord): { readonly cell: string; readonly name: string } => ({
  cell: node.cell,
  name: identityOf(nodeNames(node).pooler),
});

/** Asks the poolers of a local cluster, on their own sockets, how the shard is. */
export async function askNodes({ folder, record }: Cluster): Promise<AskedNodes> {
  const asked = await Promise.all(
    record.nodes.map(async (node): Promise<AskedPooler> => ({
      id: memberOf(node),
      status: await poolerStatus(grpcSocket(folder, nodeNames(node).pooler)),
    })),
  );
  return {
    view: shardView(asked),
    nodeOf: (member) => record.nodes.find((node) => componentName(memberOf(node)) === member),
  };
}
