import { parseEndpoint, type Clock, type Endpoint, type Random } from '@multigres/core';
import { segment, unknownCell, type CellPlace, type Store, type Topology } from '@multigres/topology';
import { EtcdStore } from './etcd-store.ts';

export interface EtcdTopologyOptions {
  /** All keys of the cluster start with it; no slash at its end. Default `/multigres`. */
  readonly root?: string;
  /** Members of the etcd that holds what all cells share. */
  readonly global: readonly Endpoint[];
  /** Members of each cell's own etcd; it may be the global one. */
  readonly cells: Readonly<Record<string, readonly Endpoint[]>>;
}

interface PlacedStore {
  readonly store: Store;
  readonly place: string;
}

/**
 * The stores of a cluster in etcd: `<root>/global/...` and `<root>/cells/<cell>/...`. Stores of cells connect when first used; what is configured
 * here goes before what a cell's record says.
 */
export function etcdTopology(
  world: { readonly clock: Clock; readonly random: Random },
  options: EtcdTopologyOptions,
): Topology {
  const root = options.root ?? '/multigres';
  const stores = new Map<string, PlacedStore>();
  const global = new EtcdStore(world, { endpoints: options.global, root: `${root}/global/` });
  const placeOf = (name: string, place: CellPlace | undefined): readonly [readonly Endpoint[], root: string] => {
    const usual = `${root}/cells/${segment(name)}/`;
    const configured = Object.hasOwn(options.cells, name) ? options.cells[name] : undefined;
    if (configured !== undefined) return [configured, usual];
    const endpoints = (place?.storeEndpoints ?? []).map(parseEndpoint).filter((endpoint) => endpoint !== undefined);
    if (place === undefined || endpoints.length === 0) throw unknownCell(name);
    return [endpoints, place.storeRoot === '' ? usual : place.storeRoot];
  };
  return {
    global,
    cell: (name, place) => {
      const known = stores.get(name);
      if (known !== undefined && place === undefined) return known.store;
      const [endpoints, cellRoot] = placeOf(name, place);
      const text = JSON.stringify([endpoints, cellRoot]);
      if (known?.place === text) return known.store;
      known?.store.close();
      const store = new EtcdStore(world, { endpoints, root: cellRoot });
      stores.set(name, { store, place: text });
      return store;
    },
    close: () => {
      for (const store of [global, ...[...stores.values()].map((known) => known.store)]) store.close();
    },
  };
}
