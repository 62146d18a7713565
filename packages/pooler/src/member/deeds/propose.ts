import { jointNames, synchronousNames } from '@multigres/consensus';
import { PgError } from '@multigres/core';
import type { Ballot, Rule } from '@multigres/rpc';
import { markDecided, writeRule } from '../rule-table.ts';
import type { DeedRun } from './deed-run.ts';

/** The value of synchronous_standby_names under which each commit has a quorum of all these rules. */
export function namesFor(leader: Rule['leader'], ballot: Ballot, rules: readonly Rule[]): string {
  if (leader === undefined) throw new TypeError('a rule has a leader');
  return synchronousNames(jointNames(leader, rules), ballot);
}

/**
 * Writes the rule's row under the names that are in force, waits however long its commit takes, narrows the names to the rule alone, and marks it as
 * decided, not before `markMs` (monotonic): the mark says that the leaders before are over, and until then one of them may still answer reads. It
 * ends when that is done, or when the member is recruited: then the connection is cut, and the row may be decided or not.
 */
export async function decide(run: DeedRun, rule: Rule, outgoing: readonly Rule[], markMs: number = 0): Promise<void> {
  const { admin, world } = run.hands;
  const ballot = rule.number?.ballot as Ballot;
  const writer = admin.open();
  run.onOvertaken(() => writer.close());
  try {
    await writeRule((sql) => writer.query(sql, Infinity), rule, outgoing);
    run.mayGoOn();
    const names = namesFor(rule.leader, ballot, [rule]);
    // Often they are the same, and what is in force need not be made so: everybody waits for this.
    if (names !== namesFor(rule.leader, ballot, [rule, ...outgoing]))
      await admin.configure({ synchronous_standby_names: names });
    const restMs = markMs - world.clock.nowMs();
    if (restMs > 0) await world.clock.sleep(restMs);
    run.mayGoOn();
    await markDecided((sql) => writer.query(sql, Infinity), rule);
    run.mayGoOn();
  } catch (error) {
    throw whyItEnded(run, error);
  } finally {
    admin.closed(writer);
  }
}

/** A connection that was cut because the member was recruited says something else about it. */
function whyItEnded(run: DeedRun, error: unknown): unknown {
  if (error instanceof PgError) run.mayGoOn();
  return error;
}
