/** Where the god sees what is stored: the members that have a write safely on their disks. */
export interface QuorumView {
  /** Machines of the members that vote now. */
  readonly voters: readonly string[];
  /** How many of them are a quorum. */
  readonly least: number;
  has(voter: string, write: string): boolean;
}

/**
 * What a user reads must not be able to get lost (docs/consensus.md, "The promise", 4). A sentence if too few voters have it on their disks at this
 * moment; `settled`: it was acknowledged, or seen stored, before, and voters may have changed since.
 */
export function ghostRead(write: string, reader: string, view: QuorumView): string | undefined {
  const holders = view.voters.filter((voter) => view.has(voter, write));
  if (holders.length >= view.least) return undefined;
  const where =
    holders.length === 0 ? 'nobody has' : `only ${holders.join(' and ')} ${holders.length > 1 ? 'have' : 'has'}`;
  return `${reader} sees ${write}, which ${where} on disk; a quorum is ${view.least} of ${view.voters.join(', ')}`;
}

/** Remembers what was safe once: a write that a quorum had stays decided, however the voters change. */
export class GhostOracle {
  readonly #safe = new Set<string>();

  stored(write: string): void {
    this.#safe.add(write);
  }

  read(write: string, reader: string, view: QuorumView): string | undefined {
    if (this.#safe.has(write)) return undefined;
    const sentence = ghostRead(write, reader, view);
    if (sentence === undefined) this.#safe.add(write);
    return sentence;
  }
}
