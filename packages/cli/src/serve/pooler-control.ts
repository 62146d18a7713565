import type { Endpoint, World } from '@multigres/core';
import type { Pooler } from '@multigres/pooler';

export interface PoolerControlFlags {
  readonly id: string;
  readonly cell: string;
  readonly grpc?: Endpoint;
  readonly topologyGlobal?: string;
  readonly topologyCell?: string;
}

export async function poolerControl(
  _w: World,
  _p: Pooler,
  _f: PoolerControlFlags,
): Promise<{ stop(): Promise<void> } | undefined> {
  return undefined;
}
