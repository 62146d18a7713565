import { formatLsn, parseLsn, type Lsn } from '@multigres/core';

/** One timeline of a history: it holds the log from `begin` up to `end`, where the next one begins; the last has no end. */
export interface HistoryEntry {
  readonly timeline: number;
  readonly begin: Lsn;
  readonly end: Lsn | undefined;
}

/** The line of timelines that led to one of them, oldest first (PostgreSQL documentation, "Timelines"). Never empty. */
export type TimelineHistory = readonly HistoryEntry[];

/** What a timeline is when no file tells where it comes from. */
export function originOf(timeline: number): TimelineHistory {
  return [{ timeline, begin: 0n as Lsn, end: undefined }];
}

export function newestOf(history: TimelineHistory): HistoryEntry {
  return history.at(-1) as HistoryEntry;
}

/** The history of a timeline that leaves another at a position. */
export function branch(history: TimelineHistory, at: Lsn, timeline: number): TimelineHistory {
  return [...history.slice(0, -1), { ...newestOf(history), end: at }, { timeline, begin: at, end: undefined }];
}

/** Which timeline of a history holds a position. */
export function timelineAt(history: TimelineHistory, lsn: Lsn): number {
  const found = history.find(({ begin, end }) => begin <= lsn && (end === undefined || lsn < end));
  return (found ?? newestOf(history)).timeline;
}

export function entryOf(history: TimelineHistory, timeline: number): HistoryEntry | undefined {
  return history.find((entry) => entry.timeline === timeline);
}

/** The content of a history file: all but the last timeline, each with where it was left. */
export function formatHistory(history: TimelineHistory): string {
  return history
    .slice(0, -1)
    .map(({ timeline, end }) => `${timeline}\t${formatLsn(end as Lsn)}\tno recovery target specified\n`)
    .join('');
}

export function parseHistory(timeline: number, text: string): TimelineHistory {
  const entries: HistoryEntry[] = [];
  let begin = 0n as Lsn;
  for (const line of text.split('\n')) {
    const [number = '', at = ''] = line.split('\t');
    const end = parseLsn(at);
    if (end === undefined) continue;
    entries.push({ timeline: Number(number), begin, end });
    begin = end;
  }
  return [...entries, { timeline, begin, end: undefined }];
}

/** Where two histories part: up to there what they say is the same. Undefined if they have nothing in common. */
export function forkPoint(
  a: TimelineHistory,
  b: TimelineHistory,
): { readonly timeline: number; readonly lsn: Lsn | undefined } | undefined {
  let common: { readonly timeline: number; readonly lsn: Lsn | undefined } | undefined;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const x = a[i] as HistoryEntry;
    const y = b[i] as HistoryEntry;
    if (x.timeline !== y.timeline || x.begin !== y.begin) break;
    const ends = [x.end, y.end].filter((end) => end !== undefined);
    const lsn = ends.length === 0 ? undefined : ends.reduce((least, end) => (end < least ? end : least));
    common = { timeline: x.timeline, lsn };
    if (x.end !== y.end) break;
  }
  return common;
}
