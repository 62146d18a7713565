import { quietWorld } from '@multigres/core/quiet';
import { describe, it } from 'vitest';
import { storeContract } from './contract/store-contract.ts';
import { MemoryStoreServer } from './memory-store-server.ts';

describe('the contract of the store, in memory', () => {
  for (const test of storeContract) {
    it(test.name, async () => {
      const world = quietWorld({ seed: test.name });
      const server = new MemoryStoreServer(world.clock);
      const subject = {
        clock: world.clock,
        connect: () => server.connect(world.clock, 'root/'),
        compact: async () => server.compact(),
        endLease: async (id: string) => server.revoke(id),
        outage: async (kind: 'none' | 'refusing' | 'silent') => {
          server.outage = kind;
        },
      };
      await world.until(test.run(subject));
    });
  }
});
