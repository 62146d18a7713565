import { PgError } from '@multigres/core';
import type { Peer } from '../peers/peer.ts';

/** A peer that could not take part, and why. */
export interface Skipped {
  readonly title: string;
  readonly reason: string;
}

/** The peer, if it can be started; else it is left out, and noted in `skipped`. */
export async function orSkipped(
  title: string,
  start: () => Promise<Peer>,
  skipped: Skipped[],
  say: (line: string) => void,
): Promise<readonly Peer[]> {
  try {
    return [await start()];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const detail = error instanceof PgError ? ` (${error.report.detail})` : '';
    say(`${title} is left out: ${error.message}${detail}`);
    skipped.push({ title, reason: `${error.message}${detail}` });
    return [];
  }
}
