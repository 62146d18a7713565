import type { AssembleCluster } from '../cluster.ts';
import { backendLeaks } from './leaks.ts';
import { PostgresNode, databaseName, postgresPort } from './postgres-node.ts';
import { makeSchema } from './schema.ts';
import { waitUntil } from './wait-until.ts';

/** Users speak to the Postgres model itself: the model and the oracles must agree before a proxy comes in between. */
export const assembleDirect: AssembleCluster = (weather) => {
  const postgres = new PostgresNode(weather, 'postgres-1');
  const endpoint = { kind: 'tcp', host: 'postgres-1', port: postgresPort } as const;
  return {
    endpoints: [endpoint],
    database: databaseName,
    hasConsole: false,
    isModern: false,
    parts: {
      nodes: [{ node: 'postgres-1', machine: 'postgres-1' }],
      links: [],
      disks: [],
      servers: ['postgres-1'],
      drainable: [],
      stores: [],
      poolers: [],
    },
    start: async () => {
      postgres.node.start();
      await waitUntil(weather, 'Postgres is up', () => postgres.isReady);
      await makeSchema(weather, endpoint);
    },
    committedKeys: () => postgres.committed('ledger', 'k'),
    leaks: () => backendLeaks(postgres, 0),
  };
};
