import { utf8, utf8Text } from '@multigres/core';
import type { QuietProcess, QuietWorld } from '@multigres/core/quiet';

/** How the programs of a quiet world behave; a test changes it while they run. */
export interface FakePostgres {
  version: string;
  /** Written to standard error instead of starting; the server then exits with 1. */
  refuses: string | undefined;
  /** From the birth of the process until it accepts connections. */
  startMs: number;
  /** From the signal until recovery has ended. */
  promoteMs: number;
  /** Signals that it does not hear. */
  deaf: readonly string[];
  /** Whether a program that makes or changes a data directory dies half-way, like all processes of a container whose first one was killed. */
  toolDies: () => boolean;
  /** The server that is copied from. */
  readonly source: { major: string; systemIdentifier: string };
  /** How long pg_basebackup takes. */
  copyMs: number;
  /** How pg_rewind ends. */
  rewind: 'diverged' | 'unchanged' | 'unreachable' | 'breaks';
  /** How many servers were started, initdbs run. */
  starts: number;
  inits: number;
  copies: number;
  /** Arguments of the latest server. */
  lastArgs: readonly string[];
  /** Pids of servers that live, and of those that are standbys. */
  readonly alive: Set<number>;
  readonly standbys: Set<number>;
}

const option = (process: QuietProcess, name: string): string | undefined =>
  process.command.args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);

/** Registers initdb, postgres, pg_controldata and tail below `bin`, as far as pgctld can tell them from the real ones. */
export function fakePostgres(world: QuietWorld, bin: string): FakePostgres {
  const fake: FakePostgres = {
    version: '17.5',
    refuses: undefined,
    startMs: 100,
    promoteMs: 200,
    deaf: [],
    toolDies: () => false,
    source: { major: '17', systemIdentifier: '7123456789012345678' },
    rewind: 'diverged',
    copyMs: 500,
    starts: 0,
    inits: 0,
    copies: 0,
    lastArgs: [],
    alive: new Set(),
    standbys: new Set(),
  };
  world.program(`${bin}/initdb`, (process) => void initdb(world, fake, process));
  world.program(`${bin}/postgres`, (process) => void postgres(world, fake, process));
  world.program(`${bin}/pg_controldata`, (process) => void controlData(world, fake, process));
  world.program(`${bin}/pg_basebackup`, (process) => void baseBackup(world, fake, process));
  world.program(`${bin}/pg_rewind`, (process) => void rewind(world, fake, process));
  world.program('tail', (process) => void tail(world, process));
  return fake;
}

async function initdb(world: QuietWorld, fake: FakePostgres, process: QuietProcess): Promise<void> {
  fake.inits += 1;
  const data = option(process, '--pgdata') as string;
  await world.disk.write(`${data}/PG_VERSION`, utf8(`${fake.version.split('.')[0]}\n`));
  await world.clock.sleep(500);
  if (fake.toolDies()) {
    process.exit(137);
    return;
  }
  await writeWhileThere(world, `${data}/control`, '7123456789012345678');
  process.exit(0);
}

/** A program that has outlived its pgctld may find its directory cleared away. */
async function writeWhileThere(world: QuietWorld, path: string, text: string): Promise<void> {
  try {
    await world.disk.write(path, utf8(text));
  } catch {
    // Then nobody will miss it.
  }
}

const leadersSettings = "work_mem = '7MB'\nsynchronous_standby_names = 'ANY 1 (mg_b)'\nprimary_conninfo = 'host=old'\n";

async function baseBackup(world: QuietWorld, fake: FakePostgres, process: QuietProcess): Promise<void> {
  fake.copies += 1;
  const data = option(process, '--pgdata') as string;
  await writeWhileThere(world, `${data}/PG_VERSION`, `${fake.source.major}\n`);
  await world.clock.sleep(fake.copyMs);
  if (fake.toolDies()) {
    process.exit(137);
    return;
  }
  await writeWhileThere(world, `${data}/postgresql.auto.conf`, leadersSettings);
  await writeWhileThere(world, `${data}/control`, fake.source.systemIdentifier);
  process.exit(0);
}

/** In the words of the real one. */
async function rewind(world: QuietWorld, fake: FakePostgres, process: QuietProcess): Promise<void> {
  const say = (text: string): void => process.stderr(`pg_rewind: ${text}\n`);
  if (fake.rewind === 'unreachable' || fake.rewind === 'unchanged') {
    say(fake.rewind === 'unchanged' ? 'no rewind required' : 'error: connection to server failed');
    process.exit(fake.rewind === 'unchanged' ? 0 : 1);
    return;
  }
  say('servers diverged at WAL location 1/30000D8 on timeline 3');
  say('rewinding from last common checkpoint at 1/3000028 on timeline 3');
  const data = option(process, '--target-pgdata') as string;
  await world.disk.remove(`${data}/control`);
  await world.clock.sleep(500);
  if (fake.toolDies() || fake.rewind === 'breaks') {
    say('error: could not fetch file');
    process.exit(1);
    return;
  }
  await writeWhileThere(world, `${data}/postgresql.auto.conf`, leadersSettings);
  await writeWhileThere(world, `${data}/pgsql_tmp.multigres-incarnation`, 'the leader\n');
  await world.disk.remove(`${data}/standby.signal`);
  await writeWhileThere(world, `${data}/control`, fake.source.systemIdentifier);
  say('Done!');
  process.exit(0);
}

async function postgres(world: QuietWorld, fake: FakePostgres, process: QuietProcess): Promise<void> {
  if (process.command.args[0] === '--version') {
    process.stdout(`postgres (PostgreSQL) ${fake.version} (Fake)\n`);
    process.exit(0);
    return;
  }
  const data = process.command.args[1] as string;
  const complete = (await world.disk.info(`${data}/control`)) !== undefined;
  const refusal = complete ? fake.refuses : 'FATAL:  could not open the control file';
  if (refusal !== undefined) {
    process.stderr(`${refusal}\n`);
    process.exit(1);
    return;
  }
  await serve(world, fake, process, data);
}

async function serve(world: QuietWorld, fake: FakePostgres, process: QuietProcess, data: string): Promise<void> {
  fake.starts += 1;
  fake.lastArgs = process.command.args;
  fake.alive.add(process.pid);
  const pidFile = `${data}/postmaster.pid`;
  const write = (phase: string): Promise<void> =>
    world.disk.write(pidFile, utf8(`${process.pid}\n${data}\n1700000000\n5432\n/run\n\n 1 2\n${phase}\n`));
  await write('starting');
  const standby = (await world.disk.info(`${data}/standby.signal`)) !== undefined;
  if (standby) fake.standbys.add(process.pid);
  process.onSignal((signal) => {
    if (fake.deaf.includes(signal) || signal === 'SIGHUP') return;
    if (signal === 'SIGUSR1') {
      void promote(world, fake, process, data);
      return;
    }
    fake.alive.delete(process.pid);
    fake.standbys.delete(process.pid);
    void world.disk.remove(pidFile).then(() => process.exit(0));
  });
  await world.clock.sleep(fake.startMs);
  if (world.processes.isAlive(process.pid)) await write('ready   ');
}

/** A standby that finds its trigger file becomes a primary (PostgreSQL source, `CheckPromoteSignal`). */
async function promote(world: QuietWorld, fake: FakePostgres, process: QuietProcess, data: string): Promise<void> {
  if (!fake.standbys.has(process.pid) || (await world.disk.info(`${data}/promote`)) === undefined) return;
  await world.disk.remove(`${data}/promote`);
  await world.clock.sleep(fake.promoteMs);
  if (!world.processes.isAlive(process.pid)) return;
  await world.disk.remove(`${data}/standby.signal`);
  await world.clock.sleep(20);
  if (world.processes.isAlive(process.pid)) fake.standbys.delete(process.pid);
}

async function controlData(world: QuietWorld, fake: FakePostgres, process: QuietProcess): Promise<void> {
  const data = process.command.args[1] as string;
  if ((await world.disk.info(`${data}/control`)) === undefined) {
    process.stderr('could not open file\n');
    process.exit(1);
    return;
  }
  const crashed = (await world.disk.info(`${data}/postmaster.pid`)) !== undefined;
  const running = fake.standbys.size > 0 ? 'in archive recovery' : 'in production';
  const state = fake.alive.size > 0 || crashed ? running : 'shut down';
  const identifier = utf8Text(await world.disk.read(`${data}/control`));
  process.stdout(`Database cluster state:    ${state}\nDatabase system identifier:    ${identifier}\n`);
  process.exit(0);
}

async function tail(world: QuietWorld, process: QuietProcess): Promise<void> {
  process.stdout(utf8Text(await world.disk.read(process.command.args.at(-1) as string)));
  process.exit(0);
}
