import type { FuncCall, Node } from 'libpg-query';

import { aggregateNotAllowed, nestedAggregate, undefinedFunction, unsupported } from '../errors.ts';
import type { Value } from '../storage/value.ts';
import { aggregateNamed } from './aggregates.ts';
import { canCoerce, coerce } from './coerce.ts';
import { folding, type Analysis, type Env, type Expr } from './expression.ts';
import { functionsNamed, type FunctionDefinition } from './functions.ts';
import { stringOf } from './parser.ts';
import { typeName } from './types.ts';

type Analyze = (analysis: Analysis, node: Node) => Expr;

/**
 * Functions of these names do not exist anywhere: the model answers 42883 as Postgres does. Any other name that it does not know may be a
 * function that it lacks, and stops the run.
 */
const surelyAbsent = /^(no_such|nosuch|missing_|undefined_)/;

/** Analyses a call: an aggregate, or the function whose argument types fit best. */
export function functionCall(analysis: Analysis, node: FuncCall, analyze: Analyze): Expr {
  const names = (node.funcname ?? []).map(stringOf);
  const name = names.at(-1) as string;
  const location = node.location ?? 0;
  if (
    node.over !== undefined ||
    node.agg_filter !== undefined ||
    node.agg_distinct === true ||
    node.agg_order !== undefined
  ) {
    throw unsupported(`this form of calling ${name}`);
  }
  if (node.agg_star === true || aggregateNamed(name)) return aggregateCall(analysis, node, name, analyze);
  const args = (node.args ?? []).map((arg) => analyze(analysis, arg));
  const candidates = functionsNamed(name);
  if (candidates.length === 0 && !surelyAbsent.test(name)) throw unsupported(`the function ${name}`);
  const chosen = choose(candidates, args);
  if (chosen === undefined) {
    throw undefinedFunction(
      `${names.join('.')}(${args.map((arg) => typeName(arg.type)).join(', ')})`,
      analysis.source.position(location),
    );
  }
  return call(analysis, chosen, args, location);
}

/** An exact match if there is one, else the first whose arguments can be had implicitly. */
function choose(candidates: readonly FunctionDefinition[], args: readonly Expr[]): FunctionDefinition | undefined {
  const fitting = candidates.filter(
    (candidate) =>
      candidate.arguments.length === args.length &&
      candidate.arguments.every((type, i) => canCoerce((args[i] as Expr).type, type, 'implicit')),
  );
  const exactness = (candidate: FunctionDefinition): number =>
    candidate.arguments.filter((type, i) => type === (args[i] as Expr).type).length;
  return fitting.toSorted((a, b) => exactness(b) - exactness(a))[0];
}

function call(analysis: Analysis, definition: FunctionDefinition, given: readonly Expr[], location: number): Expr {
  const args = given.map((arg, i) => coerce(analysis, arg, definition.arguments[i] as number, -1, 'implicit') ?? arg);
  const { evaluate, wait, strict = true } = definition;
  const literal = given[0]?.literal?.text;
  if (typeof literal === 'string') {
    definition.checkLiteral?.(analysis.session, literal, analysis.source.position(given[0]?.location));
  }
  const shape = { type: definition.returns, typmod: -1, location, usesRow: true };
  const collect = (env: Env): Value[] | undefined => {
    const values: Value[] = [];
    for (const arg of args) {
      const value = arg.evaluate(env);
      if (value === null && strict) return undefined;
      values.push(value);
    }
    return values;
  };
  if (wait !== undefined) {
    const slot = analysis.waiting.length;
    analysis.waiting.push({
      slot,
      *run(env) {
        const values = collect(env);
        return values === undefined ? null : yield* wait(env.session, values);
      },
    });
    return { ...shape, evaluate: (env) => env.slots[slot] ?? null };
  }
  return {
    ...shape,
    usesRow: definition.volatile === true || args.some((arg) => arg.usesRow),
    ...(definition.immutable === true ? folding(...args) : { parts: args }),
    evaluate: (env) => {
      const values = collect(env);
      return values === undefined ? null : (evaluate as NonNullable<typeof evaluate>)(env.session, values);
    },
  };
}

function aggregateCall(analysis: Analysis, node: FuncCall, name: string, analyze: Analyze): Expr {
  const location = node.location ?? 0;
  const { aggregates } = analysis;
  if (aggregates === undefined) throw aggregateNotAllowed(analysis.clause, analysis.source.position(location));
  if (analysis.insideAggregate) throw nestedAggregate(analysis.source.position(location));
  analysis.insideAggregate = true;
  const args = (node.args ?? []).map((arg) => analyze(analysis, arg));
  analysis.insideAggregate = false;
  const definition = aggregateNamed(name)?.(args, analysis);
  if (definition === undefined) {
    throw undefinedFunction(
      `${name}(${node.agg_star === true ? '*' : args.map((arg) => typeName(arg.type)).join(', ')})`,
      analysis.source.position(location),
    );
  }
  const at = aggregates.length;
  aggregates.push(definition.aggregate);
  return { type: definition.type, typmod: -1, location, usesRow: false, evaluate: (env) => env.aggregates[at] ?? null };
}
