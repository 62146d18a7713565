import { sqlstate, type PgError } from '@multigres/core';
import { notTheLeader } from '../errors.ts';
import type { CatchUp } from './catch-up.ts';

/** Postgres cannot be reached, or is starting or stopping. */
const outages: ReadonlySet<string> = new Set([
  sqlstate.cannotConnectNow,
  sqlstate.connectionFailure,
  sqlstate.sqlclientUnableToEstablishSqlconnection,
]);

/** Who is told when the gate moves. */
export interface Gated {
  readonly gate: Gate;
  gateClosed(): void;
  gateOpened(): void;
}

/**
 * Whether sessions may begin something here, as the member decides; there is one gate for what belongs to the leader and one for reads at a
 * follower. While it is closed, what runs goes on to the end of its transaction, and what comes goes back to the gateway as it came (relay's
 * `returned`), which takes it to whoever may serve it. A pooler that stands alone never closes its gates.
 */
export class Gate {
  #isOpen = true;
  #reason = '';
  #isForGood = false;
  readonly #sessions: () => Iterable<Gated>;
  /** Somebody decides about it: Postgres being away is no reason to refuse anything, because there may be another leader soon. */
  isGuarded = false;
  /** How far the log is certainly replayed, for sessions that want to find what they wrote elsewhere. */
  replayedLsn = 0n;
  /** Waits for more of it; undefined where nobody replays. */
  catchUp: CatchUp | undefined;

  /** `sessions`: all that there are, through whichever gate they came. */
  constructor(sessions: () => Iterable<Gated>) {
    this.#sessions = sessions;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** `reason`: for people, goes on after "does not serve this now:". */
  close(reason: string): void {
    this.isGuarded = true;
    this.#reason = reason;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const session of this.#mine()) session.gateClosed();
  }

  /** The pooler stops: nobody opens it again. */
  closeForGood(reason: string): void {
    this.close(reason);
    this.#isForGood = true;
  }

  open(): void {
    this.isGuarded = true;
    if (this.#isOpen || this.#isForGood) return;
    this.#isOpen = true;
    for (const session of this.#mine()) session.gateOpened();
  }

  /** That Postgres is away is nothing to tell anybody as long as another member may lead soon. */
  covers({ sqlstate: code }: PgError): boolean {
    return !this.#isOpen || (this.isGuarded && outages.has(code));
  }

  /** What those are told who knock (MG005, not applied). */
  refusal(): PgError {
    return notTheLeader(this.#reason);
  }

  #mine(): Gated[] {
    return [...this.#sessions()].filter(({ gate }) => gate === this);
  }
}
