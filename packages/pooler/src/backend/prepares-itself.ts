import { useKind } from '@multigres/relay';
import type { Group } from './group.ts';

/**
 * Whether the client itself prepares in this very group all statements that the group runs. Then it relies on no older result, and a statement that has changed can
 * be prepared again and run unseen. Everybody else must get PostgreSQL's error.
 */
export function preparesItself({ replay }: Group): boolean {
  if (replay === undefined) return false;
  const { uses } = replay;
  const parses = (statement: unknown): boolean =>
    uses.some((use) => use.kind === useKind.parses && use.statement === statement);
  return uses.every(({ kind, statement }) => kind !== useKind.refers || parses(statement));
}
