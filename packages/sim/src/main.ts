import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BadUsage, parseArguments, usage, type Wish } from './arguments.ts';
import { assembleCluster, prepareModels } from './assemble.ts';
import { chooseMutants, huntMutants, type MutantVerdict } from './explore/mutants.ts';
import type { Setup } from './explore/messages.ts';
import { SummaryBuilder, jsonOfResult } from './explore/report.ts';
import { runTwice } from './explore/run-twice.ts';
import { runSeeds } from './explore/seeds.ts';
import { formatPlan, parsePlan, type Plan } from './fault/plan.ts';
import { runOnce, type RunResult } from './run.ts';
import { parseScenario, type Scenario } from './scenario.ts';
import { lanes, lastLanes } from './show/lanes.ts';
import { failureReport, story } from './show/story.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');
const out = (text: string): void => void process.stdout.write(`${text}\n`);
/** So many failing seeds of one oracle are reported at length; the others are only counted. */
const reportsMax = 5;
const note = (text: string): void => void process.stderr.write(text);

function loadScenario(name: string): Scenario {
  let text: string;
  try {
    text = readFileSync(`${root}/scenarios/${name}.json`, 'utf8');
  } catch {
    throw new BadUsage(`no scenario is named "${name}"; there are ${scenarioNames().join(', ')}`);
  }
  return parseScenario(name, text);
}

function scenarioNames(): string[] {
  return readdirSync(`${root}/scenarios`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .toSorted();
}

function loadPlan(file: string | undefined): Plan | undefined {
  if (file === undefined) return undefined;
  try {
    return parsePlan(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new BadUsage(`--plan ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function replay(seed: number, scenario: Scenario, planFile: string | undefined): string {
  return `./mg sim --seed ${seed} --scenario ${scenario.name}${planFile === undefined ? '' : ` --plan ${planFile}`}`;
}

async function one(wish: Extract<Wish, { kind: 'one' }>): Promise<number> {
  const scenario = loadScenario(wish.scenario);
  const plan = loadPlan(wish.planFile);
  const options = { scenario, seed: wish.seed, ...(plan ? { plan } : {}) };
  await prepareModels();
  const result = await runTwice(assembleCluster, options);
  if (wish.savePlanFile !== undefined) savePlan(wish.savePlanFile, result.plan);
  const replayed = wish.show || result.verdict === 'failed' ? await withLines(options) : result;
  if (wish.show) out(lanes(replayed));
  if (wish.json) {
    if (result.verdict === 'failed') note(`${failureReport(result, replay(wish.seed, scenario, wish.planFile))}\n`);
    out(JSON.stringify(jsonOfResult(result)));
    return result.verdict === 'ok' ? 0 : 1;
  }
  out(story(result));
  if (result.verdict === 'ok') {
    out(`ok  seed ${result.seed}  hash ${result.hash}`);
    return 0;
  }
  if (!wish.show) out(`the last moments:\n${lastLanes(replayed, 25)}`);
  out(failureReport(result, replay(wish.seed, scenario, wish.planFile)));
  return 1;
}

function withLines(options: Parameters<typeof runOnce>[1]): Promise<RunResult> {
  return runOnce(assembleCluster, { ...options, trace: { keepLines: true } });
}

function savePlan(file: string, plan: Plan): void {
  mkdirSync(dirname(resolve(file)), { recursive: true });
  writeFileSync(file, formatPlan(plan));
}

async function many(wish: Extract<Wish, { kind: 'many' }>): Promise<number> {
  const scenario = loadScenario(wish.scenario);
  const plan = loadPlan(wish.planFile);
  const setup: Setup = { kind: 'setup', root, scenario, twiceEvery: 10, ...(plan ? { plan } : {}) };
  const summary = new SummaryBuilder();
  const started = performance.now();
  const progress = new Progress(wish.seeds.length, started);
  await runSeeds(setup, wish.seeds, wish.jobs, (result) => {
    summary.add(result);
    if (result.verdict === 'failed' && summary.failuresLike(result) <= reportsMax) {
      progress.clear();
      const report = failureReport(result, replay(result.seed, scenario, wish.planFile));
      if (wish.json) note(`${report}\n`);
      else out(report);
    }
    if (wish.json) out(JSON.stringify(jsonOfResult(result)));
    progress.show(summary);
    return true;
  });
  progress.clear();
  const total = summary.build();
  const seconds = (performance.now() - started) / 1000;
  if (wish.json)
    out(
      JSON.stringify({ summary: true, scenario: scenario.name, ...total, wallSeconds: Math.round(seconds * 10) / 10 }),
    );
  else {
    for (const [oracle, seeds] of Object.entries(total.failures)) {
      out(`${oracle}: ${seeds.length} seeds: ${seeds.slice(0, 30).join(' ')}${seeds.length > 30 ? ' ...' : ''}`);
    }
    out(
      `coverage: ${Object.entries(total.coverage)
        .map(([id, runs]) => `${id} ${runs}`)
        .join(', ')}`,
    );
    out(
      `${total.failed === 0 ? 'ok' : 'FAILED'}  ${total.runs} runs, ${total.failed} failed; ${rates(summary, seconds)}; ${total.acknowledgedWrites} writes acknowledged`,
    );
  }
  return total.failed === 0 ? 0 : 1;
}

function rates(summary: SummaryBuilder, seconds: number): string {
  const perSecond = (value: number): number => Math.round((value / seconds) * 10) / 10;
  return `${Math.round(seconds)} s, ${perSecond(summary.runs)} runs/s, ${Math.round(summary.clusterSeconds / seconds)} cluster-seconds/s`;
}

/** One line on standard error that tells how far it is; nothing if that is no terminal but for a line now and then. */
class Progress {
  readonly #total: number;
  readonly #started: number;
  readonly #isTerminal = process.stderr.isTTY;
  #last = 0;

  constructor(total: number, started: number) {
    this.#total = total;
    this.#started = started;
  }

  show(summary: SummaryBuilder): void {
    const now = performance.now();
    if (now - this.#last < (this.#isTerminal ? 200 : 5000)) return;
    this.#last = now;
    const text = `${summary.runs}/${this.#total} runs, ${summary.failed} failed, ${rates(summary, (now - this.#started) / 1000)}`;
    note(this.#isTerminal ? `\r\u001b[K${text}` : `${text}\n`);
  }

  clear(): void {
    if (this.#isTerminal) note('\r\u001b[K');
  }
}

async function mutants(wish: Extract<Wish, { kind: 'mutants' }>): Promise<number> {
  const scenario = loadScenario(wish.scenario);
  if (chooseMutants(wish.only).length === 0) {
    throw new BadUsage(wish.only === undefined ? 'the catalogue is empty' : `no mutant is named "${wish.only}"`);
  }
  const setup: Setup = { kind: 'setup', root, scenario, twiceEvery: 0 };
  const verdicts = await huntMutants(setup, wish, loadScenario, (verdict) =>
    out(wish.json ? JSON.stringify(verdict) : mutantLine(verdict)),
  );
  const killed = verdicts.filter(({ verdict }) => verdict === 'killed');
  const survivors = verdicts.filter(({ verdict }) => verdict === 'survived').map(({ mutant }) => mutant);
  const stale = verdicts.filter(({ verdict }) => verdict === 'stale').map(({ mutant }) => mutant);
  const seeds = killed.map((verdict) => verdict.seeds).toSorted((a, b) => a - b);
  const median = seeds[Math.floor((seeds.length - 1) / 2)] ?? null;
  const good = survivors.length === 0 && stale.length === 0;
  if (wish.json) {
    out(
      JSON.stringify({
        summary: true,
        verdict: good ? 'ok' : 'failed',
        total: verdicts.length,
        caught: killed.length,
        medianSeeds: median,
        survivors,
        stale,
      }),
    );
  } else {
    out(
      `${good ? 'ok' : 'FAILED'}  mutation score ${killed.length}/${verdicts.length}, median ${median ?? '-'} seeds to see one`,
    );
    if (survivors.length > 0) out(`survivors: ${survivors.join(', ')}`);
    if (stale.length > 0) out(`stale: ${stale.join(', ')}`);
  }
  return good ? 0 : 1;
}

function mutantLine({ mutant, verdict, seeds, oracle, sentence }: MutantVerdict): string {
  if (verdict === 'killed')
    return `killed by seed ${String(seeds).padStart(3)}  ${mutant}  (${oracle}: ${sentence?.split('\n')[0]?.slice(0, 160)})`;
  return `${verdict.toUpperCase().padEnd(17)} ${mutant}  ${sentence ?? `not seen in ${seeds} seeds`}`;
}

async function main(): Promise<number> {
  try {
    const wish = parseArguments(process.argv.slice(2), availableParallelism());
    switch (wish.kind) {
      case 'help':
        out(usage);
        return 0;
      case 'one':
        return await one(wish);
      case 'many':
        return await many(wish);
      case 'mutants':
        return await mutants(wish);
    }
  } catch (error) {
    if (error instanceof BadUsage) {
      note(`sim: ${error.message}\n`);
      return 2;
    }
    throw error;
  }
}

process.exitCode = await main();
