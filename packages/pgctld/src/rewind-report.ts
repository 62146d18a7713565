import { parseLsn, type Lsn } from '@multigres/core';

/** What pg_rewind says (PostgreSQL source, `pg_rewind.c`; with LC_ALL=C). */
export interface RewindReport {
  /** Where the histories parted; undefined if it did not say so. */
  readonly divergence: { readonly timeline: number; readonly lsn: Lsn } | undefined;
  /** There was nothing to do. */
  readonly unchanged: boolean;
  /** It has got past all that only reads: from then on the target is being written. */
  readonly begun: boolean;
}

const divergencePattern = /servers diverged at WAL location (\S+) on timeline (\d+)/;

export function parseRewindReport(lines: readonly string[]): RewindReport {
  const match = lines.map((line) => divergencePattern.exec(line)).find((found) => found !== null);
  const lsn = parseLsn(match?.[1] ?? '');
  const says = (text: string): boolean => lines.some((line) => line.includes(text));
  return {
    divergence: lsn === undefined ? undefined : { timeline: Number(match?.[2]), lsn },
    unchanged: says('no rewind required'),
    begun: says('rewinding from last common checkpoint'),
  };
}
