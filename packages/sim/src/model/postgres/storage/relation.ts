import type { Heap } from './heap.ts';
import type { Value } from './value.ts';

export interface Column {
  readonly name: string;
  /** OID of the type. */
  readonly type: number;
  /** As in pg_attribute.atttypmod; -1 for none. */
  readonly typmod: number;
  readonly notNull: boolean;
  readonly default: ColumnDefault;
}

export type ColumnDefault =
  | { readonly kind: 'none' }
  | { readonly kind: 'constant'; readonly value: Value }
  | { readonly kind: 'now' }
  /** The next value of the sequence with this name in the same schema (serial and identity columns). */
  | { readonly kind: 'sequence'; readonly name: string };

/** What a relation is made of; immutable, so that it can stand in the log. */
export interface TableShape {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'sequence' | 'schema';
  /** The role that made it: nobody else but superusers and members of it may use it, as GRANT is not modelled. */
  readonly owner: string;
  readonly columns: readonly Column[];
  /** Positions of the primary key's columns. */
  readonly primaryKey: readonly number[] | undefined;
  readonly primaryKeyName: string | undefined;
  /** ON COMMIT, for temporary tables. */
  readonly onCommit: 'preserve' | 'delete' | 'drop';
  /** Dropped together with this table (a serial column's sequence). */
  readonly ownedBy: number | undefined;
}

export interface SequenceState {
  last: bigint;
  /** False until the first nextval: then the first answer is `last` itself. */
  called: boolean;
}

export interface Relation {
  readonly oid: number;
  readonly shape: TableShape;
  readonly heap: Heap;
  readonly temporary: boolean;
  readonly sequence: SequenceState | undefined;
}
