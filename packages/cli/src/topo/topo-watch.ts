import type { Cell } from '@multigres/rpc';
import type { Directory } from '@multigres/topology';
import { topoKinds, type WatchedStore } from './topo-kinds.ts';

/** What a watch tells; names as `topo ls` shows them. */
export interface TopoListener {
  /** It is there, or has changed. */
  present(name: string, record: object): void;
  gone(name: string): void;
  /** A store is followed, or away: what was told of it may be out of date. `name`: the kind, and the cell if it stands in one. */
  connected(name: string, yes: boolean): void;
}

/** Tells of all records of these kinds, and of each change. Answers a function that ends it. */
export function watchTopology(
  directory: Directory,
  cells: readonly Cell[],
  kinds: readonly string[],
  listener: TopoListener,
): () => void {
  const stores = kinds.flatMap((kind) =>
    (topoKinds[kind]?.watch(directory, cells) ?? []).map((store) => ({ ...store, prefix: `${kind}/${store.prefix}` })),
  );
  const ends = stores.map((store) => follow(store, listener));
  return () => {
    for (const end of ends) end();
    for (const { view } of stores) view.close();
  };
}

function follow({ prefix, view }: WatchedStore, listener: TopoListener): () => void {
  let known: ReadonlyMap<string, object> = new Map();
  let connected: boolean | undefined;
  const look = (): void => {
    const now = new Map<string, object>(view.records);
    for (const name of known.keys()) if (!now.has(name)) listener.gone(prefix + name);
    for (const [name, record] of now) if (known.get(name) !== record) listener.present(prefix + name, record);
    known = now;
    if (connected === view.connected) return;
    connected = view.connected;
    listener.connected(prefix.slice(0, -1), connected);
  };
  return view.onChange(look);
}
