import { appendFileSync, chownSync } from 'node:fs';
import { join } from 'node:path';
import { ensureTool } from '@multigres/host';
import { makeOwnFolder, unprivilegedAccount } from '../machine/account.ts';
import { freePort } from '../machine/ports.ts';
import { Program } from '../machine/program.ts';
import { run } from '../machine/run.ts';
import type { Scratch } from '../scratch.ts';
import type { Address, Peer, Transport } from './peer.ts';

/** Large enough for pgbench's scale 10 to stay in memory, and nothing that runs now and then. Commits are as safe as by default. */
const settings: Readonly<Record<string, string>> = {
  max_connections: '400',
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
  autovacuum: 'off',
  jit: 'off',
  fsync: 'on',
  synchronous_commit: 'on',
  log_min_messages: 'warning',
};

/** Space for the cluster, the write-ahead log of the writing workload and the logs. */
export const postgresMiB = 2048;

const readyMsMax = 30_000;
const setupMsMax = 180_000;

export interface PostgresServer extends Peer {
  readonly rootPid: undefined;
  readonly postmasterPid: number;
  /** Folder of pgbench and psql. */
  readonly bin: string;
  /** Of those who measure it. */
  readonly logFolder: string;
  /** Of the same server, for those who come over the other transport. */
  addressOver(transport: Transport): Address;
  /** Answers the output of one statement, without decoration. */
  query(sql: string): Promise<string>;
}

/** A fresh Postgres 17 of our own with pgbench's tables. */
export async function startPostgres(
  scratch: Scratch,
  transport: Transport,
  scale: number,
  say: (line: string) => void,
): Promise<PostgresServer> {
  const { bin, version } = await ensureTool('postgres-17', say);
  const runAs = unprivilegedAccount();
  const home = makeOwnFolder(join(scratch.folder, 'postgres'), runAs);
  const sockets = makeOwnFolder(join(scratch.folder, 's'), runAs);
  const data = join(home, 'data');
  const port = await freePort();
  await run({
    program: join(bin, 'initdb'),
    args: [
      '--pgdata',
      data,
      '--username',
      'postgres',
      '--auth',
      'trust',
      '--encoding',
      'UTF8',
      '--locale',
      'C',
      '--no-sync',
    ],
    runAs,
    msMax: setupMsMax,
  });
  const own = { listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: sockets, ...settings };
  const lines = Object.entries(own).map(([name, value]) => `${name} = '${value}'`);
  appendFileSync(join(data, 'postgresql.conf'), `\n${lines.join('\n')}\n`);
  const program = await launch(bin, data, scratch);
  const addressOver = (over: Transport): Address => ({ host: over === 'tcp' ? '127.0.0.1' : sockets, port });
  const ask = psql(bin, addressOver('unix'));
  await program.until(
    () =>
      ask('SELECT 1').then(
        () => true,
        () => false,
      ),
    readyMsMax,
  );
  await fill(bin, addressOver('unix'), scale);
  await ask('CHECKPOINT');
  return {
    id: 'direct',
    title: 'Postgres, direct',
    version,
    bin,
    logFolder: scratch.folder,
    address: addressOver(transport),
    addressOver,
    query: ask,
    rootPid: undefined,
    postmasterPid: program.pid,
    settings: Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
    command: `initdb --locale C --encoding UTF8; pgbench -i -s ${scale}`,
    check: () => program.check(),
    stop: () => program.stop(),
  };
}

async function launch(bin: string, data: string, scratch: Scratch): Promise<Program> {
  const logFile = join(scratch.folder, 'postgres.log');
  const runAs = unprivilegedAccount();
  appendFileSync(logFile, '');
  if (runAs !== undefined) chownSync(logFile, runAs.uid, runAs.gid);
  const program = await Program.start({
    title: 'Postgres',
    program: join(bin, 'postgres'),
    args: ['-D', data],
    runAs,
    logFile,
    // "Fast": open sessions are ended.
    stopSignal: 'SIGINT',
  });
  scratch.deferStop(program);
  return program;
}

const fill = (bin: string, { host, port }: Address, scale: number): Promise<string> =>
  run({
    program: join(bin, 'pgbench'),
    args: ['-i', '-q', '-s', String(scale), '-h', host, '-p', String(port), '-U', 'postgres', 'postgres'],
    msMax: setupMsMax,
  });

function psql(bin: string, { host, port }: Address): (sql: string) => Promise<string> {
  const args = ['-X', '-q', '-A', '-t', '-h', host, '-p', String(port), '-U', 'postgres', '-d', 'postgres', '-c'];
  return (sql) => run({ program: join(bin, 'psql'), args: [...args, sql], msMax: setupMsMax });
}
