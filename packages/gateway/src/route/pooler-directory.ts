import { NetworkError, type Connection, type Network } from '@multigres/core';
import {
  endpointOf,
  type ComponentIdMessage,
  type EndpointMessage,
  type PoolerSchema,
  type ShardKey,
} from '@multigres/rpc';
import type { Directory, RecordView } from '@multigres/topology';

const connectMs = 5_000;

/** How a pooler looks to operators: `KnownPooler` of GatewayService. */
export interface KnownPoolerView {
  readonly id?: ComponentIdMessage;
  readonly shard?: ShardKey;
  readonly relayEndpoint?: EndpointMessage;
  readonly connected: boolean;
  readonly eligible: boolean;
  readonly reason: string;
}

/**
 * Finds the pooler in the topology of the gateway's cell. Today one pooler serves everything, so the first by name is the one; while the store is
 * away, what was known goes on being used.
 */
export class PoolerDirectory {
  readonly #network: Network;
  readonly #cell: string;
  readonly #view: RecordView<typeof PoolerSchema>;

  constructor(network: Network, directory: Directory, cell: string) {
    this.#network = network;
    this.#cell = cell;
    this.#view = directory.watchPoolers(cell);
  }

  /** Whether the topology is being followed right now. */
  get isConnected(): boolean {
    return this.#view.connected;
  }

  /** Connects to the pooler's relay. Rejects with a NetworkError, `unreachable` while none is registered. */
  dial = async (): Promise<Connection> => {
    const name = this.#first();
    const endpoint = endpointOf(name === undefined ? undefined : this.#view.records.get(name)?.relayEndpoint);
    if (endpoint === undefined) throw new NetworkError('unreachable', `no pooler is registered in cell ${this.#cell}`);
    return await this.#network.connect(endpoint, { timeoutMs: connectMs });
  };

  known(poolerIsUp: boolean): KnownPoolerView[] {
    const first = this.#first();
    return [...this.#view.records].map(([name, { id, shard, relayEndpoint }]) => ({
      ...(id && { id }),
      ...(shard && { shard }),
      ...(relayEndpoint && { relayEndpoint }),
      connected: name === first && poolerIsUp,
      eligible: name === first,
      reason: name === first ? '' : 'another pooler serves this shard',
    }));
  }

  close(): void {
    this.#view.close();
  }

  #first(): string | undefined {
    return [...this.#view.records.keys()].toSorted()[0];
  }
}
