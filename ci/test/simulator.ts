// The simulator: clean seeds, the same seed the same life whatever the machine says, and planted bugs that it finds.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCommand, type Ended } from '../run-command.ts';
import { repositoryRoot } from '../source/files.ts';
import { one, sum, type Tally } from '../tally.ts';

interface Run {
  readonly seed: number;
  readonly verdict: string;
  readonly hash: string;
  readonly failures?: readonly { readonly oracle: string; readonly sentence: string }[];
}

interface Mutants {
  readonly total: number;
  readonly caught: number;
  readonly medianSeeds: number;
  readonly survivors: readonly string[];
}

/** Kinds of weather that get many seeds; all other scenarios of failures get a few. */
const manySeeds: Readonly<Record<string, string>> = { 'pooling/weather': '1..300', 'failover/weather': '1..60' };
const fewSeeds = '1..3';
const replayedSeeds = '1..12';
const seedsPerGroup = 50;
const failuresShownMax = 20;
const simMsMax = 1_800_000;

const sim = (args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}): Promise<Ended> =>
  runCommand(path.join(repositoryRoot, 'mg'), ['sim', ...args, '--json'], { ...options, timeoutMs: simMsMax });

export const hasSimulator = (): boolean => existsSync(path.join(repositoryRoot, 'packages/sim/src/main.ts'));

/** Each group of 50 seeds of one scenario counts as one. */
export async function seedRuns(): Promise<Tally> {
  const tallies: Tally[] = [];
  for (const [scenario, seeds] of Object.entries({ ...manySeeds, ...otherFailures() })) {
    tallies.push(await runsOf(scenario, seeds));
  }
  return sum(tallies);
}

/** The other scenarios below scenarios/failover, each with few seeds. */
function otherFailures(): Record<string, string> {
  const names = readdirSync(path.join(repositoryRoot, 'scenarios/failover')).filter((name) => name.endsWith('.json'));
  const scenarios = names.toSorted().map((name) => `failover/${name.slice(0, -'.json'.length)}`);
  return Object.fromEntries(scenarios.filter((name) => !(name in manySeeds)).map((name) => [name, fewSeeds]));
}

async function runsOf(scenario: string, seeds: string): Promise<Tally> {
  const ended = await sim(['--scenario', scenario, '--seeds', seeds]);
  const clean = new Set<number>();
  const failed: Run[] = [];
  for (const run of runsIn(ended.stdout)) {
    if (run.verdict === 'ok') clean.add(run.seed);
    else failed.push(run);
  }
  for (const run of failed.slice(0, failuresShownMax)) console.log(formatFailure(scenario, run));
  console.log(`${scenario}, seeds ${seeds}: ${clean.size} clean, ${failed.length} failed`);
  const tally = sum(seedGroups(seeds).map((group) => one(group.every((seed) => clean.has(seed)))));
  // Not every seed told how it went: the command itself says why.
  const isSilent = clean.size === 0 && failed.length === 0;
  return isSilent || (ended.code !== 0 && tally.failed === 0) ? sum([tally, whole(scenario, ended)]) : tally;
}

function seedGroups(seeds: string): number[][] {
  const [first = 1, last = 0] = seeds.split('..').map(Number);
  const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return all.flatMap((_, index) => (index % seedsPerGroup === 0 ? [all.slice(index, index + seedsPerGroup)] : []));
}

function formatFailure(scenario: string, { seed, verdict, failures = [] }: Run): string {
  const [why] = failures;
  const reason = why === undefined ? verdict : `${why.oracle}: ${why.sentence}`;
  return `FAIL ${scenario}, seed ${seed}: ${reason}; replay it with ./mg sim --scenario ${scenario} --seed ${seed}`;
}

/** The same seeds from another folder, in another time zone and language: each hash must be the same. */
export async function replays(): Promise<Tally> {
  const elsewhere = mkdtempSync(path.join(os.tmpdir(), 'mg-elsewhere-'));
  try {
    const here = await sim(['--seeds', replayedSeeds], { env: { TZ: 'UTC', LC_ALL: 'C' } });
    const there = await sim(['--seeds', replayedSeeds], {
      cwd: elsewhere,
      env: { TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8' },
    });
    const again = new Map(runsIn(there.stdout).map(({ seed, hash }) => [seed, hash]));
    const runs = runsIn(here.stdout);
    const different = runs.filter(({ seed, hash }) => again.get(seed) !== hash);
    for (const { seed, hash } of different) {
      console.log(
        `FAIL seed ${seed} has the hash ${hash} here and ${again.get(seed)} in another folder, time zone and language`,
      );
    }
    if (runs.length === 0) return whole('replay', here);
    console.log(`replayed ${runs.length} seeds elsewhere: ${different.length} differ`);
    return one(different.length === 0);
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
}

/** Each planted bug counts as one: caught is passed. */
export async function mutants(): Promise<Tally> {
  const ended = await sim(['mutants']);
  const last = objectsIn(ended.stdout).at(-1) as Mutants | undefined;
  if (last?.total === undefined) return whole('mutants', ended);
  for (const survivor of last.survivors) console.log(`FAIL the planted bug "${survivor}" was not found`);
  console.log(`mutants: ${last.caught} of ${last.total} caught, after ${last.medianSeeds} seeds in the median`);
  return { passed: last.caught, failed: last.total - last.caught };
}

function whole(name: string, { code, stdout, stderr }: Ended): Tally {
  console.log(`FAIL ${name}: ended with code ${code}\n${(stderr || stdout).trim().split('\n').slice(-30).join('\n')}`);
  return one(false);
}

const runsIn = (output: string): Run[] =>
  objectsIn(output).filter((each): each is Run => 'seed' in each && 'verdict' in each);

function objectsIn(output: string): object[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      return [JSON.parse(line) as object];
    } catch {
      return [];
    }
  });
}
