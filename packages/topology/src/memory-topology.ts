import type { Clock } from '@multigres/core';
import { unknownCell } from './errors.ts';
import { MemoryStoreServer } from './memory-store-server.ts';
import type { Store, Topology } from './store.ts';

/** A cluster's stores in memory: for tests, the simulator, and a proxy that runs without etcd. Each server fails on its own. */
export class MemoryTopology {
  readonly global: MemoryStoreServer;
  readonly cells: ReadonlyMap<string, MemoryStoreServer>;

  constructor(clock: Clock, cells: readonly string[]) {
    this.global = new MemoryStoreServer(clock);
    this.cells = new Map(cells.map((name) => [name, new MemoryStoreServer(clock)]));
  }

  /** What a node with this clock sees. */
  connect(clock: Clock): Topology {
    const global = this.global.connect(clock);
    const stores = new Map<string, Store>();
    return {
      global,
      cell: (name) => {
        const server = this.cells.get(name);
        if (server === undefined) throw unknownCell(name);
        const store = stores.get(name) ?? server.connect(clock);
        stores.set(name, store);
        return store;
      },
      close: () => {
        for (const store of [global, ...stores.values()]) store.close();
      },
    };
  }
}
