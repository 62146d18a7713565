/** A transaction identifier; 0 is none. */
export type Xid = number;

/** A position in the order of commits; 0 is before all. */
export type CommitSequence = number;

const inProgress = 0;
const aborted = -1;

/** The first transaction identifier that a new cluster hands out. */
const firstXid: Xid = 700;

/**
 * What became of each transaction, and in which order the committed ones became visible. Instead of Postgres's lists of running
 * transactions a snapshot is one number: what committed up to it is seen. (The order of visibility is the order in `ProcArray`.)
 */
export class CommitLog {
  readonly #status: CommitSequence[] = [];
  #nextXid: Xid = firstXid;
  #last: CommitSequence = 0;

  get nextXid(): Xid {
    return this.#nextXid;
  }

  /** The latest commit: a snapshot taken now. */
  get last(): CommitSequence {
    return this.#last;
  }

  assign(): Xid {
    const xid = this.#nextXid;
    this.#nextXid += 1;
    this.#status[xid - firstXid] = inProgress;
    return xid;
  }

  /** Recovery saw this identifier: later ones are greater. Those without an outcome count as aborted after `endRecovery`, but for the prepared. */
  sawInRecovery(xid: Xid): void {
    while (this.#nextXid <= xid) this.assign();
  }

  endRecovery(prepared: ReadonlySet<Xid>): void {
    for (let i = 0; i < this.#status.length; i++)
      if (this.#status[i] === inProgress && !prepared.has(i + firstXid)) this.#status[i] = aborted;
  }

  /** A transaction and its subtransactions become visible together. */
  commit(xids: Iterable<Xid>): void {
    this.#last += 1;
    for (const xid of xids) this.#status[xid - firstXid] = this.#last;
  }

  abort(xid: Xid): void {
    this.#status[xid - firstXid] = aborted;
  }

  isInProgress(xid: Xid): boolean {
    return this.#status[xid - firstXid] === inProgress;
  }

  isAborted(xid: Xid): boolean {
    return this.#status[xid - firstXid] === aborted;
  }

  isCommitted(xid: Xid): boolean {
    return (this.#status[xid - firstXid] as number) > 0;
  }

  isCommittedBy(xid: Xid, sequence: CommitSequence): boolean {
    const at = this.#status[xid - firstXid] as number;
    return at > 0 && at <= sequence;
  }
}
