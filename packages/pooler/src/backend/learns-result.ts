import { frontendTag, uint32At } from '@multigres/pgwire';
import { useKind } from '@multigres/relay';
import type { Group } from './group.ts';

/**
 * Whether the client learns in this very group what the rows look like, so that a statement whose result has changed can be prepared again and run unseen: it parses
 * the statement itself, or asks for a description. Who does neither decodes rows by what it was told long ago, and must get PostgreSQL's error instead.
 */
export function learnsResult({ replay }: Group): boolean {
  if (replay === undefined) return false;
  const { uses, bytes } = replay;
  const refers = uses.filter(({ kind }) => kind === useKind.refers);
  const parses = (statement: unknown): boolean =>
    uses.some((use) => use.kind === useKind.parses && use.statement === statement);
  return refers.every(({ statement }) => parses(statement)) || describes(bytes);
}

function describes(messages: Uint8Array): boolean {
  for (let at = 0; at + 5 <= messages.length; at += 1 + uint32At(messages, at + 1))
    if (messages[at] === frontendTag.describe) return true;
  return false;
}
