import { ticksMs, TurnClock, type Counter, type Histogram, type World } from '@multigres/core';
import { PinReason, pinNames, type PinReasonName } from '@multigres/sql';
import { GroupTracer } from './group-tracer.ts';
import type { Group } from '../backend/group.ts';

/** Why a shared group ran a second time, unseen by its client. */
export type RerunReason =
  /** A cancel meant for another session hit it, or its prepared statement was stale. */
  'failure' | 'slowReader' | 'slowStatement' | 'largeReply' | 'backendLost';

/** What became of a session's wish to cancel. */
export type CancelOutcome =
  /** Postgres was asked. */
  | 'sent'
  /** It had not begun: answered with 57014 here. */
  | 'unsent'
  /** Nothing was under way any more. */
  | 'late';

/**
 * What a pooler counts. Made once per pooler. What only has a value now (backends by state, who waits) is observed where it is known, so that it
 * cannot drift: see `observePooler`.
 */
export class PoolerMetrics {
  readonly turn: TurnClock;
  readonly queueTime: Histogram;
  readonly lineTime: Histogram;
  readonly postgresTime: Histogram;
  readonly sharedGroups: Counter;
  readonly leasedGroups: Counter;
  readonly receivedBytes: Counter;
  readonly sentBytes: Counter;
  readonly sentParses: Counter;
  readonly avoidedParses: Counter;
  readonly adoptions: Counter;
  readonly failedAdoptions: Counter;
  readonly resets: Counter;
  readonly isolations: Counter;
  readonly backendLogins: Counter;
  readonly backendLoginTime: Histogram;
  readonly lostBackends: Counter;
  readonly #pins: ReadonlyMap<PinReasonName, Counter>;
  readonly #reruns: Readonly<Record<RerunReason, Counter>>;
  readonly #cancels: Readonly<Record<CancelOutcome, Counter>>;
  readonly #postgresErrors: (sqlstate: string) => Counter;
  readonly #errors: (sqlstate: string) => Counter;
  readonly #loginFailures: (sqlstate: string) => Counter;
  readonly #tracer: GroupTracer;

  constructor(world: World) {
    const { metrics } = world.telemetry;
    this.#postgresErrors = metrics.counters(
      'multigres_pooler_postgres_errors_total',
      'Errors of Postgres by SQLSTATE; what ran again unseen is among them.',
      'sqlstate',
    );
    this.#errors = metrics.counters(
      'multigres_pooler_errors_total',
      'Errors that the pooler itself told sessions, by SQLSTATE: no backend in time (53300), canceled while waiting (57014) ...',
      'sqlstate',
    );
    this.#loginFailures = metrics.counters(
      'multigres_pooler_backend_login_failures_total',
      'Logins at Postgres that failed, by SQLSTATE.',
      'sqlstate',
    );
    this.#tracer = new GroupTracer(world);
    this.turn = new TurnClock(world.clock);
    const phase = (name: string): Histogram => metrics.histogram(phases, phasesHelp, { phase: name });
    this.queueTime = phase('queue');
    this.lineTime = phase('line');
    this.postgresTime = phase('postgres');
    const mode = (name: string): Counter => metrics.counter(groups, groupsHelp, { mode: name });
    this.sharedGroups = mode('shared');
    this.leasedGroups = mode('leased');
    const count = (name: string, help: string): Counter => metrics.counter(`multigres_pooler_${name}_total`, help);
    this.receivedBytes = count('postgres_received_bytes', 'Bytes that came from Postgres, without logins.');
    this.sentBytes = count('postgres_sent_bytes', 'Bytes that went to Postgres, without logins.');
    const parses =
      'Parse messages of carried statements. outcome: sent to Postgres, or avoided because the backend had it.';
    this.sentParses = metrics.counter('multigres_pooler_parses_total', parses, { outcome: 'sent' });
    this.avoidedParses = metrics.counter('multigres_pooler_parses_total', parses, { outcome: 'avoided' });
    this.adoptions = count('adoptions', "Backends that were given a session's settings first.");
    this.failedAdoptions = count(
      'adoption_failures',
      "Backends that refused a session's settings, or were lost meanwhile.",
    );
    this.resets = count('resets', 'Backends reset by DISCARD ALL before they went back to their pool.');
    this.isolations = count(
      'isolations',
      'Shared backends that were kept from others because of a slow reader or a slow statement.',
    );
    this.backendLogins = count('backend_logins', 'Logins at Postgres that succeeded.');
    const loginTime = 'multigres_pooler_backend_login_duration_seconds';
    this.backendLoginTime = metrics.histogram(loginTime, 'From connecting to Postgres to its first ReadyForQuery.');
    this.lostBackends = count('backends_lost', 'Backends that ended although nobody here had asked for it.');
    this.#pins = new Map(
      pinNames(everyReason).map((reason) => [reason, metrics.counter(pins, pinsHelp, { reason })] as const),
    );
    const rerun = (reason: RerunReason): Counter => metrics.counter(reruns, rerunsHelp, { reason });
    this.#reruns = {
      failure: rerun('failure'),
      slowReader: rerun('slowReader'),
      slowStatement: rerun('slowStatement'),
      largeReply: rerun('largeReply'),
      backendLost: rerun('backendLost'),
    };
    const cancel = (outcome: CancelOutcome): Counter => metrics.counter(cancels, cancelsHelp, { outcome });
    this.#cancels = { sent: cancel('sent'), unsent: cancel('unsent'), late: cancel('late') };
  }

  /** ReadyForQuery of a session's group came: where the time went since it was sent. */
  answered(group: Group): void {
    const { tick } = this.turn;
    this.lineTime.recordMs(ticksMs(group.sentTick, group.headTick));
    this.postgresTime.recordMs(ticksMs(group.headTick, tick));
    (group.shared ? this.sharedGroups : this.leasedGroups).add();
    if (group.trace !== undefined) this.#tracer.finished(group, group.trace, tick);
  }

  /** A session has these reasons from now on, and had not before. */
  pinned(reasons: number): void {
    if (reasons !== 0) for (const name of pinNames(reasons)) this.#pins.get(name)?.add();
  }

  rerun(reason: RerunReason): void {
    this.#reruns[reason].add();
  }

  cancelled(outcome: CancelOutcome): void {
    this.#cancels[outcome].add();
  }

  /** Postgres answered a statement with this error. */
  postgresFailed(sqlstate: string): void {
    this.#postgresErrors(sqlstate).add();
  }

  /** A session was told no by the pooler itself. */
  refused(sqlstate: string): void {
    this.#errors(sqlstate).add();
  }

  backendLoginFailed(sqlstate: string): void {
    this.#loginFailures(sqlstate).add();
  }
}

const everyReason = Object.values(PinReason).reduce((all, bit) => all | bit, 0);
const phases = 'multigres_pooler_query_duration_seconds';
const phasesHelp =
  'Where the time of a group goes. phase: queue (waits for a backend), line (sent, behind other groups on a shared backend), postgres (until its ReadyForQuery; the sum is how long backends were busy).';
const groups = 'multigres_pooler_groups_total';
const groupsHelp =
  'Groups that Postgres answered. mode: shared (between those of other sessions) or leased (on a backend of its own).';
const pins = 'multigres_pooler_pins_total';
const pinsHelp = 'Times that a session had to keep its backend beyond a transaction, by reason.';
const reruns = 'multigres_pooler_reruns_total';
const rerunsHelp =
  'Shared groups that ran a second time, unseen. reason: failure (the cancel of another session, a stale statement), slowReader, slowStatement and largeReply (it stood behind one), backendLost.';
const cancels = 'multigres_pooler_cancels_total';
const cancelsHelp =
  'Cancels asked for by sessions. outcome: sent to Postgres, unsent (it had not begun), late (nothing was under way).';
