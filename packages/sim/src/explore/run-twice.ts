import type { AssembleCluster } from '../cluster.ts';
import { checkpointEvents } from '../kernel/trace.ts';
import { runOnce, type RunOptions, type RunResult } from '../run.ts';

/** Runs a seed twice; if the two runs differ the result is a failure that names the first event in which they do. */
export async function runTwice(assemble: AssembleCluster, options: RunOptions): Promise<RunResult> {
  const one = await runOnce(assemble, options);
  const two = await runOnce(assemble, options);
  if (one.hash === two.hash) return one;
  const where = await firstDifference(assemble, options, firstDifferentBlock(one.checkpoints, two.checkpoints));
  const sentence = `two runs of one seed differ (${one.hash}, ${two.hash}): ${where}`;
  return { ...one, verdict: 'failed', failures: [{ oracle: 'determinism', sentence, atMs: 0 }, ...one.failures] };
}

/** The checkpoints agree up to some point and differ from there on: found by bisection. */
export function firstDifferentBlock(one: readonly string[], two: readonly string[]): number {
  let low = 0;
  let high = Math.min(one.length, two.length);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (one[middle] === two[middle]) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function firstDifference(assemble: AssembleCluster, options: RunOptions, block: number): Promise<string> {
  const eventWindow = { from: block * checkpointEvents, to: (block + 1) * checkpointEvents };
  const one = (await runOnce(assemble, { ...options, trace: { eventWindow } })).windowLines;
  const two = (await runOnce(assemble, { ...options, trace: { eventWindow } })).windowLines;
  const at = one.findIndex((line, i) => line !== two[i]);
  if (at < 0) return `somewhere after event ${eventWindow.from}; when looked at closely it did not happen again`;
  return `first "${one[at]}" against "${two[at] ?? 'nothing'}", after "${one[at - 1] ?? 'the beginning of the window'}"`;
}
