import {
  grpcSocket,
  linkedGrpcSocket,
  linkedRelaySocket,
  nodeNames,
  relaySocket,
  type Cluster,
} from '../cluster/cluster.ts';
import type { NodeRecord } from '../cluster/record.ts';
import { FaultProxy, type CutWay } from './fault-proxy.ts';

/**
 * What stands before each node: everybody else reaches its pooler and its Postgres only through these proxies. What a node itself asks of others
 * goes through theirs, so a follower that is cut off can still stream: an asymmetric partition, which is the nastier one.
 */
export class NodeLinks {
  #nodes: readonly (readonly FaultProxy[])[] = [];

  async open({ folder, record }: Cluster): Promise<void> {
    const proxiesOf = (node: NodeRecord): readonly FaultProxy[] => {
      const { pooler } = nodeNames(node);
      if (node.linkPort === undefined) throw new Error('the cluster was planned without links');
      return [
        new FaultProxy(linkedRelaySocket(folder, node), relaySocket(folder, node)),
        new FaultProxy(linkedGrpcSocket(folder, pooler), grpcSocket(folder, pooler)),
        new FaultProxy(node.linkPort, node.postgresPort),
      ];
    };
    this.#nodes = record.nodes.map(proxiesOf);
    await Promise.all(this.#nodes.flat().map((proxy) => proxy.open()));
  }

  /** Nothing gets through to the node, or back, or neither; what is under way stands still. */
  cut(node: number, way: CutWay): void {
    for (const proxy of this.#nodes[node] ?? []) proxy.cut(way);
  }

  delay(node: number, ms: number): void {
    for (const proxy of this.#nodes[node] ?? []) proxy.delay(ms);
  }

  heal(node: number): void {
    for (const proxy of this.#nodes[node] ?? []) proxy.heal();
  }

  close(): void {
    for (const proxy of this.#nodes.flat()) proxy.close();
  }
}
