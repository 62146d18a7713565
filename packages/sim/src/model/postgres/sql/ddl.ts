import type {
  ColumnDef,
  Constraint,
  CreateSeqStmt,
  CreateStmt,
  DropStmt,
  List,
  Node,
  RangeVar,
  TruncateStmt,
  TypeName,
} from 'libpg-query';

import {
  duplicateRelation,
  duplicateSchema,
  mustBeOwner,
  multiplePrimaryKeys,
  noSchemaSelected,
  undefinedColumnInKey,
  undefinedObjectToDrop,
  undefinedSchema,
  unsupported,
  wrongObjectType,
  duplicateColumn,
} from '../errors.ts';
import { lockMode } from '../storage/lock-mode.ts';
import type { Column, ColumnDefault, TableShape } from '../storage/relation.ts';
import type { Session } from '../session/session.ts';
import type { Task } from '../wait.ts';
import { analyzeExpression, resolveType } from './analyze-expression.ts';
import { newAnalysis, type Analysis } from './expression.ts';
import { assignTo } from './insert.ts';
import { bodyOf, kindOf, stringOf, type Source } from './parser.ts';
import { command, waitingCommand, type Plan } from './plan.ts';
import { checkAccess, refuseReadOnly } from './row-check.ts';
import { findTable, relationKey } from './scan.ts';
import { newEnv } from './select.ts';
import { oid } from './types.ts';

function creationSchema(
  session: Session,
  source: Source,
  range: RangeVar,
): { readonly schema: string; readonly temporary: boolean } {
  if (range.relpersistence === 't' || range.schemaname === 'pg_temp') return { schema: 'pg_temp', temporary: true };
  if (range.relpersistence === 'u') throw unsupported('an unlogged table');
  if (range.schemaname !== undefined) {
    if (!session.hasSchema(range.schemaname)) throw undefinedSchema(range.schemaname, source.position(range.location));
    return { schema: range.schemaname, temporary: false };
  }
  const schema = session.currentSchema();
  if (schema === undefined || schema === 'pg_catalog') throw noSchemaSelected();
  return { schema, temporary: false };
}

const serials: Readonly<Record<string, number>> = {
  serial: oid.int4,
  serial4: oid.int4,
  bigserial: oid.int8,
  serial8: oid.int8,
};

interface Shape {
  readonly columns: Column[];
  readonly sequences: string[];
  key: string[] | undefined;
  keyName: string | undefined;
  keyPosition: number | undefined;
}

/** CREATE [TEMP] TABLE. */
export function planCreateTable(session: Session, source: Source, stmt: CreateStmt): Plan {
  const range = stmt.relation as RangeVar;
  const name = range.relname ?? '';
  if (stmt.inhRelations !== undefined || stmt.partspec !== undefined || stmt.ofTypename !== undefined)
    throw unsupported('this form of CREATE TABLE');
  return waitingCommand(function* run() {
    const { schema, temporary } = creationSchema(session, source, range);
    refuseReadOnly(session, undefined, 'CREATE TABLE');
    if (yield* isTaken(session, schema, name, temporary, stmt.if_not_exists === true)) return 'CREATE TABLE';
    const shape = tableShape(newAnalysis(session, source), stmt, name);
    const transaction = session.mustTransaction();
    const namespace = session.namespaceFor(temporary);
    const common = { schema, kind: 'table', owner: session.currentUser, onCommit: onCommit(stmt) } as const;
    const relation = transaction.create(namespace, {
      ...common,
      name,
      columns: shape.columns,
      ...keyOf(shape, name),
      ownedBy: undefined,
    });
    yield* transaction.lock(relationKey(session, relation), lockMode.accessExclusive);
    for (const sequence of shape.sequences)
      transaction.create(namespace, sequenceShape(session, schema, sequence, relation.oid));
    return 'CREATE TABLE';
  });
}

function onCommit(stmt: CreateStmt): TableShape['onCommit'] {
  if (stmt.oncommit === 'ONCOMMIT_DROP') return 'drop';
  return stmt.oncommit === 'ONCOMMIT_DELETE_ROWS' ? 'delete' : 'preserve';
}

/** A schema is a relation without anything, in a schema that holds the schemas. */
export function schemaShape(session: Session, name: string): TableShape {
  return { ...sequenceShape(session, 'pg_namespace', name, undefined), kind: 'schema' };
}

export function refuseReadOnlyFor(session: Session, what: string): void {
  refuseReadOnly(session, undefined, what);
}

function sequenceShape(session: Session, schema: string, name: string, ownedBy: number | undefined): TableShape {
  return {
    schema,
    name,
    kind: 'sequence',
    owner: session.currentUser,
    columns: [],
    primaryKey: undefined,
    primaryKeyName: undefined,
    onCommit: 'preserve',
    ownedBy,
  };
}

/** Waits for somebody who is just creating the same name. True if it exists and that is allowed (with a notice). */
export function* isTaken(
  session: Session,
  schema: string,
  name: string,
  temporary: boolean,
  mayExist: boolean,
  kind: 'relation' | 'schema' = 'relation',
): Task<boolean> {
  const { catalog } = session.namespaceFor(temporary);
  const transaction = session.mustTransaction();
  for (;;) {
    if (catalog.find(schema, name, transaction.own) !== undefined) {
      if (!mayExist) throw kind === 'schema' ? duplicateSchema(name) : duplicateRelation(name);
      const code = kind === 'schema' ? '42P06' : '42P07';
      session.notice({ level: 'NOTICE', sqlstate: code, message: `${kind} "${name}" already exists, skipping` });
      return true;
    }
    const undecided = catalog.undecided(schema, name, transaction.own);
    if (undecided === undefined) return false;
    yield* transaction.awaitEnd(undecided);
  }
}

function keyOf(shape: Shape, table: string): Pick<TableShape, 'primaryKey' | 'primaryKeyName'> {
  if (shape.key === undefined) return { primaryKey: undefined, primaryKeyName: undefined };
  const primaryKey = shape.key.map((name) => {
    const at = shape.columns.findIndex((column) => column.name === name);
    if (at < 0) throw undefinedColumnInKey(name, shape.keyPosition);
    return at;
  });
  for (const at of primaryKey) shape.columns[at] = { ...(shape.columns[at] as Column), notNull: true };
  return { primaryKey, primaryKeyName: shape.keyName ?? `${table}_pkey` };
}

function tableShape(analysis: Analysis, stmt: CreateStmt, table: string): Shape {
  const shape: Shape = { columns: [], sequences: [], key: undefined, keyName: undefined, keyPosition: undefined };
  for (const node of stmt.tableElts ?? []) {
    if (kindOf(node) === 'ColumnDef') addColumn(analysis, shape, bodyOf<ColumnDef>(node), table);
    else if (kindOf(node) === 'Constraint') addTableConstraint(shape, bodyOf<Constraint>(node), table, analysis.source);
    else throw unsupported(`${kindOf(node)} in CREATE TABLE`);
  }
  return shape;
}

function addColumn(analysis: Analysis, shape: Shape, def: ColumnDef, table: string): void {
  const name = def.colname ?? '';
  if (shape.columns.some((column) => column.name === name)) throw duplicateColumn(name, undefined);
  const typeNode = def.typeName as TypeName;
  const serial = serials[stringOf(typeNode.names?.at(-1))];
  const { type, typmod } = serial === undefined ? resolveType(analysis, typeNode) : { type: serial, typmod: -1 };
  let notNull = serial !== undefined;
  let fallback: ColumnDefault = { kind: 'none' };
  if (serial !== undefined) fallback = ownSequence(shape, table, name);
  for (const node of def.constraints ?? []) {
    const constraint = bodyOf<Constraint>(node);
    if (constraint.contype === 'CONSTR_NOTNULL') notNull = true;
    else if (constraint.contype === 'CONSTR_PRIMARY') setKey(shape, [name], constraint, table, analysis.source);
    else if (constraint.contype === 'CONSTR_DEFAULT')
      fallback = defaultOf(analysis, name, type, typmod, constraint.raw_expr as Node);
    else if (constraint.contype === 'CONSTR_IDENTITY') {
      fallback = ownSequence(shape, table, name);
      notNull = true;
    } else if (constraint.contype !== 'CONSTR_NULL') throw unsupported(`the constraint ${constraint.contype}`);
  }
  shape.columns.push({ name, type, typmod, notNull, default: fallback });
}

function ownSequence(shape: Shape, table: string, column: string): ColumnDefault {
  const name = `${table}_${column}_seq`;
  shape.sequences.push(name);
  return { kind: 'sequence', name };
}

/** Constants and the current time; other defaults are not modelled. */
function defaultOf(analysis: Analysis, name: string, type: number, typmod: number, node: Node): ColumnDefault {
  const isNow =
    kindOf(node) === 'SQLValueFunction' ||
    (kindOf(node) === 'FuncCall' && stringOf(bodyOf<{ funcname?: Node[] }>(node).funcname?.at(-1)) === 'now');
  if (isNow && (type === oid.timestamp || type === oid.timestamptz)) return { kind: 'now' };
  if (!['A_Const', 'TypeCast'].includes(kindOf(node))) throw unsupported('a default of this kind');
  const column: Column = { name, type, typmod, notNull: false, default: { kind: 'none' } };
  const expr = assignTo(analysis, column, analyzeExpression(analysis, node));
  return { kind: 'constant', value: expr.evaluate(newEnv({ session: analysis.session, params: [] })) };
}

function setKey(shape: Shape, columns: string[], constraint: Constraint, table: string, source: Source): void {
  const position = source.position(constraint.location);
  if (shape.key !== undefined) throw multiplePrimaryKeys(table, position);
  shape.key = columns;
  shape.keyName = constraint.conname;
  shape.keyPosition = position;
}

function addTableConstraint(shape: Shape, constraint: Constraint, table: string, source: Source): void {
  if (constraint.contype !== 'CONSTR_PRIMARY') throw unsupported(`the constraint ${constraint.contype}`);
  setKey(shape, (constraint.keys ?? []).map(stringOf), constraint, table, source);
}

/** CREATE [TEMP] SEQUENCE without options. */
export function planCreateSequence(session: Session, source: Source, stmt: CreateSeqStmt): Plan {
  const range = stmt.sequence as RangeVar;
  const name = range.relname ?? '';
  if (stmt.options !== undefined) throw unsupported('options of CREATE SEQUENCE');
  return waitingCommand(function* run() {
    const { schema, temporary } = creationSchema(session, source, range);
    refuseReadOnly(session, undefined, 'CREATE SEQUENCE');
    if (yield* isTaken(session, schema, name, temporary, stmt.if_not_exists === true)) return 'CREATE SEQUENCE';
    session.mustTransaction().create(session.namespaceFor(temporary), sequenceShape(session, schema, name, undefined));
    return 'CREATE SEQUENCE';
  });
}

/** DROP TABLE and DROP SEQUENCE. */
export function planDrop(session: Session, stmt: DropStmt): Plan {
  if (stmt.removeType === 'OBJECT_SCHEMA') return planDropSchema(session, stmt);
  const kind =
    stmt.removeType === 'OBJECT_TABLE' ? 'table' : stmt.removeType === 'OBJECT_SEQUENCE' ? 'sequence' : undefined;
  if (kind === undefined) throw unsupported(`DROP of ${stmt.removeType}`);
  const tag = kind === 'table' ? 'DROP TABLE' : 'DROP SEQUENCE';
  const names = (stmt.objects ?? []).map((object) => (bodyOf<List>(object).items ?? []).map(stringOf));
  return waitingCommand(function* run() {
    for (const name of names) yield* dropOne(session, kind, tag, name, stmt.missing_ok === true);
    return tag;
  });
}

/** DROP SCHEMA of empty ones. */
function planDropSchema(session: Session, stmt: DropStmt): Plan {
  const names = (stmt.objects ?? []).map(stringOf);
  return command(() => {
    refuseReadOnly(session, undefined, 'DROP SCHEMA');
    const transaction = session.mustTransaction();
    const namespace = session.namespaceFor(false);
    for (const name of names) {
      const found = namespace.catalog.find('pg_namespace', name, transaction.own);
      if (found === undefined) throw undefinedSchema(name, undefined);
      for (const { shape } of namespace.catalog.all(transaction.own))
        if (shape.schema === name) throw unsupported('DROP SCHEMA of one that is not empty');
      transaction.drop(namespace, found);
    }
    return 'DROP SCHEMA';
  });
}

function* dropOne(
  session: Session,
  kind: 'table' | 'sequence',
  tag: string,
  name: readonly string[],
  mayMiss: boolean,
): Task<void> {
  const shown = name.join('.');
  const schema = name.length > 1 ? name.at(-2) : undefined;
  const transaction = session.mustTransaction();
  for (;;) {
    const found = session.findRelation(schema, name.at(-1) as string);
    if (found === undefined) {
      if (!mayMiss) throw undefinedObjectToDrop(kind, shown);
      session.notice({ level: 'NOTICE', sqlstate: '00000', message: `${kind} "${shown}" does not exist, skipping` });
      return;
    }
    const { relation, namespace } = found;
    if (relation.shape.kind !== kind) throw wrongObjectType(shown, kind);
    refuseReadOnly(session, undefined, tag);
    if (!session.mayUse(relation)) throw mustBeOwner(kind, relation.shape.name);
    yield* transaction.lock(relationKey(session, relation), lockMode.accessExclusive);
    const again = session.findRelation(schema, name.at(-1) as string);
    if (again?.relation.oid !== relation.oid) continue;
    transaction.drop(namespace, again.relation);
    for (const other of [...namespace.catalog.all(transaction.own)]) {
      if (other.shape.ownedBy === relation.oid) transaction.drop(namespace, other);
    }
    return;
  }
}

/** TRUNCATE. */
export function planTruncate(session: Session, source: Source, stmt: TruncateStmt): Plan {
  if (stmt.restart_seqs === true) throw unsupported('TRUNCATE RESTART IDENTITY');
  const ranges = (stmt.relations ?? []).map((node) => bodyOf<RangeVar>(node));
  return waitingCommand(function* run() {
    const transaction = session.mustTransaction();
    for (const range of ranges) {
      const { relation } = findTable(session, range, source);
      refuseReadOnly(session, undefined, 'TRUNCATE TABLE');
      checkAccess(session, relation);
      yield* transaction.lock(relationKey(session, relation), lockMode.accessExclusive);
      const found = findTable(session, range, source);
      transaction.truncate(found.namespace, found.relation);
    }
    return 'TRUNCATE TABLE';
  });
}
