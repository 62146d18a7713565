import { notNullViolation, permissionDenied, readOnlyTransaction, uniqueViolation } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { Relation } from '../storage/relation.ts';
import type { Row, Value } from '../storage/value.ts';
import { formatValue } from './type-text.ts';

function show(session: Session, value: Value, type: number): string {
  return value === null ? 'null' : formatValue(value, type, session.outputStyle);
}

/** 23502, with the whole row in the detail. */
export function checkNotNull(session: Session, relation: Relation, row: Row): void {
  const { columns } = relation.shape;
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i] as (typeof columns)[number];
    if (!column.notNull || row[i] !== null) continue;
    const shown = row.map((value, at) => cut(show(session, value, (columns[at] as typeof column).type)));
    throw notNullViolation(relation.shape, column.name, shown.join(', '));
  }
}

/** Long values are cut to 64 bytes in such details. */
function cut(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}...` : text;
}

export function duplicateKeyError(session: Session, relation: Relation, row: Row): Error {
  const key = relation.shape.primaryKey ?? [];
  const names = key.map((at) => relation.shape.columns[at]?.name).join(', ');
  const values = key.map((at) => show(session, row[at] ?? null, relation.shape.columns[at]?.type ?? 0)).join(', ');
  return uniqueViolation(relation.shape, `Key (${names})=(${values}) already exists.`);
}

/** 42501 unless the current user owns it, is a member of its owner, or a superuser. */
export function checkAccess(session: Session, relation: Relation): void {
  if (!session.mayUse(relation)) throw permissionDenied(relation.shape.kind, relation.shape.name);
}

/** Temporary tables may be written in a read-only transaction. */
export function refuseReadOnly(session: Session, relation: Relation | undefined, what: string): void {
  if (session.readOnly && relation?.temporary !== true) throw readOnlyTransaction(what);
}
