import { Listr, type ListrTask } from 'listr2';

export interface Step {
  readonly title: string;
  /** `report` shows a line of progress. What it answers stands behind the title at the end. */
  readonly run: (report: (line: string) => void) => Promise<string | undefined>;
}

/** A part of a step that has several. */
export interface Part {
  readonly name: string;
  readonly run: () => Promise<string>;
}

/**
 * Runs all parts at once and waits for all of them, even when one fails: what it left half done could not be undone. What they say is told in one
 * line, once where all say the same. Rejects with the first failure.
 */
export async function together(parts: readonly Part[]): Promise<string> {
  const ends = await Promise.allSettled(parts.map(({ run }) => run()));
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason as Error;
  const said = ends.map((end) => (end.status === 'fulfilled' ? end.value : ''));
  if (parts.length > 1 && new Set(said).size === 1) return `${parts.length} ${said[0]}`;
  return parts.length === 1 ? (said[0] ?? '') : parts.map(({ name }, i) => `${name} ${said[i]}`).join(', ');
}

/** Runs steps one after the other, showing each; the first that fails ends the run with its error. */
export async function runSteps(steps: readonly Step[]): Promise<void> {
  if (process.stdout.isTTY && process.stderr.isTTY) await runOnTerminal(steps);
  else await runPlainly(steps);
}

/** For people: a spinner per step. */
async function runOnTerminal(steps: readonly Step[]): Promise<void> {
  const tasks = steps.map((step): ListrTask => ({
    title: step.title,
    task: async (_context, task) => {
      const said = await step.run((line) => (task.output = line));
      if (said !== undefined) task.title = `${step.title}: ${said}`;
    },
  }));
  await new Listr(tasks, {
    registerSignalListeners: false,
    rendererOptions: { showErrorMessage: false, collapseErrors: false },
  }).run();
}

/** For logs and programs: a line per step, on standard error; standard output is for results. */
async function runPlainly(steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const begunMs = performance.now();
    const said = await step.run((line) => say(`  ${line}`));
    const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
    say(`${step.title}: ${said ?? 'done'} (${seconds} s)`);
  }
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
