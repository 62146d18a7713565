/** What the command line asks for. */
export type Wish =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'one';
      readonly seed: number;
      readonly scenario: string;
      readonly json: boolean;
      readonly show: boolean;
      readonly planFile?: string;
      readonly savePlanFile?: string;
    }
  | {
      readonly kind: 'many';
      readonly seeds: readonly number[];
      readonly scenario: string;
      readonly json: boolean;
      readonly jobs: number;
      readonly planFile?: string;
    }
  | {
      readonly kind: 'mutants';
      readonly only?: string;
      readonly scenario: string;
      readonly seedsMax: number;
      readonly jobs: number;
      readonly json: boolean;
    };

/** A command line that cannot be understood; the message is one line. */
export class BadUsage extends Error {
  override readonly name = 'BadUsage';
}

export const defaultScenario = 'pooling/weather';

export const usage: string = `usage: ./mg sim --seed N [--scenario NAME] [--json] [--show lanes] [--plan FILE] [--save-plan FILE]
       ./mg sim --seeds A..B [--jobs J] [--scenario NAME] [--json] [--plan FILE]
       ./mg sim mutants [--only NAME] [--seeds-max N] [--jobs J] [--scenario NAME] [--json]

  --seed N        replays one cluster's life: verdict, trace hash, a short story
  --seeds A..B    many lives in J processes; failures grouped by the oracle that saw them
  --show lanes    the log of everything that happened
  --plan FILE     the faults of this file instead of those that the seed draws
  --save-plan F   writes the run's faults to a file that --plan reads
  mutants         plants each bug of the catalogue and counts the seeds until an oracle sees it

Scenarios are the files in scenarios/ (default ${defaultScenario}). Exit code 1: something failed; 2: bad usage.
`;

type Flags = Map<string, string>;

const withoutValue = new Set(['--json', '--help']);
const known: Readonly<Record<'run' | 'mutants', readonly string[]>> = {
  run: ['--seed', '--seeds', '--scenario', '--json', '--show', '--plan', '--save-plan', '--jobs', '--help'],
  mutants: ['--only', '--seeds-max', '--jobs', '--scenario', '--json', '--help'],
};

/** Throws BadUsage. `cores`: the default number of processes. */
export function parseArguments(args: readonly string[], cores: number): Wish {
  const [first] = args;
  if (first === 'mutants') return mutantsWish(parseFlags(args.slice(1), 'mutants'), cores);
  if (first === 'minimise' || first === 'twin') throw new BadUsage(`"${first}" is not built yet`);
  if (first !== undefined && !first.startsWith('-'))
    throw new BadUsage(`unknown command "${first}"; see ./mg sim --help`);
  return runWish(parseFlags(args, 'run'), cores);
}

function parseFlags(args: readonly string[], command: keyof typeof known): Flags {
  const flags: Flags = new Map();
  for (let i = 0; i < args.length; i++) {
    const [name, glued] = splitGlued(args[i] as string);
    if (name === '--patch')
      throw new BadUsage('--patch is not built yet: planted bugs come from the catalogue, see ./mg sim mutants');
    if (!known[command].includes(name)) throw new BadUsage(`unknown argument "${name}"; see ./mg sim --help`);
    if (flags.has(name)) throw new BadUsage(`${name} is given twice`);
    if (withoutValue.has(name)) {
      if (glued !== undefined) throw new BadUsage(`${name} takes no value`);
      flags.set(name, '');
      continue;
    }
    const value = glued ?? args[++i];
    if (value === undefined || value === '') throw new BadUsage(`${name} needs a value`);
    flags.set(name, value);
  }
  return flags;
}

function splitGlued(argument: string): [name: string, value: string | undefined] {
  const at = argument.indexOf('=');
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}

function runWish(flags: Flags, cores: number): Wish {
  if (flags.has('--help')) return { kind: 'help' };
  const scenario = flags.get('--scenario') ?? defaultScenario;
  const json = flags.has('--json');
  const planFile = flags.get('--plan');
  const plan = planFile === undefined ? {} : { planFile };
  const one = flags.get('--seed');
  const many = flags.get('--seeds');
  if ((one === undefined) === (many === undefined)) throw new BadUsage('give either --seed N or --seeds A..B');
  if (many !== undefined) {
    for (const flag of ['--show', '--save-plan'])
      if (flags.has(flag)) throw new BadUsage(`${flag} goes with --seed, not with --seeds`);
    return { kind: 'many', seeds: parseSeeds(many), scenario, json, jobs: parseJobs(flags, cores), ...plan };
  }
  if (flags.has('--jobs')) throw new BadUsage('--jobs goes with --seeds, not with --seed');
  const show = flags.get('--show');
  if (show !== undefined && show !== 'lanes') throw new BadUsage(`--show knows "lanes", not "${show}"`);
  if (show !== undefined && json) throw new BadUsage('--show and --json exclude each other');
  const savePlanFile = flags.get('--save-plan');
  const save = savePlanFile === undefined ? {} : { savePlanFile };
  return {
    kind: 'one',
    seed: parseSeed(one as string, '--seed'),
    scenario,
    json,
    show: show !== undefined,
    ...plan,
    ...save,
  };
}

function mutantsWish(flags: Flags, cores: number): Wish {
  if (flags.has('--help')) return { kind: 'help' };
  const only = flags.get('--only');
  return {
    kind: 'mutants',
    scenario: flags.get('--scenario') ?? defaultScenario,
    seedsMax: parseCount(flags.get('--seeds-max') ?? '200', '--seeds-max'),
    jobs: parseJobs(flags, cores),
    json: flags.has('--json'),
    ...(only === undefined ? {} : { only }),
  };
}

const seedMax = 2 ** 32;
const seedsMax = 10_000_000;

function parseSeed(text: string, flag: string): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > seedMax) {
    throw new BadUsage(`${flag} must be a whole number from 0 to 2^32, not "${text}"`);
  }
  return Number(text);
}

function parseSeeds(text: string): number[] {
  const match = /^(\d+)\.\.(\d+)$/.exec(text);
  if (!match) throw new BadUsage(`--seeds must look like 1..500, not "${text}"`);
  const from = parseSeed(match[1] as string, '--seeds');
  const to = parseSeed(match[2] as string, '--seeds');
  if (to < from) throw new BadUsage(`--seeds ${text} is empty`);
  if (to - from >= seedsMax) throw new BadUsage(`--seeds ${text} is too many; at most ${seedsMax}`);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function parseCount(text: string, flag: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new BadUsage(`${flag} must be a whole number above 0, not "${text}"`);
  return Number(text);
}

function parseJobs(flags: Flags, cores: number): number {
  const jobs = parseCount(flags.get('--jobs') ?? String(cores), '--jobs');
  if (jobs > 256) throw new BadUsage('--jobs must be at most 256');
  return jobs;
}
