import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { fuzzBatch } from './quiet/batch.ts';
import { fuzzProxy, type ProxyFuzz } from './real/fuzz-proxy.ts';

interface Flags {
  readonly minutes: number;
  readonly seed: number;
  readonly to: 'memory' | 'proxy';
  readonly batch?: number;
  readonly cases: number;
  readonly singleProcess?: boolean;
  readonly rate?: number;
}

/** The last line of a run, behind the word `fuzz`: for people and programs. */
interface Summary {
  readonly to: Flags['to'];
  readonly seed: number;
  readonly minutes: number;
  readonly cases: number;
  readonly failures: number;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('A number above 0 is wanted.');
  return value;
}

async function fuzzMemory(
  flags: Flags,
): Promise<Summary & { readonly batches: number; readonly bytes: number; readonly perSecond: number }> {
  const started = performance.now();
  const minutes = (): number => (performance.now() - started) / 60_000;
  const totals = { cases: 0, bytes: 0, failures: 0, batches: 0 };
  const astray: unknown[] = [];
  process.on('unhandledRejection', (error) => astray.push(error));
  const last = flags.batch ?? Infinity;
  for (let batch = flags.batch ?? 0; batch <= last && minutes() < flags.minutes; batch++) {
    const result = await fuzzBatch({ seed: `${flags.seed}/${batch}`, cases: flags.cases });
    const failures = [
      ...result.failures,
      ...astray.splice(0).map((error) => `nobody waits for this: ${stackOf(error)}`),
    ];
    totals.cases += result.cases;
    totals.bytes += result.bytes;
    totals.batches += 1;
    if (failures.length === 0) continue;
    totals.failures += 1;
    say(`FAILED ./mg fuzz --seed ${flags.seed} --batch ${batch} --cases ${flags.cases}`);
    for (const failure of failures) say(`  ${failure}`);
  }
  const perSecond = Math.round(totals.cases / Math.max(1, minutes() * 60));
  return { to: 'memory', seed: flags.seed, minutes: Number(minutes().toFixed(2)), ...totals, perSecond };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function proxyFuzz({ rate, ...flags }: Flags): ProxyFuzz {
  return rate === undefined ? flags : { ...flags, perSecond: rate };
}

const command = new Command('fuzz')
  .description('Breaks the protocol on both sides and looks whether anybody else notices.')
  .option('--minutes <number>', 'how long', positive, 1)
  .option('--seed <number>', 'names everything that happens', positive, 1)
  .addOption(
    new Option(
      '--to <target>',
      'memory: everything in one quiet world, replayable; proxy: a real one in front of a real Postgres',
    )
      .choices(['memory', 'proxy'])
      .default('memory'),
  )
  .option('--batch <number>', 'only this batch of the seed, to see a failure again', (text) => Number(text))
  .option('--cases <number>', 'cases in a batch', positive, 100)
  .option('--rate <number>', 'of the proxy: hostile sessions a second, at most (default: as many as go)', positive)
  .option('--single-process', 'of the proxy: gateway and pooler in one')
  .exitOverride();

try {
  command.parse();
  const flags = command.opts<Flags>();
  const summary: Summary = flags.to === 'memory' ? await fuzzMemory(flags) : await fuzzProxy(proxyFuzz(flags), say);
  say(`fuzz ${JSON.stringify(summary)}`);
  process.exit(summary.failures > 0 ? 1 : 0);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exit(error.exitCode === 0 ? 0 : 2);
}
