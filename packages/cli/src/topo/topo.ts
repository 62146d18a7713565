import { keyOf, type Directory } from '@multigres/topology';
import { Argument, Command } from 'commander';
import { cell } from '../cluster/cluster.ts';
import { withDirectory } from '../cluster/directory.ts';
import { requiredCluster } from '../cluster/existing-cluster.ts';
import { dirOption } from '../cluster/options.ts';
import { CliError } from '../errors.ts';

const patience = { deadlineMs: 5_000 };

/** A record and the name that it goes by. */
interface Named {
  readonly name: string;
  readonly record: object;
}

type ListRecords = (directory: Directory) => Promise<readonly Named[]>;

async function named<R extends object>(
  records: Promise<readonly { readonly record: R }[]>,
  nameOf: (record: R) => string,
): Promise<readonly Named[]> {
  return (await records).map(({ record }) => ({ name: nameOf(record), record }));
}

/** Kinds of record, by the names that their keys start with. */
const kinds: Readonly<Record<string, ListRecords>> = {
  cells: ({ cells }) => named(cells.list(patience), ({ name }) => keyOf(name)),
  databases: ({ databases }) => named(databases.list(patience), ({ name }) => keyOf(name)),
  'table-groups': ({ tableGroups }) => named(tableGroups.list(patience), ({ database, name }) => keyOf(database, name)),
  shards: ({ shards }) =>
    named(shards.list(patience), ({ key }) => keyOf(key?.database ?? '', key?.tableGroup ?? '', key?.shard ?? '')),
  poolers: (directory) => named(directory.poolers(cell).list(patience), ({ id }) => keyOf(id?.name ?? '')),
  gateways: (directory) => named(directory.gateways(cell).list(patience), ({ id }) => keyOf(id?.name ?? '')),
};

/** `multigres topo`: what the components of a local cluster know of each other. Reads only. */
export function topoCommand(): Command {
  const kind = (): Argument => new Argument('[kind]', 'of record').choices(Object.keys(kinds));
  const ls = new Command('ls')
    .description('Names of records, one per line.')
    .addArgument(kind())
    .addOption(dirOption())
    .action((of: string | undefined, flags: { readonly dir: string }) => list(of, flags.dir));
  const get = new Command('get')
    .description('Records as JSON, one per line.')
    .addArgument(kind().argRequired())
    .argument('[name]', 'as `ls` shows it')
    .addOption(dirOption())
    .action((of: string, name: string | undefined, flags: { readonly dir: string }) => show(of, name, flags.dir));
  return new Command('topo')
    .description("Look at the records in a local cluster's etcd.")
    .addCommand(ls)
    .addCommand(get);
}

async function read(dir: string, names: readonly string[]): Promise<readonly (readonly [kind: string, Named])[]> {
  const { record } = requiredCluster(dir);
  return withDirectory(record, async (directory) => {
    const found: (readonly [string, Named])[] = [];
    for (const kind of names) {
      for (const each of (await kinds[kind]?.(directory)) ?? []) found.push([kind, each]);
    }
    return found;
  });
}

async function list(kind: string | undefined, dir: string): Promise<void> {
  const found = await read(dir, kind === undefined ? Object.keys(kinds) : [kind]);
  for (const [of, { name }] of found) process.stdout.write(`${of}/${name}\n`);
}

async function show(kind: string, name: string | undefined, dir: string): Promise<void> {
  const wanted = name?.startsWith(`${kind}/`) ? name.slice(kind.length + 1) : name;
  const found = (await read(dir, [kind])).filter(([, each]) => wanted === undefined || each.name === wanted);
  if (found.length === 0 && wanted !== undefined) {
    throw new CliError(`there is no record ${kind}/${wanted}`, { hint: 'See which there are: topo ls.' });
  }
  for (const [, { record }] of found) process.stdout.write(`${JSON.stringify(record, plain)}\n`);
}

/** What JSON has no form for, and what only the generated code needs. */
function plain(key: string, value: unknown): unknown {
  if (key === '$typeName') return undefined;
  if (typeof value === 'bigint') return Number(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
