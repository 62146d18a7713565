import type { Mutant } from '../mutation.ts';

const session = 'packages/gateway/src/session/session.ts';
const rounds = 'packages/gateway/src/timeout/session-rounds.ts';
const timeouts = 'packages/gateway/src/timeout/session-timeout.ts';
const scenario = 'pooling/operations';

/** Bugs in how gateways leave, and in what they end because it takes too long. */
export const operationsMutants: readonly Mutant[] = [
  {
    name: 'operations/drain-cuts-transactions',
    file: session,
    find: `if (this.#requests.isQuiet) this.finish(gatewayStops());`,
    replace: `this.finish(gatewayStops());`,
    why: 'a gateway that leaves ends sessions in the middle of their transactions',
    scenario,
  },
  {
    name: 'operations/drain-swallows-the-answer',
    file: session,
    find: `    this.#deliver(flags, buffer, start, end);
    if (flags & replyFlag.ready) this.#answered(flags, count);`,
    replace: `    if (this.#environment.isDraining) return this.finish(gatewayStops());
    this.#deliver(flags, buffer, start, end);
    if (flags & replyFlag.ready) this.#answered(flags, count);`,
    why: 'a write that is committed is answered with the end of the session, which says that it is not',
    scenario,
  },
  {
    name: 'operations/drain-ends-between-statements',
    file: session,
    find: `if (this.#environment.isDraining && this.#requests.isQuiet) return this.finish(gatewayStops());`,
    replace: `if (this.#environment.isDraining && this.#requests.groupsUnanswered === 0) return this.finish(gatewayStops());`,
    why: 'a transaction under way is ended after its next statement',
    scenario,
  },
  {
    name: 'operations/idle-timeout-in-transactions',
    file: session,
    find: `const waiting = status === 'I' ? 'idle' : 'idleInTransaction';`,
    replace: `const waiting = 'idle';`,
    why: 'the limit for idle sessions is taken for one inside a transaction',
    scenario,
  },
  {
    name: 'operations/idle-since-ever',
    file: session,
    find: `return { state, sinceMs: Math.max(this.#sinceMs, fromMs), transactionSinceMs };`,
    replace: `return { state, sinceMs: fromMs, transactionSinceMs };`,
    why: 'sessions are ended although they were busy a moment ago',
    scenario,
  },
  {
    name: 'operations/idle-unnoticed',
    file: rounds,
    find: `if (this.#timer !== undefined) this.#stepLater();`,
    replace: ``,
    why: 'idle sessions are looked at once and never again',
    scenario,
  },
  {
    name: 'operations/limits-confused',
    file: timeouts,
    find: `isOver(sinceMs, limits.idleInTransactionMs)`,
    replace: `isOver(sinceMs, limits.idleSessionMs)`,
    why: 'idle transactions live no longer than idle sessions',
    scenario,
  },
];
