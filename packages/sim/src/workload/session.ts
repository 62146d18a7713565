import type { Endpoint, PgReport, World } from '@multigres/core';
import type { IdleLimits } from '../cluster.ts';
import type { Checks } from '../check/checks.ts';
import type { SessionModel } from '../check/session-model.ts';
import type { Life } from '../kernel/life.ts';
import type { RandomStream } from '../kernel/random-stream.ts';
import { unnamed, type PgClient, type Reply, type Step } from './pg-client.ts';

/** A simulated user, over all of its sessions and lives. */
export interface ClientState {
  readonly name: string;
  /** For tags and keys, which must be unique over the whole run. */
  counter: number;
  sessions: number;
  /** How often in a row its password was refused. */
  refusals: number;
}

export interface SessionParts {
  readonly client: ClientState;
  readonly pg: PgClient;
  readonly model: SessionModel;
  readonly world: World;
  readonly life: Life;
  readonly random: RandomStream;
  readonly checks: Checks;
  readonly mark: (moment: string) => void;
  /** Gateways, any of which takes a cancel. */
  readonly endpoints: readonly Endpoint[];
  /** How long the user waits for an answer, milliseconds; asked anew for each. */
  readonly patienceMs: () => number;
  readonly peace: Peace | undefined;
  /** Where nothing is broken: how long an answer may take to what was asked at this time. */
  readonly servedWithinMs?: (sinceMs: number) => number;
}

/** Nothing breaks in this run, so a session is ended for these reasons only; milliseconds, 0 for none. */
export type Peace = IdleLimits;

/** What the user expects of an answer. */
export interface Ask {
  /** SQLSTATEs that may be the answer. */
  readonly expected?: readonly string[];
  /** Not one of those that are to be answered soon. */
  readonly takesLong?: boolean;
  /** What a good answer changes in the session; before the transaction status is judged. */
  readonly effect?: (reply: Reply) => void;
}

/** `unknown`: nobody can say whether it was executed. */
export type Fate = 'ok' | 'failed' | 'unknown';

/** Conditions of the way to the data, not of the statement: they may come at any time while something is broken. */
export const disturbances: RegExp = /^(08|53|57P|58|MG|40001|40003|40P01|25P0[34])/;

/** Messages are under way for so long where nothing breaks, or wait for a user who reads slowly. */
const latencyMs = 1_500;

/** What an error must say when nobody can know whether the statement was executed; every other error promises that it was not. */
const inDoubt = /^(08007|40003)$/;

/**
 * One session of a simulated user, with what it knows about itself. Every answer is judged here: an error that nobody asked for and that
 * no disturbance explains fails the run.
 */
export class UserSession {
  readonly client: ClientState;
  readonly pg: PgClient;
  readonly model: SessionModel;
  readonly random: RandomStream;
  readonly checks: Checks;
  readonly world: World;
  readonly mark: (moment: string) => void;
  /** Keys written in the open transaction. */
  readonly transactionKeys: string[] = [];
  /** COMMIT was sent: until it is answered nobody knows. */
  committing = false;
  /** Locks by key: when they were certainly held first. */
  readonly lockedSinceMs: Map<number, number> = new Map();
  readonly #parts: SessionParts;
  #mayCancelUntilReady = false;
  /** When the session was answered last, by the simulator's own time. */
  #answeredMs: number;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.client = parts.client;
    this.pg = parts.pg;
    this.model = parts.model;
    this.random = parts.random;
    this.checks = parts.checks;
    this.world = parts.world;
    this.mark = parts.mark;
    this.#answeredMs = parts.checks.nowMs();
  }

  get peace(): Peace | undefined {
    return this.#parts.peace;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#parts.endpoints;
  }

  get over(): boolean {
    return this.pg.ended !== undefined;
  }

  /** A text that nobody else sends: what comes back in it must be ours. */
  tag(): string {
    this.client.counter += 1;
    return `${this.client.name}.${this.client.counter}`;
  }

  /** A simple query. */
  simple(text: string, ask: Ask = {}): Promise<Reply> {
    this.mark('client/query sent');
    return this.judge(text, this.pg.query(text), ask);
  }

  extended(what: string, steps: readonly Step[], ask: Ask = {}): Promise<Reply> {
    this.mark('client/query sent');
    return this.judge(what, this.pg.extended(steps), ask);
  }

  /** A simple or an extended query, as the dice fall. */
  either(text: string, ask: Ask = {}): Promise<Reply> {
    return this.random.chance(0.5) ? this.simple(text, ask) : this.extended(text, unnamed(text, [], false), ask);
  }

  /** Waits for a reply as long as the user's patience lasts (then hangs up, or cancels first), and judges it. */
  async judge(what: string, pending: Promise<Reply>, ask: Ask): Promise<Reply> {
    const ended = this.checks.watch.begin(what, this.#parts.life);
    this.checks.note(this.#parts.life, () => `asks ${what}`);
    const sinceMs = this.checks.nowMs();
    const reply = await this.#patiently(pending);
    ended();
    if (ask.takesLong !== true) this.#judgeWait(what, reply, sinceMs);
    this.checks.note(this.#parts.life, () => `is answered ${brief(reply)}: ${what}`);
    const fate = fateOf(reply);
    this.checks.tally[fate] += 1;
    if (fate === 'ok') ask.effect?.(reply);
    this.#judgeError(what, reply, ask.expected ?? []);
    this.#judgeStatus(what, reply);
    this.#answeredMs = this.checks.nowMs();
    return reply;
  }

  async #patiently(pending: Promise<Reply>): Promise<Reply> {
    const timer = this.world.clock.after(this.#parts.patienceMs(), () => {
      if (this.random.chance(0.5)) {
        this.pg.drop();
        return;
      }
      this.#askCancel();
      this.world.clock.after(3000, () => {
        if (this.#mayCancelUntilReady) this.pg.drop();
      });
    });
    const reply = await pending;
    timer.cancel();
    this.#mayCancelUntilReady = false;
    return reply;
  }

  #askCancel(): void {
    this.#mayCancelUntilReady = true;
    this.cancel();
  }

  /** Asks for a cancel of what runs; from then on this session may be answered with 57014. */
  cancel(): void {
    this.model.cancelAsked = true;
    this.mark('client/cancel sent');
    void this.pg.cancel(this.random.pick(this.endpoints));
  }

  /** Where nothing breaks, nobody is told to go in the middle of a transaction, and nobody for being idle who was not. */
  toldToGo({ sqlstate, detail }: PgReport, inTransaction: boolean): void {
    const { peace } = this.#parts;
    if (peace === undefined) return;
    // Others are told the same because somebody killed them.
    if (sqlstate === '57P01' && detail === 'The gateway is shutting down.' && inTransaction)
      this.wrong('drain', 'was cut off in a transaction that was free to end');
    const limits: Readonly<Record<string, number>> = {
      '57P05': peace.idleSessionMs,
      '25P03': peace.idleInTransactionMs,
    };
    const limitMs = limits[sqlstate];
    if (limitMs === undefined) return;
    const idleMs = this.checks.nowMs() - this.#answeredMs;
    const wasIdle = limitMs > 0 && idleMs >= limitMs - latencyMs && inTransaction === (sqlstate === '25P03');
    if (!wasIdle) this.wrong('timeouts', `was told ${sqlstate} ${Math.round(idleMs)} ms after its last answer`);
  }

  /** Where nothing is broken, nobody waits for ever, and nobody is told that there is no backend for him. */
  #judgeWait(what: string, { error }: Reply, sinceMs: number): void {
    const { servedWithinMs } = this.#parts;
    if (servedWithinMs === undefined) return;
    const ms = this.checks.nowMs() - sinceMs;
    if (ms > servedWithinMs(sinceMs)) this.wrong('fairness', `${what} took ${Math.round(ms)} ms`);
    if (error !== undefined && disturbances.test(error.sqlstate)) {
      this.wrong('fairness', `${what} was answered with ${describe(error)} although nothing is broken`);
    }
  }

  #judgeError(what: string, reply: Reply, expected: readonly string[]): void {
    const { error } = reply;
    if (error === undefined || expected.includes(error.sqlstate)) return;
    if (error.sqlstate === '57014') {
      if (!this.model.cancelAsked) this.wrong('cancel', `${what} was cancelled, but nobody asked for that`);
      return;
    }
    if (disturbances.test(error.sqlstate)) return;
    this.wrong('answers', `${what} was answered with ${describe(error)}`);
  }

  #judgeStatus(what: string, reply: Reply): void {
    const { status } = reply;
    if (status === undefined) return;
    if (status !== 'I' && !this.model.inTransaction) {
      this.wrong(
        'session isolation',
        `after ${what} the session is inside a transaction (${status}) that it did not begin`,
      );
    }
    if (status !== 'I' || !this.model.inTransaction) return;
    const sqlstate = reply.error?.sqlstate;
    if (sqlstate !== undefined && (this.committing || disturbances.test(sqlstate)))
      this.rolledBack(inDoubt.test(sqlstate));
    else this.wrong('session isolation', `after ${what} the session's transaction is gone`);
  }

  /** A transaction has ended without effect, or (in doubt) perhaps with. */
  rolledBack(doubt: boolean): void {
    this.model.rollback();
    this.settleTransaction(doubt && this.committing ? 'unknown' : 'refused');
  }

  settleTransaction(outcome: 'acknowledged' | 'refused' | 'unknown'): void {
    this.committing = false;
    for (const key of this.transactionKeys.splice(0)) this.checks.ledger.settle(key, outcome);
  }

  /** A single row with this value must have come back. */
  expectValue(oracle: string, what: string, reply: Reply, value: string): void {
    if (fateOf(reply) !== 'ok') return;
    const rows = JSON.stringify(reply.rows);
    if (rows !== JSON.stringify([[value]]))
      this.wrong(oracle, `${what} must answer ${value}, but answered ${rows.slice(0, 300)}`);
  }

  wrong(oracle: string, sentence: string): void {
    this.checks.fail(oracle, `${this.client.name}: ${sentence}`);
  }
}

export function fateOf(reply: Reply): Fate {
  if (reply.error !== undefined) {
    // An error after the command was complete: what was completed alone is committed, what was pipelined is not.
    return inDoubt.test(reply.error.sqlstate) || reply.tags.length > 0 ? 'unknown' : 'failed';
  }
  return reply.status === undefined ? 'unknown' : 'ok';
}

function brief(reply: Reply): string {
  if (reply.error) return `${reply.error.sqlstate} ${reply.error.message}`;
  return reply.status === undefined ? 'nothing, the connection is lost' : `${reply.tags.join()} ${reply.status}`;
}

function describe(error: PgReport): string {
  return `${error.severity} ${error.sqlstate} ${error.message}${error.detail === undefined ? '' : ` (${error.detail})`}`;
}
