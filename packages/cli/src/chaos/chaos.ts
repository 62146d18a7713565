import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { bringUp } from '../cluster/up.ts';
import { down } from '../cluster/down.ts';
import { say } from '../cluster/steps.ts';
import { exitCode } from '../errors.ts';
import { wholeNumber } from '../option-values.ts';
import { chaosJson, chaosMarkdown, isClean } from './chaos-report.ts';
import { NodeLinks } from './links.ts';
import { runChaos, type ChaosResult } from './chaos-run.ts';
import { SmallDisk } from './small-disk.ts';
import { timelineSvg } from './timeline.ts';

/** The node on the small disk. */
const smallNode = 'node-3';

interface Flags {
  readonly minutes: number;
  readonly seed?: number;
  readonly clients: number;
  readonly dir: string;
  readonly json: boolean;
}

/** `multigres chaos`: a cluster of its own is hurt while clients write and read, and what they were told is judged. */
export function chaosCommand(): Command {
  return new Command('chaos')
    .description(
      'Hurt a local cluster of its own for some minutes while clients write and read, and judge what they were told. Exit code: 0 clean, 1 if anything was lost, stale, stuck or crashed.',
    )
    .requiredOption('--minutes <n>', 'how long', minutesNumber)
    .option('--seed <n>', 'the same sequence of injuries as another run with this seed', wholeNumber(0, 2 ** 31))
    .option('--clients <n>', 'clients that write and read', wholeNumber(1, 1000), 12)
    .addOption(
      new Option('--dir <folder>', 'folder for the cluster and the reports')
        .default('.multigres-chaos')
        .env('MULTIGRES_CHAOS_DIR'),
    )
    .option('--json', 'ends with one line of JSON, for programs', false)
    .action((flags: Flags) => chaos(flags));
}

function minutesNumber(text: string): number {
  const minutes = Number(text);
  return /^\d+(?:\.\d+)?$/.test(text) && minutes > 0 ? minutes : wholeNumber(1, 100_000)(text);
}

async function chaos(flags: Flags): Promise<void> {
  const seed = flags.seed ?? randomInt(2 ** 31);
  const root = path.resolve(flags.dir);
  const dir = path.join(root, 'cluster');
  mkdirSync(root, { recursive: true });
  await clearAway(dir);
  const disk = SmallDisk.mount(path.join(dir, smallNode));
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  say(`seed ${seed}`);
  let result: ChaosResult | undefined;
  const links = new NodeLinks();
  try {
    const up = await bringUp({ dir, links: true, beforeStart: async (cluster) => links.open(cluster) });
    const plan = {
      seed,
      minutes: flags.minutes,
      clients: flags.clients,
      links,
      disk: up.cluster.record.dataElsewhere === undefined ? disk : 'its data is not in the folder of the cluster',
      report: say,
      signal: stop.signal,
    };
    result = await runChaos(up, plan);
    writeReport(root, result);
  } finally {
    await takeAway(dir, result !== undefined && isClean(result));
    links.close();
  }
  if (flags.json) process.stdout.write(`${chaosJson(result)}\n`);
  process.exitCode = isClean(result) ? exitCode.ok : exitCode.failure;
}

/** What an earlier run has left to be looked at. */
async function clearAway(dir: string): Promise<void> {
  if (!existsSync(dir)) return;
  say(`removing what an earlier run has left in ${dir}`);
  await destroy(dir);
}

async function destroy(dir: string): Promise<void> {
  await down({ dir, destroy: false });
  SmallDisk.unmount(path.join(dir, smallNode));
  await down({ dir, destroy: true });
  rmSync(dir, { recursive: true, force: true });
}

/** After a run that was not clean, data and logs stay to be looked at. What cannot be removed must not hide how the run came out. */
async function takeAway(dir: string, clean: boolean): Promise<void> {
  if (!clean) {
    await down({ dir, destroy: false });
    say(`its data and logs are in ${dir}`);
    return;
  }
  await destroy(dir).catch((error: unknown) => say(`${dir} cannot be removed: ${String(error)}`));
}

function writeReport(root: string, result: ChaosResult): void {
  const name = `report-${result.seed}`;
  writeFileSync(path.join(root, `${name}.svg`), timelineSvg(result));
  writeFileSync(path.join(root, `${name}.md`), chaosMarkdown(result, `${name}.svg`));
  const { ledger, stale, failovers } = result;
  say(
    `${isClean(result) ? 'clean' : 'NOT CLEAN'}: ${failovers} changes of the leader, ${ledger.acknowledged} rows acknowledged, ${ledger.unknown} unknown, ${ledger.lost.length} lost, ${stale.length} stale keys`,
  );
  say(`report: ${path.join(root, `${name}.md`)}`);
}
