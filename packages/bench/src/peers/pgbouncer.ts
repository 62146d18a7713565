import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureTool } from '@multigres/host';
import { makeOwnFolder, unprivilegedAccount } from '../machine/account.ts';
import { freePort } from '../machine/ports.ts';
import { Program } from '../machine/program.ts';
import type { Scratch } from '../scratch.ts';
import { answers } from './answers.ts';
import { usersFile, type Address, type Auth, type Peer, type Transport } from './peer.ts';
import type { PostgresServer } from './postgres.ts';

const readyMsMax = 15_000;

/** PgBouncer in transaction pooling, with prepared statements carried, quiet in its log. */
export async function startPgbouncer(
  scratch: Scratch,
  postgres: PostgresServer,
  transport: Transport,
  poolSize: number,
  say: (line: string) => void,
  auth: Auth = { method: 'trust' },
): Promise<Peer> {
  const { bin, version } = await ensureTool('pgbouncer', say);
  const runAs = unprivilegedAccount();
  const port = await freePort();
  const folder = makeOwnFolder(join(scratch.folder, `b${port}`), runAs);
  const address: Address = { host: transport === 'tcp' ? '127.0.0.1' : folder, port };
  const settings = { ...settingsOf(poolSize), auth_type: auth.method === 'trust' ? 'trust' : 'scram-sha-256' };
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(join(folder, 'users'), `"postgres" ""\n${usersFile(auth)}`);
  writeFileSync(file, ini(folder, postgres.address, address, transport, settings));
  const program = await Program.start({
    title: 'PgBouncer',
    program: join(bin, 'pgbouncer'),
    args: [file],
    runAs,
    logFile: join(scratch.folder, 'pgbouncer.log'),
    // At once: the others wait for clients or servers.
    stopSignal: 'SIGQUIT',
  });
  scratch.deferStop(program);
  await program.until(() => answers(postgres.bin, address, auth), readyMsMax);
  return {
    id: 'pgbouncer',
    title: 'PgBouncer',
    version,
    address,
    rootPid: program.pid,
    settings: Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
    command: 'pgbouncer pgbouncer.ini',
    check: () => program.check(),
    stop: () => program.stop(),
  };
}

function settingsOf(poolSize: number): Record<string, string | number> {
  return {
    pool_mode: 'transaction',
    default_pool_size: poolSize,
    max_client_conn: 60_000,
    max_prepared_statements: 200,
    listen_backlog: 4096,
    log_connections: 0,
    log_disconnections: 0,
    log_pooler_errors: 1,
    stats_period: 600,
  };
}

function ini(
  folder: string,
  to: Address,
  own: Address,
  transport: Transport,
  settings: Readonly<Record<string, string | number>>,
): string {
  const listen =
    transport === 'tcp' ? ['listen_addr = 127.0.0.1', 'unix_socket_dir ='] : [`unix_socket_dir = ${folder}`];
  return [
    '[databases]',
    `* = host=${to.host} port=${to.port}`,
    '[pgbouncer]',
    `listen_port = ${own.port}`,
    ...listen,
    `auth_file = ${folder}/users`,
    ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
    '',
  ].join('\n');
}
