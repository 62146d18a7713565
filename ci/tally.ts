/** How a part of the tests went. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

export const sum = (tallies: readonly Tally[]): Tally => ({
  passed: tallies.reduce((total, tally) => total + tally.passed, 0),
  failed: tallies.reduce((total, tally) => total + tally.failed, 0),
});

/** One thing that went well or not. */
export const one = (passed: boolean): Tally => ({ passed: passed ? 1 : 0, failed: passed ? 0 : 1 });

/** The last line of every run. */
export const formatTally = ({ passed, failed }: Tally): string => `${passed} passed, ${failed} failed`;
