import type { Endpoint } from '@multigres/core';

/** Every machine has its own address, so that each kind of service has its port everywhere. */
export const ports = {
  postgres: 5432,
  gateway: 5433,
  relay: 6543,
  pgctld: 7001,
  pooler: 7002,
  gatewayControl: 7003,
  orch: 7004,
} as const;

export function at(machine: string, port: number): Endpoint {
  return { kind: 'tcp', host: machine, port };
}

export function everywhere(port: number): Endpoint {
  return { kind: 'tcp', host: '0.0.0.0', port };
}

/** The one shard of a simulated cluster. */
export const shardKey = { database: 'postgres', tableGroup: 'default', shard: '0' } as const;
