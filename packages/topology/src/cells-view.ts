import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Cell, CellSchema } from '@multigres/rpc';
import type { RecordView } from './record-view.ts';
import type { CellPlace } from './store.ts';

export interface CellsViewOptions<S extends DescMessage> {
  /** Where the cells are. Closed with this view. */
  readonly cells: RecordView<typeof CellSchema>;
  /** Cells that are watched whether they have a record or not: the component's own. */
  readonly known: readonly string[];
  /** A view of one cell's records; `place` as its record tells, undefined for a known cell without one. Closed by this view. */
  readonly open: (cell: string, place: CellPlace | undefined) => RecordView<S>;
  /** Only these records. */
  readonly where?: (record: MessageShape<S>) => boolean;
}

interface Watched<S extends DescMessage> {
  readonly view: RecordView<S>;
  /** The place as text: a cell that has moved is watched anew. */
  readonly place: string;
}

/**
 * The records of one kind in all cells, kept up to date. Each cell is followed on its own, so that one whose store is away keeps what was known of it
 * and disturbs no other; a cell is forgotten only when its record is removed.
 */
export class CellsView<S extends DescMessage> {
  readonly #options: CellsViewOptions<S>;
  readonly #watched = new Map<string, Watched<S>>();
  readonly #listeners = new Set<() => void>();
  #records: Map<string, MessageShape<S>> | undefined;
  #closed = false;

  constructor(options: CellsViewOptions<S>) {
    this.#options = options;
    options.cells.onChange(() => this.#cellsChanged());
    this.#cellsChanged();
  }

  /** By cell and name (`zone1/pooler-1`, both as they stand in keys), as last known. */
  get records(): ReadonlyMap<string, MessageShape<S>> {
    this.#records ??= this.#gather();
    return this.#records;
  }

  /** The cells that are watched. */
  get cells(): readonly string[] {
    return [...this.#watched.keys()];
  }

  /** The list of cells, and all of them, were read completely. */
  get synced(): boolean {
    return this.#options.cells.synced && this.#all((view) => view.synced);
  }

  /** The stores of all cells, and the global one, are followed now. */
  get connected(): boolean {
    return this.#options.cells.connected && this.#all((view) => view.connected);
  }

  /** Runs after each change of `records`, `synced` or `connected`. Answers a function that ends it. */
  onChange(run: () => void): () => void {
    const listener = (): void => run();
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Follows no more; what is known stays. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.#options.cells.close();
    for (const { view } of this.#watched.values()) view.close();
  }

  #all(holds: (view: RecordView<S>) => boolean): boolean {
    return [...this.#watched.values()].every(({ view }) => holds(view));
  }

  #cellsChanged(): void {
    if (this.#closed) return;
    const wanted = new Map<string, Cell | undefined>(this.#options.known.map((name) => [name, undefined]));
    for (const cell of this.#options.cells.records.values()) wanted.set(cell.name, cell);
    for (const [name, { view }] of this.#watched) {
      if (wanted.has(name)) continue;
      view.close();
      this.#watched.delete(name);
    }
    for (const [name, cell] of wanted) this.#watch(name, cell);
    this.#changed();
  }

  #watch(name: string, cell: Cell | undefined): void {
    const before = this.#watched.get(name);
    const place = cell === undefined ? '' : JSON.stringify([cell.storeEndpoints, cell.storeRoot]);
    // A known cell is where it was configured to be, whatever its record says.
    if (before !== undefined && (before.place === place || this.#options.known.includes(name))) return;
    before?.view.close();
    const view = this.#options.open(name, cell);
    this.#watched.set(name, { view, place });
    view.onChange(() => this.#changed());
  }

  #changed(): void {
    if (this.#closed) return;
    this.#records = undefined;
    for (const listener of this.#listeners) listener();
  }

  #gather(): Map<string, MessageShape<S>> {
    const all = new Map<string, MessageShape<S>>();
    for (const [cell, { view }] of this.#watched) {
      for (const [name, record] of view.records) {
        if (this.#options.where?.(record) !== false) all.set(`${cell}/${name}`, record);
      }
    }
    return all;
  }
}
