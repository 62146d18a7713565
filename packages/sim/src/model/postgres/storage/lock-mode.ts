/** The eight table-level lock modes (PostgreSQL documentation, "Table-Level Locks"), with their numbers. */
export const lockMode = {
  accessShare: 1,
  rowShare: 2,
  rowExclusive: 3,
  shareUpdateExclusive: 4,
  share: 5,
  shareRowExclusive: 6,
  exclusive: 7,
  accessExclusive: 8,
} as const;

export type LockMode = (typeof lockMode)[keyof typeof lockMode];

/** As messages spell them. */
export const lockModeName: Readonly<Record<LockMode, string>> = {
  1: 'AccessShareLock',
  2: 'RowShareLock',
  3: 'RowExclusiveLock',
  4: 'ShareUpdateExclusiveLock',
  5: 'ShareLock',
  6: 'ShareRowExclusiveLock',
  7: 'ExclusiveLock',
  8: 'AccessExclusiveLock',
};

/** Table 13.2 of the documentation: for each mode the modes that it conflicts with. */
const conflicts: Readonly<Record<LockMode, readonly LockMode[]>> = {
  1: [8],
  2: [7, 8],
  3: [5, 6, 7, 8],
  4: [4, 5, 6, 7, 8],
  5: [3, 4, 6, 7, 8],
  6: [3, 4, 5, 6, 7, 8],
  7: [2, 3, 4, 5, 6, 7, 8],
  8: [1, 2, 3, 4, 5, 6, 7, 8],
};

const conflictMask: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((mode) =>
  mode === 0 ? 0 : conflicts[mode as LockMode].reduce((mask, other) => mask | (1 << other), 0),
);

export function modesConflict(a: LockMode, b: LockMode): boolean {
  return ((conflictMask[a] as number) & (1 << b)) !== 0;
}
