import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort } from '../machine/ports.ts';
import { Program } from '../machine/program.ts';
import type { Scratch } from '../scratch.ts';
import { answers } from './answers.ts';
import { socketPath, usersFile, type Address, type Auth, type Peer, type Transport } from './peer.ts';
import type { PostgresServer } from './postgres.ts';

const readyMsMax = 30_000;
/** As `./mg` starts servers. */
const nursery = '--max-semi-space-size=4';
const root = resolve(import.meta.dirname, '../../../..');

export interface OursOptions {
  readonly processes: 'one' | 'two';
  readonly transport: Transport;
  /** Backends; our own default if absent. */
  readonly poolSize?: number | undefined;
  readonly auth?: Auth;
  /** Gateway processes on one port, beside a pooler; one if absent. */
  readonly workers?: number;
  /** More arguments for Node, such as those of its profiler. */
  readonly nodeArgs?: readonly string[];
}

/** Our gateway and pooler, as `./mg proxy` runs them. */
export async function startOurs(scratch: Scratch, postgres: PostgresServer, options: OursOptions): Promise<Peer> {
  const { processes, transport, poolSize, auth = { method: 'trust' }, workers = 1, nodeArgs = [] } = options;
  const port = await freePort();
  const folder = join(scratch.folder, `m${port}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'users'), usersFile(auth));
  const address: Address = { host: transport === 'tcp' ? '127.0.0.1' : folder, port };
  const endpoint = ({ host, port: at }: Address): string =>
    transport === 'tcp' ? `${host}:${at}` : socketPath({ host, port: at });
  const settings = [
    ...(processes === 'one' ? ['--single-process'] : []),
    ...(workers === 1 ? [] : [`--workers ${workers}`]),
    ...(poolSize === undefined ? [] : [`--pool-size ${poolSize}`]),
    ...(auth.method === 'trust' ? [] : [`--auth-file ${join(folder, 'users')}`]),
  ];
  const args = [
    'proxy',
    '--to',
    endpoint(postgres.address),
    '--listen',
    endpoint(address),
    ...settings.flatMap((setting) => setting.split(' ')),
  ];
  const program = await Program.start({
    title: `our proxy (${processes === 'one' ? 'one process' : 'two processes'})`,
    program: process.execPath,
    args: [...process.execArgv, nursery, ...nodeArgs, join(root, entry()), ...args, '--log-level', 'warn'],
    logFile: join(scratch.folder, `proxy-${processes}.log`),
  });
  scratch.deferStop(program);
  await program.until(() => answers(postgres.bin, address, auth), readyMsMax);
  return {
    id: processes,
    title: titleOf(processes, workers),
    version: revision(),
    address,
    rootPid: program.pid,
    settings: settings.length === 0 ? ['defaults'] : settings,
    command: `./mg ${args.join(' ')}`,
    check: () => program.check(),
    stop: () => program.stop(),
  };
}

function titleOf(processes: 'one' | 'two', workers: number): string {
  if (workers > 1) return `Multigres, ${workers} workers and a pooler`;
  return processes === 'one' ? 'Multigres, one process' : 'Multigres, two processes';
}

/** From source if we run from source. */
const entry = (): string =>
  import.meta.url.endsWith('.ts') ? 'packages/cli/src/main.ts' : 'packages/cli/dist/main.js';

/** Of the repository, as git tells it; what is not committed makes it `-dirty`. */
function revision(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const changed = git('status', '--porcelain', '--', 'packages');
    return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '-dirty'}, Node ${process.versions.node}`;
  } catch {
    return `Node ${process.versions.node}`;
  }
}
