import type { Cell } from '@multigres/rpc';
import { keyOf, shardName, type CallOptions, type Directory } from '@multigres/topology';

/** A record and the name that it goes by: in a cell, `zone1/pooler-1`. */
export interface Named {
  readonly name: string;
  readonly record: object;
}

/** The records of one kind, wherever they stand. */
export interface TopoKind {
  list(directory: Directory, cells: readonly Cell[], options: CallOptions): Promise<readonly Named[]>;
  /** Views of all stores in which this kind stands, each with what stands before its names. The caller closes them. */
  watch(directory: Directory, cells: readonly Cell[]): readonly WatchedStore[];
}

export interface WatchedStore {
  readonly prefix: string;
  readonly view: WatchedView;
}

/** What we use of a `RecordView`. */
export interface WatchedView {
  readonly records: ReadonlyMap<string, object>;
  readonly connected: boolean;
  onChange(run: () => void): () => void;
  close(): void;
}

/** What we use of a `RecordTable`. */
interface Table<R extends object> {
  list(options: CallOptions): Promise<readonly { readonly record: R }[]>;
  watch(): WatchedView;
}

function shared<R extends object>(
  tableOf: (directory: Directory) => Table<R>,
  nameOf: (record: R) => string,
): TopoKind {
  return {
    list: async (directory, _cells, options) =>
      (await tableOf(directory).list(options)).map(({ record }) => ({ name: nameOf(record), record })),
    watch: (directory) => [{ prefix: '', view: tableOf(directory).watch() }],
  };
}

function perCell<R extends object>(
  tableOf: (directory: Directory, cell: Cell) => Table<R>,
  nameOf: (record: R) => string,
): TopoKind {
  const prefixOf = (cell: Cell): string => `${keyOf(cell.name)}/`;
  return {
    list: async (directory, cells, options) => {
      const found: Named[] = [];
      for (const cell of cells) {
        const records = await tableOf(directory, cell).list(options);
        for (const { record } of records) found.push({ name: prefixOf(cell) + nameOf(record), record });
      }
      return found;
    },
    watch: (directory, cells) =>
      cells.map((cell) => ({ prefix: prefixOf(cell), view: tableOf(directory, cell).watch() })),
  };
}

/** By the names that their keys start with. */
export const topoKinds: Readonly<Record<string, TopoKind>> = {
  identity: shared(
    ({ identity }) => identity,
    () => 'cluster',
  ),
  cells: shared(
    ({ cells }) => cells,
    ({ name }) => keyOf(name),
  ),
  databases: shared(
    ({ databases }) => databases,
    ({ name }) => keyOf(name),
  ),
  'table-groups': shared(
    ({ tableGroups }) => tableGroups,
    ({ database, name }) => keyOf(database, name),
  ),
  shards: shared(
    ({ shards }) => shards,
    ({ key }) => shardName(key),
  ),
  'bootstrap-claims': shared(
    ({ bootstrapClaims }) => bootstrapClaims,
    ({ shard }) => shardName(shard),
  ),
  poolers: perCell(
    (directory, cell) => directory.poolers(cell.name, cell),
    ({ id }) => keyOf(id?.name ?? ''),
  ),
  orchestrators: perCell(
    (directory, cell) => directory.orchestrators(cell.name, cell),
    ({ id }) => keyOf(id?.name ?? ''),
  ),
  gateways: perCell(
    (directory, cell) => directory.gateways(cell.name, cell),
    ({ id }) => keyOf(id?.name ?? ''),
  ),
};
