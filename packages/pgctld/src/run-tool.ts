import type { Child, Timer } from '@multigres/core';
import type { Place } from './place.ts';

/** Told of the process while it runs, so that it can be ended when pgctld ends. */
export type WatchTool = (child: Child | undefined) => void;

export interface ToolResult {
  readonly succeeded: boolean;
  /** What it said, standard output and error together, without empty lines; of much the beginning and the end. */
  readonly lines: readonly string[];
}

/** Of much output the beginning, which tells how far it got, and the end, which tells why no further. */
const firstLinesMax = 32;
const outputLinesMax = 64;
const detailLinesMax = 8;

/** The end of what a program said, for a report. */
export function lastWords(result: ToolResult): string {
  return result.lines.slice(-detailLinesMax).join('\n');
}

export interface Tool {
  readonly name: string;
  readonly args: readonly string[];
  /** How long it may take, and how long it may say nothing; without a limit: for ever. */
  readonly msMax?: number;
  readonly silentMsMax?: number;
}

/** Runs one of Postgres's programs to its end, as Postgres's user; SIGKILL when a limit is passed. */
export async function runTool(
  { world, config, layout }: Place,
  { name, args, msMax, silentMsMax }: Tool,
  watch: WatchTool,
): Promise<ToolResult> {
  const child = await world.processes.spawn({
    program: `${config.binDirectory}/${name}`,
    args,
    env: { LC_ALL: 'C' },
    directory: layout.root,
    ...(config.runAs === undefined ? {} : { runAs: config.runAs }),
  });
  watch(child);
  const lines: string[] = [];
  const expireAfter = (ms: number | undefined, what: string): Timer | undefined => {
    if (ms === undefined) return undefined;
    return world.clock.after(ms, () => {
      lines.push(`${what} after ${ms} ms, and was ended`);
      child.signal('SIGKILL');
    });
  };
  const overall = expireAfter(msMax, 'it had not ended');
  let silence = expireAfter(silentMsMax, 'it had said nothing');
  child.onLine((line) => {
    silence?.cancel();
    silence = expireAfter(silentMsMax, 'it had said nothing');
    if (line.trim() !== '') lines.push(line);
    if (lines.length > outputLinesMax) lines.splice(firstLinesMax, 1);
  });
  const exit = await child.exited;
  overall?.cancel();
  silence?.cancel();
  watch(undefined);
  return { succeeded: exit.kind === 'code' && exit.code === 0, lines };
}
