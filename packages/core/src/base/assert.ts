/** A broken invariant. Never caught by product code: it crashes the node, and in the simulator it fails the run. */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed';
}

/**
 * Stops on our own bugs. Users' mistakes are refused by value or with a `PgError`, never with this.
 * The message states what must hold, as a sentence ("the shard map has no gaps").
 */
export function assert(holds: boolean, invariant: string): asserts holds {
  if (!holds) throw new AssertionFailed(invariant);
}

/** For the `default` of an exhaustive switch: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${String(value)}`);
}

/** Checks every named invariant of a subject. Machines export theirs as such a table; the simulator checks it after each step. */
export function check<T>(subject: T, invariants: Readonly<Record<string, (subject: T) => boolean>>): void {
  for (const [name, holds] of Object.entries(invariants)) assert(holds(subject), name);
}
