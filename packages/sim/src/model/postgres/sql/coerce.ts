import { cannotCast, indeterminateParameter, integerOutOfRangeOf, withPosition } from '../errors.ts';
import type { Value } from '../storage/value.ts';
import { Decimal } from './decimal.ts';
import { constant, folding, type Analysis, type Env, type Expr } from './expression.ts';
import { fitNumeric, fitString, formatValue, parseValue } from './type-text.ts';
import { isStringType, numberRank, oid, typeName } from './types.ts';

/** How willingly a value changes its type: PostgreSQL documentation, "CREATE CAST". */
export type CoercionContext = 'implicit' | 'assignment' | 'explicit';

const willingness: Readonly<Record<CoercionContext, number>> = { implicit: 0, assignment: 1, explicit: 2 };

const stringTypes: ReadonlySet<number> = new Set([oid.text, oid.varchar, oid.bpchar]);

/** The weakest context in which one type turns into another; undefined if it never does. */
function castContext(from: number, to: number): CoercionContext | undefined {
  const a = numberRank(from);
  const b = numberRank(to);
  if (a !== undefined && b !== undefined) return numberCast(from, to, a, b);
  if (isStringType(from) && isStringType(to))
    return to === oid.name && from !== oid.name
      ? 'implicit'
      : to === oid.varchar && from === oid.name
        ? 'assignment'
        : 'implicit';
  if (stringTypes.has(to) || to === oid.name) return 'assignment';
  if (stringTypes.has(from)) return 'explicit';
  if (from === oid.bool && to === oid.int4) return 'explicit';
  if (from === oid.int4 && to === oid.bool) return 'explicit';
  if (from === oid.timestamp && to === oid.timestamptz) return 'implicit';
  if (from === oid.timestamptz && to === oid.timestamp) return 'assignment';
  if (from === oid.date && (to === oid.timestamp || to === oid.timestamptz)) return 'implicit';
  if ((from === oid.timestamp || from === oid.timestamptz) && to === oid.date) return 'assignment';
  return undefined;
}

function numberCast(from: number, to: number, a: number, b: number): CoercionContext | undefined {
  if (to === oid.oid) return from === oid.numeric || from === oid.float8 ? undefined : 'implicit';
  if (from === oid.oid) return to === oid.int4 || to === oid.int8 ? 'assignment' : undefined;
  return a < b ? 'implicit' : 'assignment';
}

export function canCoerce(from: number, to: number, how: CoercionContext): boolean {
  if (from === to || from === oid.unknown) return true;
  const needed = castContext(from, to);
  return needed !== undefined && willingness[needed] <= willingness[how];
}

const range: Readonly<Record<number, readonly [bigint, bigint]>> = {
  [oid.int2]: [-32_768n, 32_767n],
  [oid.int4]: [-2_147_483_648n, 2_147_483_647n],
  [oid.int8]: [-(2n ** 63n), 2n ** 63n - 1n],
  [oid.oid]: [0n, 4_294_967_295n],
};

/** An integer in the representation of its type; 22003 if it does not fit. */
export function integerOf(value: bigint, type: number): Value {
  const [least, greatest] = range[type] as readonly [bigint, bigint];
  if (value < least || value > greatest) throw integerOutOfRangeOf(typeName(type));
  return type === oid.int8 ? value : Number(value);
}

function toInteger(value: Exclude<Value, null>, type: number): Value {
  if (value instanceof Decimal) return integerOf(value.rescale(0).unscaled, type);
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'bigint') return integerOf(value, type);
  if (!Number.isFinite(value)) throw integerOutOfRangeOf(typeName(type));
  return integerOf(BigInt(roundHalfEven(value as number)), type);
}

/** rint(): Postgres rounds a float to the nearest even integer. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** A number of any numeric type as another. */
export function convertNumber(value: Exclude<Value, null>, to: number): Value {
  switch (to) {
    case oid.numeric:
      if (value instanceof Decimal) return value;
      if (typeof value === 'bigint') return new Decimal(value, 0);
      return Decimal.parse(String(Number((value as number).toPrecision(15)))) as Decimal;
    case oid.float8:
      return Number(String(value));
    default:
      return toInteger(value, to);
  }
}

const microsPerDay = 86_400_000_000n;

function convert(
  value: Exclude<Value, null>,
  from: number,
  to: number,
  typmod: number,
  how: CoercionContext,
  env: Env,
): Value {
  if (numberRank(from) !== undefined && numberRank(to) !== undefined) {
    const number = convertNumber(value, to);
    return number instanceof Decimal ? fitNumeric(number, typmod) : number;
  }
  if (isStringType(to)) {
    const text = isStringType(from)
      ? castString(value as string, from, to)
      : typeof value === 'boolean'
        ? String(value)
        : formatValue(value, from, env.session.outputStyle);
    return to === oid.name ? text.slice(0, 63) : fitString(text, to, typmod, how !== 'explicit');
  }
  if (isStringType(from)) return parseValue(value as string, to, typmod);
  if (to === oid.int4) return value === true ? 1 : 0;
  if (to === oid.bool) return value !== 0;
  if (to === oid.date) return (value as bigint) / microsPerDay;
  if (from === oid.date) return (value as bigint) * microsPerDay;
  return value;
}

/** char(n) loses its padding when it becomes text. */
function castString(value: string, from: number, to: number): string {
  return from === oid.bpchar && to !== oid.bpchar ? value.replace(/ +$/, '') : value;
}

/**
 * The expression as another type, or undefined if that is not allowed in this context. Undecided literals are read here (errors carry
 * their position), undecided parameters get their type.
 */
export function coerce(
  analysis: Analysis,
  expr: Expr,
  to: number,
  typmod: number,
  how: CoercionContext,
): Expr | undefined {
  if (expr.literal !== undefined) return coerceLiteral(analysis, expr, to, typmod, how);
  if (expr.parameter !== undefined && expr.type === oid.unknown)
    return coerceParameter(analysis, expr, to, typmod, how);
  const from = expr.type;
  if (from === to && (typmod === -1 || typmod === expr.typmod)) return expr;
  if (from !== to && !canCoerce(from, to, how)) return undefined;
  const { evaluate } = expr;
  return {
    type: to,
    typmod,
    location: expr.location,
    usesRow: expr.usesRow,
    ...(dependsOnSession(from) || dependsOnSession(to) ? { parts: [expr] } : folding(expr)),
    evaluate: (env) => {
      const value = evaluate(env);
      return value === null ? null : convert(value, from, to, typmod, how, env);
    },
  };
}

function coerceLiteral(analysis: Analysis, expr: Expr, to: number, typmod: number, how: CoercionContext): Expr {
  const { text } = expr.literal as { readonly text: string | null };
  if (text === null) return constant(null, to, expr.location, typmod);
  const typed = constant(parseLiteral(analysis, text, to, expr.location), to, expr.location);
  // The length comes afterwards, as a function of its own: its errors know no position.
  return typmod === -1 ? typed : (coerce(analysis, typed, to, typmod, how) as Expr);
}

function parseLiteral(analysis: Analysis, text: string, to: number, location: number): Value {
  try {
    return parseValue(text, to);
  } catch (error) {
    throw withPosition(error, analysis.source.position(location));
  }
}

/** Times look as the session wants them. */
function dependsOnSession(type: number): boolean {
  return type === oid.timestamptz || type === oid.timestamp || type === oid.date;
}

function coerceParameter(
  analysis: Analysis,
  expr: Expr,
  to: number,
  typmod: number,
  how: CoercionContext,
): Expr | undefined {
  const number = expr.parameter as number;
  const decided = analysis.paramTypes[number - 1] as number;
  const typed = parameterExpr(number, decided === 0 ? to : decided, expr.location);
  if (decided === 0) analysis.paramTypes[number - 1] = to;
  else if (decided !== to)
    throw indeterminateParameter(number, typeName(decided), typeName(to), analysis.source.position(expr.location));
  return typmod === -1 ? typed : coerce(analysis, typed, to, typmod, how);
}

export function parameterExpr(number: number, type: number, location: number): Expr {
  return {
    type,
    typmod: -1,
    location,
    usesRow: false,
    foldable: true,
    evaluate: (env) => env.params[number - 1] ?? null,
    ...(type === oid.unknown ? { parameter: number } : {}),
  };
}

/** An explicit cast; 42846 if there is none. */
export function castTo(analysis: Analysis, expr: Expr, to: number, typmod: number, location: number): Expr {
  const result = coerce(analysis, expr, to, typmod, 'explicit');
  if (result === undefined) {
    throw cannotCast(typeName(expr.type), typeName(to), analysis.source.position(location));
  }
  return result;
}

/** Undecided expressions become text where nothing else decides (the columns of a result). */
export function decide(analysis: Analysis, expr: Expr): Expr {
  return expr.type === oid.unknown ? (coerce(analysis, expr, oid.text, -1, 'implicit') as Expr) : expr;
}
