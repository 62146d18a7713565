import type { Endpoint } from '@multigres/core';
import { etcdTopology, hostWorld } from '@multigres/host';
import type { Cell } from '@multigres/rpc';
import { Directory } from '@multigres/topology';
import { Argument, Command, Option } from 'commander';
import { toldAsCliError, withDirectory } from '../cluster/directory.ts';
import { requiredCluster } from '../cluster/existing-cluster.ts';
import { dirOption } from '../cluster/options.ts';
import { CliError } from '../errors.ts';
import { etcdEndpoints } from '../serve/topology-options.ts';
import { topoKinds, type Named } from './topo-kinds.ts';
import { watchTopology } from './topo-watch.ts';

const patience = { deadlineMs: 5_000 };

interface Flags {
  readonly dir: string;
  readonly topologyGlobal?: readonly Endpoint[];
}

type Work<T> = (directory: Directory, cells: readonly Cell[]) => Promise<T>;

/** `multigres topo`: what the components of a cluster know of each other. Reads only. */
export function topoCommand(): Command {
  return new Command('topo')
    .description('Look at the records in the etcd of a local cluster, or of any other (--topology-global).')
    .addCommand(
      sub('ls', 'Names of records, one per line.')
        .addArgument(kindArgument())
        .action((of: string | undefined, flags: Flags) => list(of, flags)),
    )
    .addCommand(
      sub('get', 'Records as JSON, one per line.')
        .addArgument(kindArgument().argRequired())
        .argument('[name]', 'as `ls` shows it')
        .action((of: string, name: string | undefined, flags: Flags) => show(of, name, flags)),
    )
    .addCommand(
      sub('watch', 'Records as they are, then each change, one per line, until interrupted.')
        .addArgument(kindArgument())
        .action((of: string | undefined, flags: Flags) => watch(of, flags)),
    );
}

function sub(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(dirOption())
    .addOption(
      new Option('--topology-global <urls>', "members of a cluster's etcd, instead of a local cluster's").argParser(
        etcdEndpoints,
      ),
    );
}

function kindArgument(): Argument {
  return new Argument('[kind]', 'of record').choices(Object.keys(topoKinds));
}

/** Runs `work` with the directory and what it says about cells. */
async function withTopology<T>(flags: Flags, work: Work<T>): Promise<T> {
  const withCells = async (directory: Directory): Promise<T> => {
    const cells = await directory.cells.list(patience);
    return work(
      directory,
      cells.map(({ record }) => record),
    );
  };
  if (flags.topologyGlobal === undefined) return withDirectory(requiredCluster(flags.dir).record, withCells);
  const world = hostWorld({ log: { level: 'error' } });
  const topology = etcdTopology(world, { global: flags.topologyGlobal, cells: {} });
  try {
    return await toldAsCliError(withCells(new Directory(world, topology)));
  } finally {
    topology.close();
  }
}

const kindNames = (kind: string | undefined): readonly string[] =>
  kind === undefined ? Object.keys(topoKinds) : [kind];

async function read(kind: string | undefined, flags: Flags): Promise<readonly (readonly [kind: string, Named])[]> {
  return withTopology(flags, async (directory, cells) => {
    const found: (readonly [string, Named])[] = [];
    for (const name of kindNames(kind)) {
      for (const each of (await topoKinds[name]?.list(directory, cells, patience)) ?? []) found.push([name, each]);
    }
    return found;
  });
}

async function list(kind: string | undefined, flags: Flags): Promise<void> {
  for (const [of, { name }] of await read(kind, flags)) process.stdout.write(`${of}/${name}\n`);
}

async function show(kind: string, name: string | undefined, flags: Flags): Promise<void> {
  const wanted = name?.startsWith(`${kind}/`) ? name.slice(kind.length + 1) : name;
  const found = (await read(kind, flags)).filter(([, each]) => wanted === undefined || each.name === wanted);
  if (found.length === 0 && wanted !== undefined) {
    throw new CliError(`there is no record ${kind}/${wanted}`, { hint: 'See which there are: topo ls.' });
  }
  for (const [, { record }] of found) process.stdout.write(`${recordJson(record)}\n`);
}

async function watch(kind: string | undefined, flags: Flags): Promise<void> {
  const over = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    process.stdout.once('error', () => resolve());
  });
  await withTopology(flags, async (directory, cells) => {
    const stop = watchTopology(directory, cells, kindNames(kind), {
      present: (name, record) => void process.stdout.write(`+ ${name} ${recordJson(record)}\n`),
      gone: (name) => void process.stdout.write(`- ${name}\n`),
      connected: (name, yes) => void process.stderr.write(`${name}: ${yes ? 'following' : 'the store is away'}\n`),
    });
    await over;
    stop();
  });
}

function recordJson(record: object): string {
  return JSON.stringify(record, plain);
}

/** What JSON has no form for, and what only the generated code needs. Numbers that are too large for JSON's readers are texts. */
function plain(key: string, value: unknown): unknown {
  if (key === '$typeName') return undefined;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
