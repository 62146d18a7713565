import type { RangeVar } from 'libpg-query';

import { undefinedRelation, unsupported, wrongObjectType } from '../errors.ts';
import { isVisible, keyOf, type Version, type View } from '../storage/heap.ts';
import type { LockMode } from '../storage/lock-mode.ts';
import type { Relation } from '../storage/relation.ts';
import type { Namespace } from '../storage/transaction.ts';
import type { Value } from '../storage/value.ts';
import type { Session } from '../session/session.ts';
import type { Task } from '../wait.ts';
import type { Env, Expr, Scope } from './expression.ts';
import type { Source } from './parser.ts';
import type { ResultColumn } from './plan.ts';

export interface FoundTable {
  readonly relation: Relation;
  readonly namespace: Namespace;
}

const systemSchemas: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema']);

/** Looks a table up by its name in the grammar; 42P01 if there is none. */
export function findTable(session: Session, range: RangeVar, source: Source): FoundTable {
  const name = range.relname ?? '';
  if (range.schemaname !== undefined && systemSchemas.has(range.schemaname))
    throw unsupported(`the table ${range.schemaname}.${name}`);
  if (range.schemaname === undefined && name.startsWith('pg_')) throw unsupported(`the table ${name}`);
  const found = session.findRelation(range.schemaname, name);
  if (found === undefined) {
    const shown = range.schemaname === undefined ? name : `${range.schemaname}.${name}`;
    throw undefinedRelation(shown, source.position(range.location));
  }
  if (found.relation.shape.kind !== 'table') throw wrongObjectType(name, 'table');
  return found;
}

export function relationKey(session: Session, relation: Relation): string {
  return `relation ${relation.oid} of database ${session.databaseOid}`;
}

/** Locks a table until the end of the transaction, and looks it up again after a wait: it may be another one then, or gone. */
export function* lockTable(session: Session, range: RangeVar, source: Source, mode: LockMode): Task<FoundTable> {
  for (;;) {
    const found = findTable(session, range, source);
    yield* session.mustTransaction().lock(relationKey(session, found.relation), mode);
    const again = session.findRelation(range.schemaname, range.relname ?? '');
    if (again?.relation.oid === found.relation.oid) return again;
  }
}

export function scopeOf(relation: Relation, range: RangeVar): Scope {
  const alias = range.alias?.aliasname ?? range.relname ?? '';
  if (range.alias?.colnames !== undefined) throw unsupported('column aliases');
  return { alias, table: relation.shape.name, columns: columnsOf(relation) };
}

export function columnsOf(relation: Relation): ResultColumn[] {
  return relation.shape.columns.map((column, i) => ({
    name: column.name,
    type: column.type,
    typmod: column.typmod,
    table: relation.oid,
    attribute: i + 1,
  }));
}

/** The values of a primary key that a condition fixes, or undefined if it does not. */
export function keyLookup(relation: Relation, where: Expr | undefined): readonly Expr[] | undefined {
  const key = relation.shape.primaryKey;
  if (key === undefined || where === undefined) return undefined;
  const values: Expr[] = [];
  for (const column of key) {
    const part = (where.conjuncts ?? [where]).find((candidate) => candidate.equality?.column === column);
    if (part?.equality === undefined) return undefined;
    values.push(part.equality.value);
  }
  return values;
}

/** The visible versions of a table's rows, by key if the condition allows it. The caller still checks the condition. */
export function* scan(
  relation: Relation,
  view: View,
  lookup: readonly Expr[] | undefined,
  env: Env,
): Generator<Version> {
  const { commits } = env.session.host.store;
  const versions = candidates(relation, lookup, env);
  // Versions that are added from now on are not seen anyway.
  const count = versions.length;
  for (let i = 0; i < count; i++) {
    const version = versions[i] as Version;
    if (isVisible(version, view, commits)) yield version;
  }
}

function candidates(relation: Relation, lookup: readonly Expr[] | undefined, env: Env): readonly Version[] {
  const { heap } = relation;
  if (lookup === undefined || heap.key === undefined) return heap.versions;
  const values: Value[] = [];
  heap.key.forEach((column, i) => {
    values[column] = (lookup[i] as Expr).evaluate(env);
  });
  const key = keyOf(values, heap.key);
  // A copy, because pruning changes the index in place.
  return key === undefined ? [] : [...heap.withKey(key)];
}
