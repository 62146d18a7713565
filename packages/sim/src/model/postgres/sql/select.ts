import type {
  A_Const,
  FuncCall,
  List,
  LockingClause,
  Node,
  RangeFunction,
  RangeVar,
  ResTarget,
  SelectStmt,
  SortBy,
} from 'libpg-query';

import {
  limitMustNotBeNegative,
  mustAppearInGroupBy,
  orderPositionNotInList,
  starWithoutTables,
  valuesListsDiffer,
  withLockingNotAllowed,
  missingFrom,
  unsupported,
} from '../errors.ts';
import { lockMode } from '../storage/lock-mode.ts';
import type { Version } from '../storage/heap.ts';
import type { Relation } from '../storage/relation.ts';
import type { Row, Value } from '../storage/value.ts';
import type { Session } from '../session/session.ts';
import type { Task } from '../wait.ts';
import { analyzeExpression, mustBeBoolean, unify } from './analyze-expression.ts';
import { coerce, decide } from './coerce.ts';
import { fold, newAnalysis, settle, type Aggregate, type Analysis, type Env, type Expr } from './expression.ts';
import { columnName } from './column-name.ts';
import { compareValues } from './operators.ts';
import { bodyOf, kindOf, stringOf, type Source } from './parser.ts';
import type { Execution, Plan, ResultColumn, Running } from './plan.ts';
import { checkAccess, refuseReadOnly } from './row-check.ts';
import { keyLookup, lockTable, relationKey, scan, scopeOf } from './scan.ts';
import { systemView, tableFunction, type SystemView } from './system-views.ts';
import { oid } from './types.ts';

/** One output column. */
interface Target {
  readonly expr: Expr;
  readonly column: ResultColumn;
}

interface SortKey {
  readonly expr: Expr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

interface Locking {
  readonly patience: 'wait' | 'nowait' | 'skip';
  /** As messages call the statement. */
  readonly name: string;
}

/** Where the rows come from. */
type Origin =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'table'; readonly relation: Relation; readonly name: string }
  | { readonly kind: 'view'; readonly view: SystemView; readonly args: readonly Expr[] }
  | { readonly kind: 'series'; readonly from: Expr; readonly to: Expr; readonly step: Expr | undefined };

const unmodelled = [
  'distinctClause',
  'intoClause',
  'groupClause',
  'havingClause',
  'windowClause',
  'withClause',
] as const;

export function newEnv(execution: Execution): Env {
  return { session: execution.session, params: execution.params, row: [], slots: [], aggregates: [] };
}

/** Analyses a SELECT or VALUES. Waits for the table's lock. `analysis` carries the parameters' types. */
export function* planSelect(analysis: Analysis, stmt: SelectStmt): Task<Plan> {
  if (stmt.op !== undefined && stmt.op !== 'SETOP_NONE') throw unsupported('UNION and its like');
  for (const clause of unmodelled) if (stmt[clause] !== undefined) throw unsupported(`the ${clause} of SELECT`);
  if (stmt.valuesLists !== undefined) return planValues(analysis, stmt);
  const locking = lockingOf(stmt.lockingClause);
  const origin = yield* originOf(analysis, stmt.fromClause ?? [], locking !== undefined);
  const aggregates: Aggregate[] = [];
  analysis.aggregates = aggregates;
  const targets = (stmt.targetList ?? []).flatMap((node) => analyzeTarget(analysis, bodyOf<ResTarget>(node)));
  analysis.aggregates = undefined;
  analysis.clause = 'WHERE';
  const bareInTargets = analysis.bareColumns.length;
  const where = analyzeWhere(analysis, stmt.whereClause);
  analysis.bareColumns.length = bareInTargets;
  analysis.aggregates = aggregates;
  const sort = (stmt.sortClause ?? []).map((node) => analyzeSort(analysis, bodyOf<SortBy>(node), targets));
  analysis.aggregates = undefined;
  const limit = analyzeLimit(analysis, stmt.limitCount, 'LIMIT');
  const offset = analyzeLimit(analysis, stmt.limitOffset, 'OFFSET');
  if (aggregates.length > 0) {
    const [bare] = analysis.bareColumns;
    if (bare !== undefined) throw mustAppearInGroupBy(bare.name, analysis.source.position(bare.location));
    if (locking !== undefined) throw withLockingNotAllowed('aggregate functions');
  }
  const query = new Query(origin, targets, where, sort, limit, offset, locking, aggregates, analysis.waiting);
  return query.plan();
}

/** A condition. Functions that wait are not modelled there: the condition is asked again after waits. */
export function analyzeWhere(analysis: Analysis, node: Node | undefined): Expr | undefined {
  if (node === undefined) return undefined;
  const waitingBefore = analysis.waiting.length;
  const where = mustBeBoolean(analysis, analyzeExpression(analysis, node), 'WHERE');
  if (analysis.waiting.length > waitingBefore) throw unsupported('a function that waits, in WHERE');
  return where;
}

function lockingOf(clauses: readonly Node[] | undefined): Locking | undefined {
  if (clauses === undefined || clauses.length === 0) return undefined;
  const clause = bodyOf<LockingClause>(clauses[0] as Node);
  if (clause.strength !== 'LCS_FORUPDATE' && clause.strength !== 'LCS_FORNOKEYUPDATE') throw unsupported('FOR SHARE');
  if (clause.lockedRels !== undefined) throw unsupported('FOR UPDATE OF');
  const patience =
    clause.waitPolicy === 'LockWaitError' ? 'nowait' : clause.waitPolicy === 'LockWaitSkip' ? 'skip' : 'wait';
  return { patience, name: clause.strength === 'LCS_FORUPDATE' ? 'SELECT FOR UPDATE' : 'SELECT FOR NO KEY UPDATE' };
}

function* originOf(analysis: Analysis, from: readonly Node[], locks: boolean): Task<Origin> {
  const [node] = from;
  if (node === undefined) return { kind: 'nothing' };
  if (from.length > 1) throw unsupported('a join');
  if (kindOf(node) === 'RangeFunction') return series(analysis, bodyOf<RangeFunction>(node));
  if (kindOf(node) !== 'RangeVar') throw unsupported(`${kindOf(node)} in FROM`);
  const range = bodyOf<RangeVar>(node);
  const view = viewOf(range);
  if (view !== undefined) return viewOrigin(analysis, view, range.alias?.aliasname ?? range.relname ?? '', []);
  const { relation } = yield* lockTable(
    analysis.session,
    range,
    analysis.source,
    locks ? lockMode.rowShare : lockMode.accessShare,
  );
  analysis.scope = scopeOf(relation, range);
  return { kind: 'table', relation, name: relation.shape.name };
}

function viewOf(range: RangeVar): SystemView | undefined {
  if (range.schemaname !== undefined && range.schemaname !== 'pg_catalog') return undefined;
  return systemView(range.relname ?? '');
}

function viewOrigin(analysis: Analysis, view: SystemView, alias: string, args: readonly Expr[]): Origin {
  const columns = view.columns.map(([name, type]) => ({ name, type, typmod: -1, table: 0, attribute: 0 }));
  analysis.scope = { alias, table: undefined, columns, partial: true };
  return { kind: 'view', view, args };
}

/** generate_series(from, to[, step]) of ints or bigints. */
function series(analysis: Analysis, range: RangeFunction): Origin {
  const call = (range.functions ?? []).flatMap((item) => bodyOf<List>(item).items ?? [])[0];
  if (call === undefined || kindOf(call) !== 'FuncCall') throw unsupported('this function in FROM');
  const { funcname, args = [] } = bodyOf<FuncCall>(call);
  const name = stringOf(funcname?.at(-1));
  const table = tableFunction(name);
  if (table !== undefined) {
    const given = args.map((arg) => decide(analysis, analyzeExpression(analysis, arg)));
    return viewOrigin(analysis, table, range.alias?.aliasname ?? name, given);
  }
  if (name !== 'generate_series' || args.length < 2 || range.ordinality === true) {
    throw unsupported(`${name} in FROM`);
  }
  const given = args.map((arg) => analyzeExpression(analysis, arg));
  const type = given.some((arg) => arg.type === oid.int8) ? oid.int8 : oid.int4;
  const [from, to, step] = given.map((arg) => {
    const typed = coerce(analysis, arg, type, -1, 'implicit');
    if (typed === undefined) throw unsupported('generate_series of this type');
    return typed;
  }) as [Expr, Expr, Expr | undefined];
  const alias = range.alias?.aliasname ?? 'generate_series';
  const column = stringOf(range.alias?.colnames?.[0]) || alias;
  analysis.scope = { alias, table: undefined, columns: [{ name: column, type, typmod: -1, table: 0, attribute: 0 }] };
  return { kind: 'series', from, to, step };
}

/** Output columns of a select list or a RETURNING clause; a star becomes all columns. */
export function analyzeTarget(analysis: Analysis, target: ResTarget): Target[] {
  const node = target.val as Node;
  const fields = kindOf(node) === 'ColumnRef' ? (bodyOf<{ fields?: Node[] }>(node).fields ?? []) : [];
  const last = fields.at(-1);
  if (last !== undefined && kindOf(last) === 'A_Star') return starTargets(analysis, fields, target.location);
  const expr = decide(analysis, analyzeExpression(analysis, node));
  const origin = expr.column === undefined ? undefined : analysis.scope?.columns[expr.column];
  return [
    {
      expr,
      column: {
        name: target.name ?? columnName(node),
        type: expr.type,
        typmod: expr.typmod,
        table: origin?.table ?? 0,
        attribute: origin?.attribute ?? 0,
      },
    },
  ];
}

function starTargets(analysis: Analysis, fields: readonly Node[], location: number | undefined): Target[] {
  const { scope } = analysis;
  const position = analysis.source.position(location);
  if (fields.length > 1) {
    const qualifier = stringOf(fields.at(-2));
    if (scope?.alias !== qualifier) throw missingFrom(qualifier, scope, position);
  }
  if (scope === undefined) throw starWithoutTables(position);
  if (scope.partial === true) throw unsupported(`all columns of ${scope.alias}`);
  return scope.columns.map((column, at) => {
    analysis.bareColumns.push({ name: `${scope.alias}.${column.name}`, location: location ?? -1 });
    return {
      expr: {
        type: column.type,
        typmod: column.typmod,
        location: location ?? -1,
        usesRow: true,
        column: at,
        evaluate: (env: Env) => env.row[at] ?? null,
      },
      column,
    };
  });
}

/** A number means an output column, a plain name an output column before an input column. */
function analyzeSort(analysis: Analysis, sort: SortBy, targets: readonly Target[]): SortKey {
  const node = sort.node as Node;
  const descending = sort.sortby_dir === 'SORTBY_DESC';
  const nullsFirst =
    sort.sortby_nulls === 'SORTBY_NULLS_FIRST' || (descending && sort.sortby_nulls !== 'SORTBY_NULLS_LAST');
  if (sort.sortby_dir === 'SORTBY_USING') throw unsupported('ORDER BY USING');
  const key = (expr: Expr): SortKey => ({ expr, descending, nullsFirst });
  if (kindOf(node) === 'A_Const') {
    const { ival, location } = bodyOf<A_Const>(node);
    if (ival === undefined) throw unsupported('ORDER BY a constant');
    const target = targets[(ival.ival ?? 0) - 1];
    if (target === undefined)
      throw orderPositionNotInList('ORDER BY', ival.ival ?? 0, analysis.source.position(location));
    return key(target.expr);
  }
  if (kindOf(node) === 'ColumnRef') {
    const fields = bodyOf<{ fields?: Node[] }>(node).fields ?? [];
    const target = fields.length === 1 ? targets.find(({ column }) => column.name === stringOf(fields[0])) : undefined;
    if (target !== undefined) return key(target.expr);
  }
  return key(decide(analysis, analyzeExpression(analysis, node)));
}

function analyzeLimit(analysis: Analysis, node: Node | undefined, clause: 'LIMIT' | 'OFFSET'): Expr | undefined {
  if (node === undefined) return undefined;
  analysis.clause = clause;
  const saved = analysis.scope;
  analysis.scope = undefined;
  const expr = coerce(analysis, analyzeExpression(analysis, node), oid.int8, -1, 'assignment');
  analysis.scope = saved;
  if (expr === undefined) throw unsupported(`a ${clause} of this type`);
  return expr;
}

function limitValue(expr: Expr | undefined, env: Env, clause: 'LIMIT' | 'OFFSET'): number | undefined {
  const value = expr?.evaluate(env);
  if (value === undefined || value === null) return undefined;
  if ((value as bigint) < 0n) throw limitMustNotBeNegative(clause);
  return Number(value);
}

/** A row on its way through the plan: its version if it comes from a table. */
interface Item {
  row: Row;
  version: Version | undefined;
}

/** Scan, filter, aggregate or sort, lock, skip and limit, project: in Postgres's order. */
class Query {
  readonly #origin: Origin;
  readonly #targets: readonly Target[];
  readonly #where: Expr | undefined;
  readonly #sort: readonly SortKey[];
  readonly #limit: Expr | undefined;
  readonly #offset: Expr | undefined;
  readonly #locking: Locking | undefined;
  readonly #aggregates: readonly Aggregate[];
  readonly #waiting: Analysis['waiting'];

  constructor(
    origin: Origin,
    targets: readonly Target[],
    where: Expr | undefined,
    sort: readonly SortKey[],
    limit: Expr | undefined,
    offset: Expr | undefined,
    locking: Locking | undefined,
    aggregates: readonly Aggregate[],
    waiting: Analysis['waiting'],
  ) {
    this.#origin = origin;
    this.#targets = targets;
    this.#where = where;
    this.#sort = sort;
    this.#limit = limit;
    this.#offset = offset;
    this.#locking = locking;
    this.#aggregates = aggregates;
    this.#waiting = waiting;
  }

  plan(): Plan {
    return {
      columns: this.#targets.map(({ column }) => column),
      streaming: true,
      snapshot: true,
      fold: (execution) => {
        const exprs = [...this.#targets, ...this.#sort].map(({ expr }) => expr);
        fold([this.#where, ...exprs, this.#limit, this.#offset], newEnv(execution));
        this.#checkAccess(execution.session);
      },
      run: (execution) => this.#run(execution),
    };
  }

  *#run(execution: Execution): Running {
    const env = newEnv(execution);
    if (this.#locking !== undefined && this.#origin.kind === 'table')
      refuseReadOnly(execution.session, this.#origin.relation, this.#locking.name);
    yield* this.#lockRelation(execution.session);
    const limit = limitValue(this.#limit, env, 'LIMIT') ?? Number.POSITIVE_INFINITY;
    let skip = limitValue(this.#offset, env, 'OFFSET') ?? 0;
    let count = 0;
    if (limit === 0) return 'SELECT';
    for (const item of this.#items(env)) {
      env.row = item.row;
      if (this.#locking !== undefined && item.version !== undefined && !(yield* this.#lock(item, env))) continue;
      if (skip > 0) {
        skip -= 1;
        continue;
      }
      if (this.#waiting.length > 0) yield* settle(this.#waiting, env);
      yield this.#targets.map(({ expr }) => expr.evaluate(env));
      count += 1;
      if (count >= limit) break;
    }
    return 'SELECT';
  }

  #checkAccess(session: Session): void {
    if (this.#origin.kind === 'table') checkAccess(session, this.#origin.relation);
  }

  /** A plan that is run again, in another transaction, locks its table again. */
  *#lockRelation(session: Session): Task<void> {
    if (this.#origin.kind !== 'table') return;
    const mode = this.#locking === undefined ? lockMode.accessShare : lockMode.rowShare;
    yield* session.mustTransaction().lock(relationKey(session, this.#origin.relation), mode);
  }

  #items(env: Env): Iterable<Item> {
    if (this.#aggregates.length > 0) return [this.#aggregate(env)];
    return this.#sort.length > 0 ? this.#sorted(env) : this.#filtered(env);
  }

  *#filtered(env: Env): Generator<Item> {
    const where = this.#where;
    for (const item of this.#source(env)) {
      env.row = item.row;
      if (where === undefined || where.evaluate(env) === true) yield item;
    }
  }

  *#source(env: Env): Generator<Item> {
    const origin = this.#origin;
    if (origin.kind === 'nothing') yield { row: [], version: undefined };
    else if (origin.kind === 'series') yield* this.#series(origin, env);
    else if (origin.kind === 'view') {
      const args = origin.args.map((arg) => arg.evaluate(env));
      for (const row of origin.view.rows(env.session, args)) yield { row, version: undefined };
    } else {
      const view = env.session.mustTransaction().view();
      for (const version of scan(origin.relation, view, keyLookup(origin.relation, this.#where), env)) {
        yield { row: version.values, version };
      }
    }
  }

  *#series(origin: Extract<Origin, { kind: 'series' }>, env: Env): Generator<Item> {
    const [from, to, step] = [origin.from, origin.to, origin.step].map((expr) =>
      expr === undefined ? 1n : expr.evaluate(env),
    );
    if (from === null || to === null || step === null) return;
    const stride = BigInt(step as number | bigint);
    if (stride === 0n) throw unsupported('a series with step zero');
    const asNumber = origin.from.type === oid.int4;
    for (
      let at = BigInt(from as number | bigint), end = BigInt(to as number | bigint);
      stride > 0n ? at <= end : at >= end;
      at += stride
    ) {
      yield { row: [asNumber ? Number(at) : at], version: undefined };
    }
  }

  #aggregate(env: Env): Item {
    const states = this.#aggregates.map((aggregate) => aggregate.start());
    for (const item of this.#filtered(env)) {
      env.row = item.row;
      this.#aggregates.forEach((aggregate, i) => {
        states[i] = aggregate.next(states[i] as Value, env);
      });
    }
    env.aggregates = states;
    return { row: [], version: undefined };
  }

  #sorted(env: Env): Item[] {
    const keyed: { item: Item; keys: Value[] }[] = [];
    for (const item of this.#filtered(env)) {
      env.row = item.row;
      keyed.push({ item, keys: this.#sort.map(({ expr }) => expr.evaluate(env)) });
    }
    keyed.sort((a, b) => compareKeys(a.keys, b.keys, this.#sort));
    return keyed.map(({ item }) => item);
  }

  /** FOR UPDATE: waits for the row; if it has changed the newest version is looked at again. False if it no longer qualifies. */
  *#lock(item: Item, env: Env): Task<boolean> {
    const origin = this.#origin as Extract<Origin, { kind: 'table' }>;
    const { patience } = this.#locking as Locking;
    const transaction = env.session.mustTransaction();
    const version = yield* transaction.claim(item.version as Version, patience, origin.name);
    if (version === undefined) return false;
    env.row = version.values;
    if (version !== item.version && this.#where !== undefined && this.#where.evaluate(env) !== true) return false;
    transaction.lockRow(origin.relation, version);
    return true;
  }
}

function compareKeys(a: readonly Value[], b: readonly Value[], keys: readonly SortKey[]): number {
  for (let i = 0; i < keys.length; i++) {
    const x = a[i] as Value;
    const y = b[i] as Value;
    const { descending, nullsFirst } = keys[i] as SortKey;
    if (x === null || y === null) {
      if (x === y) continue;
      return (x === null) === nullsFirst ? -1 : 1;
    }
    const order = compareValues(x, y);
    if (order !== 0) return descending ? -order : order;
  }
  return 0;
}

/** VALUES lists as a query of their own. */
function planValues(analysis: Analysis, stmt: SelectStmt): Plan {
  if (stmt.sortClause !== undefined || stmt.limitCount !== undefined) throw unsupported('ORDER BY or LIMIT on VALUES');
  const lists = (stmt.valuesLists ?? []).map((list) =>
    (bodyOf<List>(list).items ?? []).map((item) => analyzeExpression(analysis, item)),
  );
  const width = (lists[0] ?? []).length;
  if (lists.some((list) => list.length !== width)) throw valuesListsDiffer();
  const columns = (lists[0] ?? []).map((_first, i) =>
    unify(
      analysis,
      lists.map((list) => list[i] as Expr),
      'VALUES',
    ),
  );
  const { waiting } = analysis;
  return {
    columns: columns.map((exprs, i) => ({
      name: `column${i + 1}`,
      type: (exprs[0] as Expr).type,
      typmod: -1,
      table: 0,
      attribute: 0,
    })),
    streaming: true,
    snapshot: true,
    fold: (execution) => fold(columns.flat(), newEnv(execution)),
    *run(execution): Running {
      const env = newEnv(execution);
      if (waiting.length > 0) yield* settle(waiting, env);
      for (let row = 0; row < lists.length; row++) yield columns.map((exprs) => (exprs[row] as Expr).evaluate(env));
      return 'SELECT';
    },
  };
}

/** Analyses a query that stands for itself. */
export function* planQuery(
  session: Session,
  source: Source,
  stmt: SelectStmt,
  paramTypes: number[],
  paramsFixed: boolean,
): Task<Plan> {
  return yield* planSelect(newAnalysis(session, source, paramTypes, paramsFixed), stmt);
}
