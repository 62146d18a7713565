import type { Clock, Endpoint, Random } from '@multigres/core';
import { segment, unknownCell, type Store, type Topology } from '@multigres/topology';
import { EtcdStore } from './etcd-store.ts';

export interface EtcdTopologyOptions {
  /** All keys of the cluster start with it; no slash at its end. Default `/multigres`. */
  readonly root?: string;
  /** Members of the etcd that holds what all cells share. */
  readonly global: readonly Endpoint[];
  /** Members of each cell's own etcd; it may be the global one. */
  readonly cells: Readonly<Record<string, readonly Endpoint[]>>;
}

/** The stores of a cluster in etcd: `<root>/global/...` and `<root>/cells/<cell>/...`. Stores of cells connect when first used. */
export function etcdTopology(
  world: { readonly clock: Clock; readonly random: Random },
  options: EtcdTopologyOptions,
): Topology {
  const root = options.root ?? '/multigres';
  const stores = new Map<string, Store>();
  const global = new EtcdStore(world, { endpoints: options.global, root: `${root}/global/` });
  return {
    global,
    cell: (name) => {
      const known = stores.get(name);
      if (known !== undefined) return known;
      const endpoints = Object.hasOwn(options.cells, name) ? options.cells[name] : undefined;
      if (endpoints === undefined) throw unknownCell(name);
      const store = new EtcdStore(world, { endpoints, root: `${root}/cells/${segment(name)}/` });
      stores.set(name, store);
      return store;
    },
    close: () => {
      for (const store of [global, ...stores.values()]) store.close();
    },
  };
}
