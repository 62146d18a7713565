import { Command, Option } from 'commander';
import { CliError, exitCode } from '../errors.ts';
import { wholeNumber } from '../option-values.ts';
import type { StartLog } from './begin-component.ts';
import { componentNames, type Cluster } from './cluster.ts';
import { lockCluster } from './cluster-lock.ts';
import { isComponentAlive, readComponent } from './component.ts';
import { connectionString, firstGateway } from './connection-string.ts';
import { clusterFolder, makeFolder, type Folder } from './folder.ts';
import { dirOption } from './options.ts';
import { makeSecret, readPassword, readSecret } from './password.ts';
import { planCluster } from './plan.ts';
import { isShard, readRecord, writeRecord, type ClusterRecord } from './record.ts';
import { startSteps } from './start-cluster.ts';
import { runSteps, say } from './steps.ts';
import { stateOf, survey } from './survey.ts';
import { undoStart } from './undo-start.ts';
import { unprivilegedAccount } from './unprivileged.ts';

interface Flags {
  readonly dir: string;
  readonly port?: number;
  readonly host?: string;
  readonly auth?: 'scram' | 'trust';
  readonly single?: boolean;
}

/** For those who start a cluster by code. */
interface BringUpOptions extends Flags {
  readonly links?: boolean;
  /** Runs when it is known what will be started where. */
  readonly beforeStart?: (cluster: Cluster) => Promise<void>;
}

/** `multigres up`: a whole local cluster in a folder. */
export function upCommand(): Command {
  return new Command('up')
    .description(
      'Start a whole local cluster in a folder and print how to connect: three cells with an etcd, a Postgres and an orchestrator each, and two gateways.',
    )
    .addOption(dirOption())
    .option(
      '--port <number>',
      'port of the gateway (default: as before, else 15432 or a free one)',
      wholeNumber(1, 65_535),
    )
    .option('--host <address>', 'address of the gateway (default: as before, else 127.0.0.1)')
    .addOption(
      new Option('--auth <method>', 'how clients log in (default: as before, else scram)').choices(['scram', 'trust']),
    )
    .option('--single', 'one Postgres that is always the primary, instead of a shard of three')
    .action((flags: Flags) => up(flags));
}

async function up(flags: Flags): Promise<void> {
  const { cluster, password } = await bringUp(flags);
  tell(cluster, password);
}

export interface BroughtUp {
  readonly cluster: Cluster;
  readonly password: string;
}

/** Starts what does not run. Rejects, with nothing left running that did not run before, if that fails. */
export async function bringUp(flags: BringUpOptions): Promise<BroughtUp> {
  const folder = clusterFolder(flags.dir);
  makeFolder(folder, process.geteuid?.() === 0);
  const unlock = lockCluster(folder, 'up');
  try {
    const cluster = await clusterToStart(folder, flags);
    await flags.beforeStart?.(cluster);
    const known = readPassword(folder);
    const password = known ?? makeSecret(folder.password);
    if (readSecret(folder.replicationPassword) === undefined) makeSecret(folder.replicationPassword);
    if (await isHealthy(cluster)) say(`already running in ${folder.root}`);
    else await start(cluster, password, known === undefined);
    return { cluster, password };
  } finally {
    unlock();
  }
}

/** Planned afresh, unless parts of it run: then it is completed as it is. */
async function clusterToStart(folder: Folder, flags: BringUpOptions): Promise<Cluster> {
  const account = unprivilegedAccount();
  const before = readRecord(folder);
  const isRunning = (name: string): boolean => isComponentAlive(readComponent(folder, name));
  if (before !== undefined && componentNames(before).some(isRunning)) {
    refuseOtherChoices(before, flags);
    return { folder, record: before, account };
  }
  const { port, host, auth, single, links } = flags;
  const record = await planCluster(folder, account, { port, host, auth, single, links });
  writeRecord(folder, record);
  if (before === undefined && record.dataElsewhere !== undefined) {
    say(
      `note: Postgres cannot run as root, and ${account?.name} may not enter ${folder.root}: data goes to ${record.dataElsewhere}`,
    );
  }
  return { folder, record, account };
}

function refuseOtherChoices(before: ClusterRecord, flags: Flags): void {
  const { host, port } = firstGateway(before);
  const differs =
    (flags.port !== undefined && flags.port !== port) ||
    (flags.host !== undefined && flags.host !== host) ||
    (flags.auth !== undefined && flags.auth !== before.auth) ||
    (flags.single === true && isShard(before));
  if (!differs) return;
  const form = isShard(before) ? '' : ' --single';
  throw new CliError(`the cluster runs already, on ${host}:${port} with --auth ${before.auth}${form}`, {
    hint: 'Stop it with `./mg down`, then start it with other choices.',
  });
}

async function isHealthy(cluster: Cluster): Promise<boolean> {
  const { folder, record } = cluster;
  const alive = componentNames(record).every((name) => isComponentAlive(readComponent(folder, name)));
  return alive && stateOf(await survey(cluster)) === 'running';
}

/** All steps, or none: what was begun is undone when one fails or the user interrupts. */
async function start(cluster: Cluster, password: string, isNewPassword: boolean): Promise<void> {
  const abort = new AbortController();
  const interrupted = (): void => abort.abort(new CliError('interrupted', { exitCode: exitCode.interrupted }));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupted);
  const log: StartLog = { started: new Set() };
  try {
    await runSteps(startSteps({ cluster, password, isNewPassword, signal: abort.signal, log }));
  } catch (error) {
    await undoStart(cluster, log);
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    for (const signal of signals) process.off(signal, interrupted);
  }
}

/** The connection string alone goes to standard output, for programs. */
function tell(cluster: Cluster, password: string): void {
  say('connect with `./mg psql`, or any client of Postgres:');
  process.stdout.write(`${connectionString(cluster.record, password)}\n`);
}
