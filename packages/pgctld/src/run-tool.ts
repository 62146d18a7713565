import type { Child, World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import type { Layout } from './layout.ts';

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

/** Runs one of Postgres's programs to its end, as Postgres's user; SIGKILL after `msMax`, if given. */
export async function runTool(
  world: World,
  config: PgctldConfig,
  layout: Layout,
  tool: { readonly name: string; readonly args: readonly string[]; readonly msMax?: number },
  watch: WatchTool,
): Promise<ToolResult> {
  const child = await world.processes.spawn({
    program: `${config.binDirectory}/${tool.name}`,
    args: tool.args,
    env: { LC_ALL: 'C' },
    directory: layout.root,
    ...(config.runAs === undefined ? {} : { runAs: config.runAs }),
  });
  watch(child);
  const lines: string[] = [];
  child.onLine((line) => {
    if (line.trim() !== '') lines.push(line);
    if (lines.length > outputLinesMax) lines.splice(firstLinesMax, 1);
  });
  const expire = (): void => {
    lines.push('it did not end in time');
    child.signal('SIGKILL');
  };
  const timer = tool.msMax === undefined ? undefined : world.clock.after(tool.msMax, expire);
  const exit = await child.exited;
  timer?.cancel();
  watch(undefined);
  return { succeeded: exit.kind === 'code' && exit.code === 0, lines };
}
