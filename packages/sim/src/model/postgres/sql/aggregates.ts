import type { Value } from '../storage/value.ts';
import { coerce, convertNumber, integerOf } from './coerce.ts';
import { Decimal } from './decimal.ts';
import type { Aggregate, Analysis, Expr } from './expression.ts';
import { compareValues } from './operators.ts';
import { numberRank, oid, typeInfo } from './types.ts';

type Definition = { readonly type: number; readonly aggregate: Aggregate } | undefined;
type Maker = (args: readonly Expr[], analysis: Analysis) => Definition;

const count: Maker = (args) => {
  const [arg] = args;
  if (args.length > 1) return undefined;
  return {
    type: oid.int8,
    aggregate: {
      start: () => 0n,
      next: (state, env) => (arg === undefined || arg.evaluate(env) !== null ? (state as bigint) + 1n : state),
    },
  };
};

/** sum(int) is a bigint, sum(bigint) a numeric: PostgreSQL documentation, "Aggregate Functions". */
const sum: Maker = ([arg]) => {
  if (arg === undefined || numberRank(arg.type) === undefined || arg.type === oid.oid) return undefined;
  const type =
    arg.type === oid.int2 || arg.type === oid.int4 ? oid.int8 : arg.type === oid.float8 ? oid.float8 : oid.numeric;
  const add = (state: Exclude<Value, null>, value: Exclude<Value, null>): Value => {
    if (type === oid.int8) return integerOf((state as bigint) + (value as bigint), oid.int8);
    return type === oid.float8 ? (state as number) + (value as number) : (state as Decimal).plus(value as Decimal);
  };
  return {
    type,
    aggregate: {
      start: () => null,
      next: (state, env) => {
        const value = arg.evaluate(env);
        if (value === null) return state;
        const converted = convertNumber(value, type) as Exclude<Value, null>;
        return state === null ? converted : add(state, converted);
      },
    },
  };
};

const extreme =
  (wanted: 1 | -1): Maker =>
  ([given], analysis) => {
    if (given === undefined) return undefined;
    const arg =
      given.type === oid.unknown || given.type === oid.varchar
        ? (coerce(analysis, given, oid.text, -1, 'implicit') ?? given)
        : given;
    if (arg.type === oid.bool || typeInfo(arg.type).category === 'other') return undefined;
    return {
      type: arg.type,
      aggregate: {
        start: () => null,
        next: (state, env) => {
          const value = arg.evaluate(env);
          if (value === null) return state;
          return state === null || compareValues(value, state) * wanted > 0 ? value : state;
        },
      },
    };
  };

const makers: ReadonlyMap<string, Maker> = new Map([
  ['count', count],
  ['sum', sum],
  ['max', extreme(1)],
  ['min', extreme(-1)],
]);

export function aggregateNamed(name: string): Maker | undefined {
  return makers.get(name);
}
