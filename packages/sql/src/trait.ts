/** What else a text tells about a statement: a bit set beside its pins. None of these outlives the transaction. */
export const Trait = {
  /** May change data, the catalogue, or anything else that others see. */
  writes: 1,
  /** Takes locks that others can wait for: FOR UPDATE, LOCK, advisory locks of either kind, an exported snapshot. */
  locks: 2,
  /** Waits by itself: pg_sleep(). */
  waits: 4,
  /** Refused by the server outside a transaction block: SAVEPOINT, LOCK, DECLARE without hold. */
  needsTransactionBlock: 8,
  /** Refused by the server inside a transaction block: VACUUM, CREATE DATABASE, CREATE INDEX CONCURRENTLY. */
  refusesTransactionBlock: 16,
  /** currval(), lastval(): the answer is the backend's that served this session's nextval(). */
  readsSequence: 32,
  /** pg_backend_pid() and the like: the answer tells one backend from another. */
  readsBackend: 64,
  /** Opens a transaction that is declared READ ONLY. */
  readOnlyTransaction: 128,
  /** Calls a function that this package does not know to be harmless, or a DO block. */
  callsUnknown: 256,
  /** DROP of the one relation that `target` names, wherever it is found first. */
  drops: 512,
  /** Commits might be acknowledged before a quorum has them; see `lowersDurability`. */
  lowersDurability: 1024,
} as const;

export type TraitName = keyof typeof Trait;

/** The names of the traits in a bit set, for logs and tests. */
export function traitNames(traits: number): TraitName[] {
  return (Object.keys(Trait) as TraitName[]).filter((name) => (traits & Trait[name]) !== 0);
}
