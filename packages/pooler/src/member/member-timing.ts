/** All times of the member, in milliseconds, in one place: they only make sense together. docs/consensus.md, "Reads". */
export const memberTiming = {
  /** Answers are good for so long after the start of a commit that reached the quorum. */
  leaseMs: 1_000,
  /** Between two proofs of the leader's lease: three of them fit into a lease, so that one may be lost. */
  probeMs: 300,
  /** Between two looks at a Postgres that follows, or that does not answer. */
  lookMs: 500,
  /** The same while the leader's commits get through. */
  openLookMs: 2_000,
  /** A question to Postgres that needs no lock and no quorum. */
  askMs: 3_000,
  /** A setting takes at most this long until new connections have it. */
  settleMs: 10_000,
  /** Between two looks for something that is about to happen. */
  soonMs: 20,
  /** How long such looks stay so frequent; then as often as any look. */
  impatienceMs: 5_000,
  /** The startup process sleeps for `wal_retrieve_retry_interval` (100 ms); two sleeps that are further apart than this are two. */
  twoSleepsMs: 115,
  /** Recruiting, with the replay of everything that is on disk. */
  recruitMs: 60_000,
  /** A call of pgctld that starts or stops. */
  handsMs: 60_000,
  /** A call of pgctld that copies a data directory. */
  cloneMs: 21_600_000,
  /** Answers that came under a lapsed lease are held for so long; then their sessions end. */
  heldMs: 10_000,
} as const;
