/**
 * Why a session must keep its backend: state that a statement may leave behind and that a text cannot carry elsewhere.
 * A bit set, so that a session's reasons are one number.
 */
export const PinReason = {
  /** SET, set_config(): a setting of the session. A gateway that keeps the setting itself need not pin for it. */
  settings: 1,
  /** SET ROLE, SET SESSION AUTHORIZATION; RESET ALL leaves them as they are. */
  role: 2,
  /** Temporary tables, views, sequences, and everything in pg_temp. */
  tempObject: 4,
  /** DECLARE ... WITH HOLD. */
  heldCursor: 8,
  /** Session-level advisory locks. */
  advisoryLock: 16,
  listen: 32,
  /** The SQL command PREPARE; statements prepared by protocol message are no matter of the text. */
  preparedStatement: 64,
  /** currval() and lastval() know what nextval() and setval() did on this backend. */
  sequence: 128,
  /** setseed(), SET seed. */
  setseed: 256,
  /** LOAD: a library stays in the process for good. */
  loadedLibrary: 512,
  /** Replication commands, and a replication origin chosen for the session. */
  replication: 1024,
  /** A function or operator that this package does not know. */
  unknownFunction: 2048,
  /** DO, CALL, and what this package does not recognise. */
  unknown: 4096,
  /** A text too long to be looked at whole. */
  unclassified: 8192,
  /** Temporary tables that go with their transaction (ON COMMIT DROP). */
  tempUntilCommit: 16384,
} as const;

export type PinReasonName = keyof typeof PinReason;

/** Every reason at once. */
export const everyPin: number = Object.values(PinReason).reduce((all, bit) => all | bit, 0);

/**
 * The reasons that stay when the transaction that brought them is rolled back. The others (settings, role, tempObject,
 * heldCursor, listen) go with it.
 */
export const pinsKeptByRollback: number =
  PinReason.advisoryLock |
  PinReason.preparedStatement |
  PinReason.sequence |
  PinReason.setseed |
  PinReason.loadedLibrary |
  PinReason.replication |
  PinReason.unknownFunction |
  PinReason.unknown |
  PinReason.unclassified;

/** The names of the reasons in a bit set, for logs and tests. */
export function pinNames(pins: number): PinReasonName[] {
  return (Object.keys(PinReason) as PinReasonName[]).filter((name) => (pins & PinReason[name]) !== 0);
}
