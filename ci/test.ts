// ./mg test [PART... | PATH...]: everything, or the named parts, or the tests whose path contains PATH.
// The last line is always "N passed, N failed"; the exit code is 1 if anything failed.
import { runChecks } from './check.ts';
import { formatTally, one, sum, type Tally } from './tally.ts';
import { freshClone } from './test/fresh-clone.ts';
import { readmeCommands } from './test/readme.ts';
import { hasSimulator, mutants, replays, seedRuns } from './test/simulator.ts';
import { unitTests } from './test/unit.ts';

const parts: Readonly<Record<string, () => Promise<Tally>>> = {
  check: () => runChecks(),
  unit: () => unitTests(),
  seeds: seedRuns,
  replay: replays,
  mutants,
  readme: readmeCommands,
  clone: freshClone,
};

const needSimulator = new Set(['seeds', 'replay', 'mutants']);

async function runPart(name: string, run: () => Promise<Tally>): Promise<Tally> {
  console.log(`\n== ${name}`);
  const startMs = performance.now();
  if (needSimulator.has(name) && !hasSimulator()) {
    console.log('FAIL there is no simulator: packages/sim/src/main.ts is missing');
    return one(false);
  }
  try {
    const tally = await run();
    console.log(`== ${name}: ${formatTally(tally)} in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
    return tally;
  } catch (error) {
    console.log(`FAIL ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return one(false);
  }
}

async function main(args: readonly string[]): Promise<number> {
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    console.log(`usage: mg test [PART... | PATH...]\nPART is one of: ${Object.keys(parts).join(', ')}`);
    return 0;
  }
  const areParts = args.every((arg) => arg in parts);
  const selected = Object.entries(parts).filter(([name]) => args.length === 0 || args.includes(name));
  const tallies: Tally[] = [];
  if (!areParts) tallies.push(await runPart('unit', () => unitTests(args)));
  else for (const [name, run] of selected) tallies.push(await runPart(name, run));
  const total = sum(tallies);
  console.log(`\n${formatTally(total)}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
