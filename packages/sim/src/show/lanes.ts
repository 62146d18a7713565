import type { RunResult } from '../run.ts';

/** The log of a run, one line per thing that happened: time, who, what. */
export function lanes(result: RunResult): string {
  const width = Math.max(4, ...result.lives.map((name) => name.length));
  return result.lines
    .map(({ timeUs, node, text }) => {
      const who = (result.lives[node] ?? String(node)).padEnd(width);
      return `${(timeUs / 1e6).toFixed(6).padStart(11)}  ${who}  ${text}`;
    })
    .join('\n');
}

/** The last lines before a failure. */
export function lastLanes(result: RunResult, count: number): string {
  return lanes({ ...result, lines: result.lines.slice(-count) });
}
