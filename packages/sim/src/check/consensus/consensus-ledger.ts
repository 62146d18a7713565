/** One member's log as a god sees it. */
export interface LogView {
  readonly member: string;
  /** Whether the transaction that wrote this key is committed in it. */
  has(write: string): boolean;
}

interface Acknowledged {
  readonly client: string;
  readonly atMs: number;
}

/**
 * Judges each promotion at its moment: every write that was acknowledged until then must be on the log of the new leader (docs/consensus.md, "The promise",
 * 1). That tells the cause where the ledger at the end only tells the loss.
 */
export class ConsensusLedger {
  readonly #acknowledged = new Map<string, Acknowledged>();
  readonly #identityAt = new Map<bigint, { readonly identity: string; readonly by: string }>();

  /** A client was told that this is committed. */
  acknowledged(write: string, client: string, atMs: number): void {
    this.#acknowledged.set(write, { client, atMs });
  }

  /** A leader is about to serve: sentences about what it lacks, at most three. */
  promoted(log: LogView): string[] {
    const lost: string[] = [];
    for (const [write, { client, atMs }] of this.#acknowledged) {
      if (log.has(write)) continue;
      if (lost.length === 3) break;
      lost.push(
        `${log.member} becomes leader without ${write}, which was acknowledged to ${client} at ${atMs.toFixed(1)} ms`,
      );
    }
    return lost;
  }

  /**
   * A quorum has this record at this place of the log, says a server that lets a commit return. A sentence if another one was decided there before
   * ("The promise", 2). `identity`: what tells records apart.
   */
  decided(lsn: bigint, identity: string, by: string): string | undefined {
    const before = this.#identityAt.get(lsn);
    if (before === undefined) {
      this.#identityAt.set(lsn, { identity, by });
      return undefined;
    }
    if (before.identity === identity) return undefined;
    return `LSN ${lsn} is decided twice: ${before.by} acknowledged ${before.identity}, ${by} acknowledges ${identity}`;
  }
}
