import { unknownCell, type Store, type Topology } from '@multigres/topology';
import type { EtcdModel } from './etcd-model.ts';
import { EtcdStore, type EtcdClientParts } from './etcd-store.ts';

/** The etcd clusters of a simulated Multigres: one for all, and one in each cell. */
export interface EtcdClusters {
  readonly global: EtcdModel;
  readonly cells: ReadonlyMap<string, EtcdModel>;
}

/** What one process sees of them. */
export function etcdTopology({ global, cells }: EtcdClusters, parts: EtcdClientParts): Topology {
  const stores = new Map<string, Store>();
  const all = new EtcdStore(global, parts);
  return {
    global: all,
    cell: (name) => {
      const model = cells.get(name);
      if (model === undefined) throw unknownCell(name);
      const store = stores.get(name) ?? new EtcdStore(model, parts);
      stores.set(name, store);
      return store;
    },
    close: () => {
      for (const store of [all, ...stores.values()]) store.close();
    },
  };
}
