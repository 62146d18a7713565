import type { Position, Rule, RuleNumber } from '@multigres/rpc';
import { compareRuleNumbers } from './order.ts';

/** Negative if `a` is less advanced: by the newest rule in the log, then by how far the log is on disk. A longer log of an older rule is less. */
export function comparePositions(a: Position | undefined, b: Position | undefined): number {
  const byRule = compareRuleNumbers(a?.rule?.number, b?.rule?.number);
  if (byRule !== 0) return byRule;
  const [lsnA, lsnB] = [a?.flushedLsn ?? -1n, b?.flushedLsn ?? -1n];
  if (lsnA === lsnB) return 0;
  return lsnA < lsnB ? -1 : 1;
}

/**
 * Rules under which somebody may still commit, newest first, as these logs tell: the newest one and, unless one of them says that it was decided, all that may
 * have been live when it was proposed. Empty if no log holds a rule.
 */
export function liveRules(positions: readonly Position[]): Rule[] {
  const newest = positions.toSorted(comparePositions).at(-1)?.rule;
  if (newest === undefined) return [];
  const withNewest = positions.filter(({ rule }) => isSameRule(rule?.number, newest.number));
  if (withNewest.some(({ decided }) => decided)) return [newest];
  // All of them say the same: it stands in the rule's own row.
  return [newest, ...(withNewest.find(({ outgoing }) => outgoing.length > 0)?.outgoing ?? [])];
}

/** Both are there and the same. */
export function isSameRule(a: RuleNumber | undefined, b: RuleNumber | undefined): boolean {
  return a !== undefined && b !== undefined && compareRuleNumbers(a, b) === 0;
}
