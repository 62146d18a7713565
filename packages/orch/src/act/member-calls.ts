import {
  client,
  endpointOf,
  MemberService,
  type Pooler,
  type RpcChannel,
  type RpcClient,
  type RpcTransport,
} from '@multigres/rpc';
import { formatEndpoint } from '@multigres/core';
import { noEndpoint } from '../errors.ts';

/** Channels to the poolers of a shard, each made when it is first needed, anew when the pooler has moved. */
export class MemberCalls {
  readonly #rpc: RpcTransport;
  readonly #channels = new Map<string, { readonly where: string; readonly channel: RpcChannel }>();

  constructor(rpc: RpcTransport) {
    this.#rpc = rpc;
  }

  /** To the pooler `key` (`cell/name`). Rejects with XX000 if its record does not say where it listens. */
  channel(key: string, record: Pooler | undefined): RpcChannel {
    const endpoint = endpointOf(record?.rpcEndpoint);
    if (endpoint === undefined) throw noEndpoint(key);
    const where = formatEndpoint(endpoint);
    const known = this.#channels.get(key);
    if (known?.where === where) return known.channel;
    known?.channel.close();
    const channel = this.#rpc.connect(endpoint);
    this.#channels.set(key, { where, channel });
    return channel;
  }

  member(key: string, record: Pooler | undefined): RpcClient<typeof MemberService> {
    return client(MemberService, this.channel(key, record));
  }

  close(): void {
    for (const { channel } of this.#channels.values()) channel.close();
    this.#channels.clear();
  }
}
