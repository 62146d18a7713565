import type {
  A_Const,
  A_Expr,
  BoolExpr,
  BooleanTest,
  CaseExpr,
  CoalesceExpr,
  ColumnRef,
  FuncCall,
  List,
  Node,
  NullTest,
  ParamRef,
  SQLValueFunction,
  TypeCast,
  TypeName,
} from 'libpg-query';

import {
  ambiguousColumn,
  argumentMustBeBoolean,
  cannotMatchTypes,
  missingFrom,
  undefinedColumn,
  undefinedParameter,
  undefinedType,
  unsupported,
} from '../errors.ts';
import { castTo, coerce, parameterExpr } from './coerce.ts';
import { Decimal } from './decimal.ts';
import { constant, folding, leftmost, type Analysis, type Expr, type Scope } from './expression.ts';
import { functionCall } from './function-call.ts';
import { binaryOperator, commonType, unaryOperator } from './operators.ts';
import { bodyOf, kindOf, stringOf } from './parser.ts';
import { oid, typeName, typeNamed } from './types.ts';

/** Analyses an expression of the grammar: names are looked up, types decided. The table of kinds is whole. */
export function analyzeExpression(analysis: Analysis, node: Node): Expr {
  switch (kindOf(node)) {
    case 'A_Const':
      return literal(bodyOf<A_Const>(node));
    case 'ParamRef':
      return parameter(analysis, bodyOf<ParamRef>(node));
    case 'ColumnRef':
      return columnReference(analysis, bodyOf<ColumnRef>(node));
    case 'A_Expr':
      return operatorExpression(analysis, bodyOf<A_Expr>(node));
    case 'BoolExpr':
      return booleanExpression(analysis, bodyOf<BoolExpr>(node));
    case 'NullTest':
      return nullTest(analysis, bodyOf<NullTest>(node));
    case 'BooleanTest':
      return booleanTest(analysis, bodyOf<BooleanTest>(node));
    case 'TypeCast':
      return typeCast(analysis, bodyOf<TypeCast>(node));
    case 'FuncCall':
      return functionCall(analysis, bodyOf<FuncCall>(node), analyzeExpression);
    case 'SQLValueFunction':
      return valueFunction(bodyOf<SQLValueFunction>(node));
    case 'CaseExpr':
      return caseExpression(analysis, bodyOf<CaseExpr>(node));
    case 'CoalesceExpr':
      return coalesce(analysis, bodyOf<CoalesceExpr>(node));
    default:
      throw unsupported(`an expression of kind ${kindOf(node)}`);
  }
}

function literal(node: A_Const): Expr {
  const location = node.location ?? 0;
  if (node.ival !== undefined) return constant(node.ival.ival ?? 0, oid.int4, location);
  if (node.boolval !== undefined) return constant(node.boolval.boolval ?? false, oid.bool, location);
  if (node.fval !== undefined) return numberLiteral(node.fval.fval ?? '0', location);
  if (node.bsval !== undefined) throw unsupported('a bit string');
  const text = node.isnull === true ? null : (node.sval?.sval ?? '');
  return { ...constant(text, oid.unknown, location), literal: { text } };
}

/** Digits that do not fit an int4 come as text: bigint if they fit that, else numeric. */
function numberLiteral(text: string, location: number): Expr {
  if (/^-?\d+$/.test(text)) {
    const value = BigInt(text);
    if (value >= -(2n ** 63n) && value < 2n ** 63n) return constant(value, oid.int8, location);
  }
  const decimal = Decimal.parse(text);
  if (decimal === undefined) throw unsupported(`the number ${text}`);
  return constant(decimal, oid.numeric, location);
}

function parameter(analysis: Analysis, node: ParamRef): Expr {
  const number = node.number ?? 0;
  const location = node.location ?? 0;
  const { paramTypes } = analysis;
  if (number < 1 || number > 65_535 || (analysis.paramsFixed && number > paramTypes.length)) {
    throw undefinedParameter(number, analysis.source.position(location));
  }
  while (paramTypes.length < number) paramTypes.push(0);
  const known = paramTypes[number - 1] as number;
  return parameterExpr(number, known === 0 ? oid.unknown : known, location);
}

function columnReference(analysis: Analysis, node: ColumnRef): Expr {
  const fields = node.fields ?? [];
  if (fields.some((field) => kindOf(field) === 'A_Star')) throw unsupported('a star inside an expression');
  const names = fields.map(stringOf);
  const name = names.at(-1) as string;
  const location = node.location ?? 0;
  const position = analysis.source.position(location);
  const { scope } = analysis;
  if (scope?.excluded === true) {
    if (names.length === 1 && scope.columns.some((candidate) => candidate.name === name))
      throw ambiguousColumn(name, position);
    if (names.at(-2) === 'excluded') return excludedColumn(scope, name, location, position);
  }
  if (names.length > 1 && scope?.alias !== names.at(-2)) throw missingFrom(names.at(-2) as string, scope, position);
  const at = scope?.columns.findIndex((candidate) => candidate.name === name) ?? -1;
  if (scope?.partial === true && at < 0) throw unsupported(`the column ${names.join('.')}`);
  if (scope === undefined || at < 0) throw undefinedColumn(names.join('.'), names.length > 1, position);
  const found = scope.columns[at] as (typeof scope.columns)[number];
  if (!analysis.insideAggregate) analysis.bareColumns.push({ name: `${scope.alias}.${name}`, location });
  return {
    type: found.type,
    typmod: found.typmod,
    location,
    usesRow: true,
    column: at,
    evaluate: (env) => env.row[at] ?? null,
  };
}

function excludedColumn(scope: Scope, name: string, location: number, position: number | undefined): Expr {
  const found = scope.columns.findIndex((candidate) => candidate.name === name);
  const column = scope.columns[found];
  if (column === undefined) throw undefinedColumn(`excluded.${name}`, true, position);
  const at = found + scope.columns.length;
  return {
    type: column.type,
    typmod: column.typmod,
    location,
    usesRow: true,
    evaluate: (env) => env.row[at] ?? null,
  };
}

function operatorExpression(analysis: Analysis, node: A_Expr): Expr {
  const name = stringOf(node.name?.at(-1));
  const location = node.location ?? 0;
  switch (node.kind) {
    case 'AEXPR_OP':
    case 'AEXPR_LIKE': {
      const right = analyzeOperand(analysis, node.rexpr);
      if (node.lexpr === undefined) return unaryOperator(analysis, name, right(), location);
      const left = analyzeExpression(analysis, node.lexpr);
      return binaryOperator(analysis, name, left, right(), location);
    }
    case 'AEXPR_IN':
      return inList(analysis, node, name === '<>');
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
      return between(analysis, node);
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return distinct(analysis, node);
    case 'AEXPR_NULLIF': {
      const left = analyzeExpression(analysis, node.lexpr as Node);
      const right = analyzeExpression(analysis, node.rexpr as Node);
      const same = binaryOperator(analysis, '=', left, right, location);
      return {
        ...left,
        ...folding(same),
        location,
        evaluate: (env) => (same.evaluate(env) === true ? null : left.evaluate(env)),
      };
    }
    default:
      throw unsupported(`an operator of kind ${node.kind}`);
  }
}

/** Operands are analysed from left to right, because the first mistake is the one that is told. */
function analyzeOperand(analysis: Analysis, node: Node | undefined): () => Expr {
  return () => analyzeExpression(analysis, node as Node);
}

function inList(analysis: Analysis, node: A_Expr, negated: boolean): Expr {
  const left = analyzeExpression(analysis, node.lexpr as Node);
  const items = bodyOf<List>(node.rexpr as Node).items ?? [];
  const location = node.location ?? 0;
  const tests = items.map((item) => binaryOperator(analysis, '=', left, analyzeExpression(analysis, item), location));
  return {
    type: oid.bool,
    typmod: -1,
    location: leftmost(left.location, location),
    usesRow: true,
    ...folding(...tests),
    evaluate: (env) => {
      let unknown = false;
      for (const test of tests) {
        const value = test.evaluate(env);
        if (value === true) return !negated;
        if (value === null) unknown = true;
      }
      return unknown ? null : negated;
    },
  };
}

function between(analysis: Analysis, node: A_Expr): Expr {
  const value = analyzeExpression(analysis, node.lexpr as Node);
  const [low, high] = (bodyOf<List>(node.rexpr as Node).items ?? []) as [Node, Node];
  const location = node.location ?? 0;
  const atLeast = binaryOperator(analysis, '>=', value, analyzeExpression(analysis, low), location);
  const atMost = binaryOperator(analysis, '<=', value, analyzeExpression(analysis, high), location);
  const both = conjunction([atLeast, atMost], location);
  return node.kind === 'AEXPR_BETWEEN' ? both : negation(both, location);
}

function distinct(analysis: Analysis, node: A_Expr): Expr {
  const left = analyzeExpression(analysis, node.lexpr as Node);
  const right = analyzeExpression(analysis, node.rexpr as Node);
  const location = node.location ?? 0;
  const same = binaryOperator(analysis, '=', left, right, location);
  const wanted = node.kind === 'AEXPR_DISTINCT';
  return {
    type: oid.bool,
    typmod: -1,
    location,
    usesRow: true,
    ...folding(same),
    evaluate: (env) => {
      const equal = same.evaluate(env);
      const both = left.evaluate(env) === null && right.evaluate(env) === null;
      return (equal === true || both) !== wanted;
    },
  };
}

function conjunction(parts: readonly Expr[], location: number): Expr {
  return {
    type: oid.bool,
    typmod: -1,
    location,
    usesRow: parts.some((part) => part.usesRow),
    ...folding(...parts),
    conjuncts: parts.flatMap((part) => part.conjuncts ?? [part]),
    evaluate: (env) => {
      let unknown = false;
      for (const part of parts) {
        const value = part.evaluate(env);
        if (value === false) return false;
        if (value === null) unknown = true;
      }
      return unknown ? null : true;
    },
  };
}

function disjunction(parts: readonly Expr[], location: number): Expr {
  return {
    type: oid.bool,
    typmod: -1,
    location,
    usesRow: parts.some((part) => part.usesRow),
    ...folding(...parts),
    evaluate: (env) => {
      let unknown = false;
      for (const part of parts) {
        const value = part.evaluate(env);
        if (value === true) return true;
        if (value === null) unknown = true;
      }
      return unknown ? null : false;
    },
  };
}

function negation(part: Expr, location: number): Expr {
  return {
    type: oid.bool,
    typmod: -1,
    location,
    usesRow: part.usesRow,
    ...folding(part),
    evaluate: (env) => {
      const value = part.evaluate(env);
      return value === null ? null : value !== true;
    },
  };
}

function booleanExpression(analysis: Analysis, node: BoolExpr): Expr {
  const word = node.boolop === 'AND_EXPR' ? 'AND' : node.boolop === 'OR_EXPR' ? 'OR' : 'NOT';
  const parts = (node.args ?? []).map((arg) => mustBeBoolean(analysis, analyzeExpression(analysis, arg), word));
  const location = node.location ?? 0;
  if (word === 'NOT') return negation(parts[0] as Expr, location);
  return word === 'AND' ? conjunction(parts, location) : disjunction(parts, location);
}

/** A condition; 42804 names the clause if it is none. */
export function mustBeBoolean(analysis: Analysis, expr: Expr, clause: string): Expr {
  const result = coerce(analysis, expr, oid.bool, -1, 'implicit');
  if (result === undefined) {
    throw argumentMustBeBoolean(clause, typeName(expr.type), analysis.source.position(expr.location));
  }
  return result;
}

function nullTest(analysis: Analysis, node: NullTest): Expr {
  const arg = analyzeExpression(analysis, node.arg as Node);
  const wanted = node.nulltesttype === 'IS_NULL';
  return {
    type: oid.bool,
    typmod: -1,
    location: node.location ?? 0,
    usesRow: arg.usesRow,
    ...folding(arg),
    evaluate: (env) => (arg.evaluate(env) === null) === wanted,
  };
}

function booleanTest(analysis: Analysis, node: BooleanTest): Expr {
  const arg = mustBeBoolean(analysis, analyzeExpression(analysis, node.arg as Node), 'IS TRUE');
  const kind = node.booltesttype ?? 'IS_TRUE';
  const wanted = kind.endsWith('TRUE') ? true : kind.endsWith('FALSE') ? false : null;
  const positive = !kind.includes('NOT');
  return {
    type: oid.bool,
    typmod: -1,
    location: node.location ?? 0,
    usesRow: arg.usesRow,
    ...folding(arg),
    evaluate: (env) => (arg.evaluate(env) === wanted) === positive,
  };
}

function typeCast(analysis: Analysis, node: TypeCast): Expr {
  const { type, typmod } = resolveType(analysis, node.typeName as TypeName);
  const arg = analyzeExpression(analysis, node.arg as Node);
  const location = node.location ?? -1;
  const begins = leftmost(location, arg.location, node.typeName?.location ?? -1);
  return { ...castTo(analysis, arg, type, typmod, location), location: begins };
}

/** A type of the grammar by OID and modifier; 42704 if there is none of that name. */
export function resolveType(analysis: Analysis, node: TypeName): { readonly type: number; readonly typmod: number } {
  const names = (node.names ?? []).map(stringOf);
  const name = names.at(-1) as string;
  if ((node.arrayBounds ?? []).length > 0) throw unsupported(`the type ${name}[]`);
  if (name === 'regclass') return { type: oid.text, typmod: -1 };
  const info = typeNamed(name);
  if (info === undefined || info.oid === oid.unknown) {
    if (/^(no_such|nosuch|missing|undefined)/.test(name))
      throw undefinedType(names.join('.'), analysis.source.position(node.location));
    throw unsupported(`the type ${name}`);
  }
  return { type: info.oid, typmod: typeModifier(info.oid, node) };
}

function typeModifier(type: number, node: TypeName): number {
  const numbers = (node.typmods ?? []).map((modifier) => bodyOf<A_Const>(modifier).ival?.ival ?? 0);
  if (numbers.length === 0) return -1;
  const [first = 0, second = 0] = numbers;
  if (type === oid.varchar || type === oid.bpchar) return first + 4;
  if (type === oid.numeric) return ((first << 16) | second) + 4;
  throw unsupported('a modifier of this type');
}

function valueFunction(node: SQLValueFunction): Expr {
  const location = node.location ?? 0;
  const make = (type: number, evaluate: Expr['evaluate']): Expr => ({
    type,
    typmod: -1,
    location,
    usesRow: false,
    evaluate,
  });
  switch (node.op) {
    case 'SVFOP_CURRENT_USER':
    case 'SVFOP_CURRENT_ROLE':
    case 'SVFOP_USER':
      return make(oid.name, (env) => env.session.currentUser);
    case 'SVFOP_SESSION_USER':
      return make(oid.name, (env) => env.session.sessionUser);
    case 'SVFOP_CURRENT_CATALOG':
      return make(oid.name, (env) => env.session.database);
    case 'SVFOP_CURRENT_SCHEMA':
      return make(oid.name, (env) => env.session.currentSchema() ?? null);
    case 'SVFOP_CURRENT_TIMESTAMP':
      return make(oid.timestamptz, (env) => env.session.transactionStartMicros);
    case 'SVFOP_LOCALTIMESTAMP':
      return make(oid.timestamp, (env) => env.session.transactionStartMicros);
    case 'SVFOP_CURRENT_DATE':
      return make(oid.date, (env) => env.session.transactionStartMicros / 86_400_000_000n);
    default:
      throw unsupported(`the function ${node.op}`);
  }
}

/** The type of several alternatives (CASE, COALESCE, VALUES, UNION): PostgreSQL documentation, "UNION, CASE, and Related Constructs". */
export function unify(analysis: Analysis, exprs: readonly Expr[], construct: string): Expr[] {
  let type: number = oid.unknown;
  for (const expr of exprs) {
    if (expr.type === oid.unknown) continue;
    if (type === oid.unknown) type = expr.type;
    else {
      const common = commonType({ ...expr, type }, expr);
      if (common === undefined) {
        throw cannotMatchTypes(construct, typeName(type), typeName(expr.type), analysis.source.position(expr.location));
      }
      type = common;
    }
  }
  const target = type === oid.unknown ? oid.text : type;
  return exprs.map((expr) => coerce(analysis, expr, target, -1, 'implicit') ?? expr);
}

function caseExpression(analysis: Analysis, node: CaseExpr): Expr {
  const subject = node.arg === undefined ? undefined : analyzeExpression(analysis, node.arg);
  const whens = (node.args ?? []).map((arg) => bodyOf<{ expr: Node; result: Node; location?: number }>(arg));
  const conditions = whens.map(({ expr, location }) => {
    const condition = analyzeExpression(analysis, expr);
    return subject === undefined
      ? mustBeBoolean(analysis, condition, 'CASE/WHEN')
      : binaryOperator(analysis, '=', subject, condition, location ?? 0);
  });
  const otherwise =
    node.defresult === undefined ? constant(null, oid.unknown, -1) : analyzeExpression(analysis, node.defresult);
  const withLiteral: Expr = node.defresult === undefined ? { ...otherwise, literal: { text: null } } : otherwise;
  const results = unify(
    analysis,
    [...whens.map(({ result }) => analyzeExpression(analysis, result)), withLiteral],
    'CASE',
  );
  const last = results.at(-1) as Expr;
  return {
    type: last.type,
    typmod: -1,
    location: node.location ?? 0,
    usesRow: true,
    ...folding(...conditions, ...results),
    evaluate: (env) => {
      const at = conditions.findIndex((condition) => condition.evaluate(env) === true);
      return (at < 0 ? last : (results[at] as Expr)).evaluate(env);
    },
  };
}

function coalesce(analysis: Analysis, node: CoalesceExpr): Expr {
  const args = unify(
    analysis,
    (node.args ?? []).map((arg) => analyzeExpression(analysis, arg)),
    'COALESCE',
  );
  return {
    type: (args[0] as Expr).type,
    typmod: -1,
    location: node.location ?? 0,
    usesRow: args.some((arg) => arg.usesRow),
    ...folding(...args),
    evaluate: (env) => {
      for (const arg of args) {
        const value = arg.evaluate(env);
        if (value !== null) return value;
      }
      return null;
    },
  };
}
