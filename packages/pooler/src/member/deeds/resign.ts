import { standbyName } from '@multigres/consensus';
import { PgError } from '@multigres/core';
import type { Ballot, MessageInitShape, ResignRequest, ResignResponseSchema } from '@multigres/rpc';
import { drainTooSlow, memberNotReady, notTheLeader } from '../../errors.ts';
import { lsnOf } from '../log-position.ts';
import { memberSql } from '../member-sql.ts';
import { leads } from '../member.machine.ts';
import type { DeedRun } from './deed-run.ts';

/** Nobody begins a transaction any more, running ones end, and the successor gets everything. If that fails, the leader goes on. */
export async function resign(
  run: DeedRun,
  ballot: Ballot,
  request: ResignRequest,
): Promise<MessageInitShape<typeof ResignResponseSchema>> {
  const { hands } = run;
  const role = run.role();
  if (!leads(role)) throw notTheLeader(`it is ${role.kind}`);
  if (request.successor === undefined) throw memberNotReady('the call names no successor');
  run.become({ kind: 'resigned', rule: role.rule });
  hands.sessions.pause('it is handing over to its successor');
  try {
    await drain(run, request.drainMs);
    const [row] = await hands.admin.ask(memberSql.primaryEnd);
    const lsn = lsnOf(row?.[1]) ?? 0n;
    await successorHas(run, standbyName(request.successor, ballot), lsn, request.drainMs);
    return { lsn };
  } catch (error) {
    // Whoever recruits it decides what becomes of the sessions; else they go on.
    run.mayGoOn();
    run.become({ kind: 'leader', rule: role.rule });
    throw error;
  }
}

/** Of clients, and its own: what it writes after the end that it tells would part the logs of those who get it from its successor's. */
async function drain(run: DeedRun, drainMs: number): Promise<void> {
  const { hands, mayGoOn } = run;
  const { admin, sessions } = hands;
  try {
    await admin.waitFor('the end of transactions', drainMs, () => {
      mayGoOn();
      return Promise.resolve(sessions.busy() === 0 && !run.isProving());
    });
  } catch (error) {
    mayGoOn();
    throw error instanceof PgError ? drainTooSlow(drainMs, sessions.busy()) : error;
  }
}

async function successorHas({ hands, mayGoOn }: DeedRun, name: string, lsn: bigint, ms: number): Promise<void> {
  const { admin } = hands;
  await admin.waitFor('that the successor has everything', ms, async () => {
    mayGoOn();
    const row = (await admin.ask(memberSql.followers)).find(([, each]) => each === name);
    return row !== undefined && (lsnOf(row[3]) ?? 0n) >= lsn && (lsnOf(row[4]) ?? 0n) >= lsn;
  });
}
