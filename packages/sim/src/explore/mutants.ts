import { mutantCatalogue } from './mutants/catalogue.ts';
import type { Setup } from './messages.ts';
import type { Scenario } from '../scenario.ts';
import { staleness, type Mutant } from './mutation.ts';
import { runSeed } from './seeds.ts';
import { WorkerProcess } from './worker-process.ts';

/** What became of one planted bug. */
export interface MutantVerdict {
  readonly mutant: string;
  readonly verdict: 'killed' | 'survived' | 'stale';
  /** How many seeds it took. */
  readonly seeds: number;
  /** Which oracle saw it, and what it said. */
  readonly oracle?: string;
  readonly sentence?: string;
}

export interface MutantHunt {
  readonly only?: string;
  readonly seedsMax: number;
  readonly jobs: number;
}

export function chooseMutants(only: string | undefined): readonly Mutant[] {
  return only === undefined
    ? mutantCatalogue
    : mutantCatalogue.filter(({ name }) => name === only || name.startsWith(`${only}/`));
}

/** Plants each bug in a process of its own and runs seed after seed, in the weather that the bug names or else the given one, until an oracle sees it. */
export async function huntMutants(
  setup: Setup,
  hunt: MutantHunt,
  scenarioNamed: (name: string) => Scenario,
  told: (verdict: MutantVerdict) => void,
): Promise<readonly MutantVerdict[]> {
  const waiting = [...chooseMutants(hunt.only)];
  const verdicts: MutantVerdict[] = [];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const scenario = mutant.scenario === undefined ? setup.scenario : scenarioNamed(mutant.scenario);
      const verdict = await huntOne({ ...setup, scenario, mutant, twiceEvery: 0 }, mutant, hunt.seedsMax);
      verdicts.push(verdict);
      told(verdict);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, hunt.jobs) }, work));
  return verdicts;
}

async function huntOne(setup: Setup, mutant: Mutant, seedsMax: number): Promise<MutantVerdict> {
  const stale = staleness(setup.root, mutant);
  if (stale !== undefined) return { mutant: mutant.name, verdict: 'stale', seeds: 0, sentence: stale };
  const worker = new WorkerProcess(setup);
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const result = await runSeed(worker, setup, seed);
      const failure = result.failures[0];
      if (failure === undefined) continue;
      // A bug that does not even load is no bug but a mistake in the catalogue.
      if (failure.oracle === 'process' && seed === 1) {
        return { mutant: mutant.name, verdict: 'stale', seeds: 0, sentence: failure.sentence };
      }
      return {
        mutant: mutant.name,
        verdict: 'killed',
        seeds: seed,
        oracle: failure.oracle,
        sentence: failure.sentence,
      };
    }
    return { mutant: mutant.name, verdict: 'survived', seeds: seedsMax };
  } finally {
    worker.stop();
  }
}
