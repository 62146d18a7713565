import type { Ballot, RuleNumber } from '@multigres/rpc';

/** Negative if `a` is older. Absent ballots are older than all others. By term, coordinator's cell and name, nonce. */
export function compareBallots(a: Ballot | undefined, b: Ballot | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  if (a.term !== b.term) return a.term < b.term ? -1 : 1;
  return (
    compareTexts(a.coordinator?.cell ?? '', b.coordinator?.cell ?? '') ||
    compareTexts(a.coordinator?.name ?? '', b.coordinator?.name ?? '') ||
    compareTexts(a.nonce, b.nonce)
  );
}

/** Negative if `a` is older: by ballot, then subterm. */
export function compareRuleNumbers(a: RuleNumber | undefined, b: RuleNumber | undefined): number {
  const byBallot = compareBallots(a?.ballot, b?.ballot);
  if (byBallot !== 0) return byBallot;
  const [subtermA, subtermB] = [a?.subterm ?? -1n, b?.subterm ?? -1n];
  if (subtermA === subtermB) return 0;
  return subtermA < subtermB ? -1 : 1;
}

/** By code units: the same on every machine. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
