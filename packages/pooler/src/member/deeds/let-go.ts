import { namesOfNobody } from '@multigres/consensus';
import { PgError } from '@multigres/core';
import { ServerState, StopMode } from '@multigres/rpc';
import { standbyEnd } from '../log-position.ts';
import { memberSql, terminateSql } from '../member-sql.ts';
import { memberTiming } from '../member-timing.ts';
import type { SystemSettings } from '../postgres-admin.ts';
import type { DeedRun, MemberHands } from './deed-run.ts';

/** On whoever takes no part. */
const takesNoPart: SystemSettings = { synchronous_standby_names: namesOfNobody, primary_conninfo: '' };

/** Before readers are taken for what holds up the replay: usually it is through by then. */
const patientLooks = 3;

/** Makes sure that Postgres runs as a standby; answers whether it was a primary. Sessions must have been ended before. */
export async function becomeStandby({ hands }: DeedRun): Promise<boolean> {
  const { pgctld, admin } = hands;
  // Usually it is, and says so itself.
  const inRecovery = await admin.isInRecovery().catch(unlessNoPgError);
  if (inRecovery === true) return false;
  const { status } = await pgctld.getStatus({}, { deadlineMs: memberTiming.handsMs });
  const wasPrimary = inRecovery === false;
  if (status?.state === ServerState.RUNNING) {
    // For the next start. If Postgres does not answer any more, they are written after it.
    if (wasPrimary) await admin.writeSettings(takesNoPart).catch(unlessNoPgError);
    await pgctld.stop({ mode: StopMode.IMMEDIATE }, { deadlineMs: memberTiming.handsMs });
  }
  await pgctld.start({ standby: true }, { deadlineMs: memberTiming.handsMs });
  return wasPrimary;
}

/**
 * Lets go of the primary, for good: nothing more is received, and all that is on disk is replayed, so that the position that is read now is where the log
 * ends. Whoever is asked by the old leader from now on does not answer.
 */
export async function letGo(run: DeedRun): Promise<void> {
  const { admin } = run.hands;
  const names = await admin.setting('synchronous_standby_names');
  await admin.configure(takesNoPart);
  run.mayGoOn();
  if (names === '') await restartStandby(run.hands);
  // While a query stands in the way of its replay, the startup process hears neither that it shall not wait for it, nor that it has no primary any more.
  await admin.ask(memberSql.endReaders);
  await admin.waitFor('the replay of what is on disk', memberTiming.recruitMs, new ReplayWatch(run).look);
}

/**
 * With empty names, commits do not even look whether they have to wait, until the checkpointer has noticed that there are names now. It shows
 * nowhere that it has; a server that starts with names has them from the beginning.
 */
export async function restartStandby({ pgctld }: MemberHands): Promise<void> {
  await pgctld.stop({ mode: StopMode.IMMEDIATE }, { deadlineMs: memberTiming.handsMs });
  await pgctld.start({ standby: true }, { deadlineMs: memberTiming.handsMs });
}

/**
 * While a query is in the way of the replay, the startup process hears of nothing, not even that it shall wait no longer or let go of its primary; and
 * the walreceiver goes on acknowledging.
 */
async function endSessions({ admin }: MemberHands): Promise<void> {
  for (const [pid] of await admin.ask(memberSql.sessions)) await admin.ask(terminateSql(Number(pid)));
}

/** What makes certain that everything is replayed, and since when it has looked like that. */
interface Calm {
  readonly reason: 'received' | 'asleep';
  readonly replayedLsn: bigint;
  readonly sinceMs: number;
}

/**
 * The walreceiver is gone, or waits to be told, and either the startup process has replayed up to where it had received, or it sleeps until it looks for more, twice with
 * nothing new in between: between two sleeps it has read its configuration and looked through what is on disk.
 */
class ReplayWatch {
  readonly #run: DeedRun;
  #calm: Calm | undefined;
  #looks = 0;

  constructor(run: DeedRun) {
    this.#run = run;
  }

  readonly look = async (): Promise<boolean> => {
    this.#run.mayGoOn();
    const { admin, world } = this.#run.hands;
    const reason = await this.#reason();
    this.#looks += 1;
    if (reason === undefined && this.#looks > patientLooks) await endSessions(this.#run.hands);
    const { replayedLsn } = await standbyEnd(admin.ask);
    const nowMs = world.clock.nowMs();
    if (reason === undefined) this.#calm = undefined;
    else if (this.#calm?.reason !== reason || this.#calm.replayedLsn !== replayedLsn)
      this.#calm = { reason, replayedLsn, sinceMs: nowMs };
    if (this.#calm === undefined) return false;
    const leastMs = reason === 'received' ? memberTiming.soonMs : memberTiming.twoSleepsMs;
    return nowMs - this.#calm.sinceMs >= leastMs;
  };

  async #reason(): Promise<Calm['reason'] | undefined> {
    const { ask } = this.#run.hands.admin;
    const processes = new Map((await ask(memberSql.replayers)).map(([type, event]) => [type, event]));
    const receiver = processes.get('walreceiver');
    // Where the logs have parted, Postgres keeps a walreceiver that waits to be told from where, for ever: without a primary nobody tells it.
    if (processes.has('walreceiver') && receiver !== 'WalReceiverWaitStart') {
      if (isHeldBack(processes.get('startup'))) await ask(memberSql.endReaders);
      return undefined;
    }
    const { receivedLsn, replayedLsn } = await standbyEnd(ask);
    if (!processes.has('walreceiver') && receivedLsn !== undefined && replayedLsn >= receivedLsn) return 'received';
    return processes.get('startup') === 'RecoveryRetrieveRetryInterval' ? 'asleep' : undefined;
  }
}

/** What a startup process waits for that has met a query in its way (PostgreSQL documentation, "Wait Events"). */
function isHeldBack(waitEvent: string | null | undefined): boolean {
  return waitEvent === 'relation' || waitEvent === 'BufferPin' || waitEvent?.startsWith('RecoveryConflict') === true;
}

/** Undefined for a Postgres that does not answer. */
export function unlessNoPgError(error: unknown): undefined {
  if (!(error instanceof PgError)) throw error;
}
