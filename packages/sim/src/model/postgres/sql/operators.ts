import { divisionByZero, operatorNotUnique, undefinedOperator, unsupported } from '../errors.ts';
import type { Value } from '../storage/value.ts';
import { coerce, convertNumber, integerOf } from './coerce.ts';
import { Decimal } from './decimal.ts';
import { folding, leftmost, type Analysis, type Expr } from './expression.ts';
import { formatValue } from './type-text.ts';
import { isStringType, numberRank, oid, typeInfo, typeName } from './types.ts';

/** Compares two values of one type: negative, zero, positive. Strings by code point, as in the C collation. */
export function compareValues(a: Exclude<Value, null>, b: Exclude<Value, null>): number {
  if (a instanceof Decimal) return a.compare(b as Decimal);
  if (typeof a === 'string') return compareStrings(a, b as string);
  if (a instanceof Uint8Array) return compareBytes(a, b as Uint8Array);
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}

function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for the greatest code points.
    const bothPlain = (x < 0xd800 || x > 0xdfff) === (y < 0xd800 || y > 0xdfff);
    return bothPlain ? x - y : x < 0xd800 || x > 0xdfff ? -1 : 1;
  }
  return a.length - b.length;
}

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '>': (order) => order > 0,
  '<=': (order) => order <= 0,
  '>=': (order) => order >= 0,
};

const arithmetic: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%']);

/** Operators that Postgres has for the model's types, and the model has not. */
const notModelled: ReadonlySet<string> = new Set([
  '^',
  '&',
  '|',
  '#',
  '<<',
  '>>',
  '~',
  '~*',
  '!~',
  '!~*',
  '->',
  '->>',
  '@>',
  '<@',
  '?',
  '&&',
]);

/** The type in which two operands of a comparison or an arithmetic operator meet; undefined if they do not. */
export function commonType(left: Expr, right: Expr): number | undefined {
  if (left.type === oid.unknown && right.type === oid.unknown) return oid.text;
  if (left.type === oid.unknown) return literalPartner(right.type);
  if (right.type === oid.unknown) return literalPartner(left.type);
  if (left.type === right.type) return left.type;
  const a = numberRank(left.type);
  const b = numberRank(right.type);
  if (a !== undefined && b !== undefined) {
    if (left.type === oid.oid || right.type === oid.oid) return oid.int8;
    return a > b ? left.type : right.type;
  }
  if (isStringType(left.type) && isStringType(right.type)) return oid.text;
  if (typeInfo(left.type).category === 'time' && typeInfo(right.type).category === 'time') {
    return left.type === oid.timestamptz || right.type === oid.timestamptz ? oid.timestamptz : oid.timestamp;
  }
  return undefined;
}

const literalPartner = (type: number): number => (type === oid.varchar ? oid.text : type);

/** A binary operator between two analysed operands. Throws 42883 if there is none for their types. */
export function binaryOperator(analysis: Analysis, name: string, left: Expr, right: Expr, location: number): Expr {
  const wanted = name === '!=' ? '<>' : name;
  if (wanted === '||') return concatenation(analysis, left, right, location);
  if (wanted === '~~' || wanted === '!~~') return like(analysis, wanted, left, right, location);
  const test = comparisons[wanted];
  if (test === undefined && !arithmetic.has(wanted)) {
    if (notModelled.has(wanted)) throw unsupported(`the operator ${name}`);
    throw undefinedOperator(typeName(left.type), name, typeName(right.type), analysis.source.position(location));
  }
  if (test === undefined && left.type === oid.unknown && right.type === oid.unknown) {
    throw operatorNotUnique(name, analysis.source.position(location));
  }
  const type = commonType(left, right);
  const usable = type !== undefined && (test !== undefined ? type !== oid.void : isArithmetic(type, wanted));
  if (!usable) {
    if (test === undefined && [left, right].some(({ type: operand }) => typeInfo(operand).category === 'time')) {
      throw unsupported(`arithmetic with times`);
    }
    throw undefinedOperator(typeName(left.type), name, typeName(right.type), analysis.source.position(location));
  }
  const a = coerce(analysis, left, type, -1, 'implicit') ?? left;
  const b = coerce(analysis, right, type, -1, 'implicit') ?? right;
  return test === undefined
    ? arithmeticExpr(wanted, a, b, type, location)
    : comparison(wanted, test, a, b, type, location);
}

function isArithmetic(type: number, name: string): boolean {
  return numberRank(type) !== undefined && type !== oid.oid && !(type === oid.float8 && name === '%');
}

function comparison(
  name: string,
  test: (order: number) => boolean,
  a: Expr,
  b: Expr,
  type: number,
  location: number,
): Expr {
  const trims = type === oid.bpchar;
  const order = trims
    ? (x: Exclude<Value, null>, y: Exclude<Value, null>): number =>
        compareStrings(String(x).trimEnd(), String(y).trimEnd())
    : compareValues;
  const expr: Expr = {
    type: oid.bool,
    typmod: -1,
    location: leftmost(a.location, location),
    usesRow: a.usesRow || b.usesRow,
    ...folding(a, b),
    evaluate: (env) => {
      const x = a.evaluate(env);
      if (x === null) return null;
      const y = b.evaluate(env);
      return y === null ? null : test(order(x, y));
    },
  };
  if (name !== '=' || trims) return expr;
  if (a.column !== undefined && !b.usesRow) return { ...expr, equality: { column: a.column, value: b } };
  if (b.column !== undefined && !a.usesRow) return { ...expr, equality: { column: b.column, value: a } };
  return expr;
}

function arithmeticExpr(name: string, a: Expr, b: Expr, type: number, location: number): Expr {
  const apply =
    type === oid.numeric
      ? decimalOperation(name)
      : type === oid.float8
        ? floatOperation(name)
        : integerOperation(name, type);
  return {
    type,
    typmod: -1,
    location: leftmost(a.location, location),
    usesRow: a.usesRow || b.usesRow,
    ...folding(a, b),
    evaluate: (env) => {
      const x = a.evaluate(env);
      const y = b.evaluate(env);
      return x === null || y === null ? null : apply(x, y);
    },
  };
}

type Operation = (a: Exclude<Value, null>, b: Exclude<Value, null>) => Value;

function integerOperation(name: string, type: number): Operation {
  const run = bigOperations[name] as (a: bigint, b: bigint) => bigint;
  const small = smallOperations[name];
  if (type !== oid.int8 && small !== undefined) {
    const limit = type === oid.int2 ? 32_767 : 2_147_483_647;
    return (a, b) => {
      const result = small(a as number, b as number);
      // Beyond the type the slow road throws.
      return Math.abs(result) <= limit ? result : integerOf(BigInt(result), type);
    };
  }
  return (a, b) => integerOf(run(BigInt(a as number), BigInt(b as number)), type);
}

const smallOperations: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
};

const bigOperations: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => {
    if (b === 0n) throw divisionByZero();
    return a / b;
  },
  '%': (a, b) => {
    if (b === 0n) throw divisionByZero();
    return a % b;
  },
};

function decimalOperation(name: string): Operation {
  const methods = { '+': 'plus', '-': 'minus', '*': 'times', '/': 'over', '%': 'remainder' } as const;
  const method = methods[name as keyof typeof methods];
  return (a, b) => (a as Decimal)[method](b as Decimal);
}

function floatOperation(name: string): Operation {
  return (a, b) => {
    const [x, y] = [a as number, b as number];
    if (name === '+') return x + y;
    if (name === '-') return x - y;
    if (name === '*') return x * y;
    if (y === 0) throw divisionByZero();
    return x / y;
  };
}

function concatenation(analysis: Analysis, left: Expr, right: Expr, location: number): Expr {
  const isText = (expr: Expr): boolean => expr.type === oid.unknown || isStringType(expr.type);
  if (!isText(left) && !isText(right)) {
    throw undefinedOperator(typeName(left.type), '||', typeName(right.type), analysis.source.position(location));
  }
  const asText = (expr: Expr): Expr =>
    expr.type === oid.unknown ? (coerce(analysis, expr, oid.text, -1, 'implicit') ?? expr) : expr;
  const a = asText(left);
  const b = asText(right);
  return {
    type: oid.text,
    typmod: -1,
    location: leftmost(a.location, location),
    usesRow: a.usesRow || b.usesRow,
    ...folding(a, b),
    evaluate: (env) => {
      const x = a.evaluate(env);
      const y = b.evaluate(env);
      if (x === null || y === null) return null;
      const style = env.session.outputStyle;
      const show = (value: Exclude<Value, null>, type: number): string =>
        typeof value === 'boolean'
          ? String(value)
          : type === oid.bpchar
            ? String(value).trimEnd()
            : formatValue(value, type, style);
      return show(x, a.type) + show(y, b.type);
    },
  };
}

/** LIKE: `%` is any text, `_` any character, a backslash takes the meaning away. */
function like(analysis: Analysis, name: string, left: Expr, right: Expr, location: number): Expr {
  const a = coerce(analysis, left, oid.text, -1, 'implicit');
  const b = coerce(analysis, right, oid.text, -1, 'implicit');
  if (a === undefined || b === undefined) {
    throw undefinedOperator(typeName(left.type), name, typeName(right.type), analysis.source.position(location));
  }
  return {
    type: oid.bool,
    typmod: -1,
    location: leftmost(a.location, location),
    usesRow: a.usesRow || b.usesRow,
    ...folding(a, b),
    evaluate: (env) => {
      const x = a.evaluate(env);
      const y = b.evaluate(env);
      if (x === null || y === null) return null;
      return likePattern(y as string).test(x as string) === (name === '~~');
    },
  };
}

/** A character that stands for itself in a pattern. */
function literalPattern(character: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}

function likePattern(pattern: string): RegExp {
  const source = pattern.replace(/\\(.)|[\s\S]/g, (piece, escaped: string | undefined) => {
    if (escaped !== undefined) return literalPattern(escaped);
    if (piece === '%') return '[\\s\\S]*';
    if (piece === '_') return '[\\s\\S]';
    return literalPattern(piece);
  });
  return new RegExp(`^${source}$`, 'u');
}

/** Unary minus and plus. */
export function unaryOperator(analysis: Analysis, name: string, operand: Expr, location: number): Expr {
  if (name !== '-' && name !== '+') throw unsupported(`the prefix operator ${name}`);
  const typed =
    operand.type === oid.unknown ? (coerce(analysis, operand, oid.float8, -1, 'implicit') ?? operand) : operand;
  if (numberRank(typed.type) === undefined) {
    throw undefinedOperator('', name, typeName(typed.type), analysis.source.position(location));
  }
  if (name === '+') return typed;
  const { evaluate, type } = typed;
  return {
    type,
    typmod: -1,
    location,
    usesRow: typed.usesRow,
    ...folding(typed),
    evaluate: (env) => {
      const value = evaluate(env);
      if (value === null) return null;
      if (value instanceof Decimal) return new Decimal(-value.unscaled, value.scale);
      return type === oid.float8 ? -(value as number) : convertNumber(-BigInt(String(value)), type);
    },
  };
}
