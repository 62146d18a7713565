import type { Session } from '../session/session.ts';
import { lockMode, type LockMode } from '../storage/lock-mode.ts';
import type { Value } from '../storage/value.ts';
import type { Task } from '../wait.ts';
import type { FunctionDefinition } from './functions.ts';
import { oid } from './types.ts';

type Key = readonly [high: bigint, low: bigint, kind: 1 | 2];

/** One bigint or two ints name the lock; they are different spaces (PostgreSQL documentation, "Advisory Lock Functions"). */
function keyOf(args: readonly Value[]): Key {
  const [first, second] = args;
  if (second !== undefined)
    return [BigInt.asUintN(32, BigInt(first as number)), BigInt.asUintN(32, BigInt(second as number)), 2];
  const key = BigInt.asUintN(64, first as bigint);
  return [key >> 32n, key & 0xffff_ffffn, 1];
}

function lockKey(session: Session, args: readonly Value[]): string {
  const [high, low, kind] = keyOf(args);
  return `advisory lock [${session.databaseOid},${high},${low},${kind}]`;
}

const shapes: readonly (readonly number[])[] = [[oid.int8], [oid.int4, oid.int4]];

/** The same function for both spaces, in its exclusive and its shared form. */
function family(
  name: string,
  returns: number,
  make: (mode: LockMode) => Pick<FunctionDefinition, 'evaluate'> | Pick<FunctionDefinition, 'wait'>,
): FunctionDefinition[] {
  return shapes.flatMap((shape) => [
    { name, arguments: shape, returns, volatile: true, ...make(lockMode.exclusive) },
    { name: `${name}_shared`, arguments: shape, returns, volatile: true, ...make(lockMode.share) },
  ]);
}

export const advisoryFunctions: readonly FunctionDefinition[] = [
  ...family('pg_advisory_lock', oid.void, (mode) => ({
    *wait(session, args): Task<Value> {
      yield* session.advisory.lock(lockKey(session, args), mode);
      return '';
    },
  })),
  ...family('pg_advisory_xact_lock', oid.void, (mode) => ({
    *wait(session, args): Task<Value> {
      yield* session.mustTransaction().lock(lockKey(session, args), mode);
      return '';
    },
  })),
  ...family('pg_try_advisory_lock', oid.bool, (mode) => ({
    evaluate: (session, args) => session.advisory.tryLock(lockKey(session, args), mode),
  })),
  ...family('pg_try_advisory_xact_lock', oid.bool, (mode) => ({
    evaluate: (session, args) => session.mustTransaction().tryLock(lockKey(session, args), mode),
  })),
  ...family('pg_advisory_unlock', oid.bool, (mode) => ({
    evaluate: (session, args) => session.advisory.unlock(lockKey(session, args), mode),
  })),
  {
    name: 'pg_advisory_unlock_all',
    arguments: [],
    returns: oid.void,
    volatile: true,
    evaluate: (session) => {
      session.advisory.unlockAll();
      return '';
    },
  },
];
