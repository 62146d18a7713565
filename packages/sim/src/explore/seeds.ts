import type { SeedResult, Setup } from './messages.ts';
import { WorkerProcess } from './worker-process.ts';

/** The result of a seed whose process broke: it counts as failed. */
function brokenResult(setup: Setup, seed: number, message: string): SeedResult {
  return {
    seed,
    scenario: setup.scenario.name,
    verdict: 'failed',
    hash: '',
    clusterSeconds: 0,
    events: 0,
    failures: [{ oracle: 'process', sentence: message, atMs: 0 }],
    plan: setup.plan ?? { faults: [], healMs: 0 },
    faults: 0,
    users: 0,
    operations: { ok: 0, failed: 0, unknown: 0 },
    acknowledgedWrites: 0,
    coverage: {},
  };
}

export async function runSeed(worker: WorkerProcess, setup: Setup, seed: number): Promise<SeedResult> {
  const answer = await worker.run(seed);
  return answer.kind === 'result' ? answer.result : brokenResult(setup, seed, answer.message);
}

/** Runs all seeds in `jobs` processes; tells each result in the order of the seeds. `false` from `told` stops the search. */
export async function runSeeds(
  setup: Setup,
  seeds: readonly number[],
  jobs: number,
  told: (result: SeedResult) => boolean,
): Promise<void> {
  const results = new Map<number, SeedResult>();
  let next = 0;
  let tellNext = 0;
  let stopped = false;
  const work = async (): Promise<void> => {
    const worker = new WorkerProcess(setup);
    while (next < seeds.length && !stopped) {
      const at = next++;
      results.set(at, await runSeed(worker, setup, seeds[at] as number));
      for (let result = results.get(tellNext); result !== undefined && !stopped; result = results.get(tellNext)) {
        results.delete(tellNext);
        tellNext += 1;
        stopped = !told(result);
      }
    }
    worker.stop();
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, seeds.length)) }, work));
}
