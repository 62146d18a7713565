import type { Endpoint, Listener, Network, Signal, World } from '@multigres/core';
import { startPostgres, type PostgresModel } from '../model/postgres/postgres.ts';
import type { PostgresOptions } from '../model/postgres/server/options.ts';
import type { ProgramStart } from '../world/processes.ts';
import type { Weather } from '../world/weather.ts';
import { readConfig } from './config-file.ts';
import { directoryAt, serverVersion } from './initdb.ts';
import { giveUp, option, place, textAt, toolsOf, type Tools } from './program.ts';

/** A simulated server that runs, for whoever looks from outside: faults, oracles, programs that copy from it. */
export interface RunningServer {
  readonly machine: string;
  readonly pid: number;
  readonly directory: string;
  readonly port: number;
  readonly model: PostgresModel;
}

/** What the programs of all machines have in common. */
export interface PostgresSite {
  readonly weather: Weather;
  /** By machine. */
  readonly servers: Map<string, RunningServer>;
  /** Of the model, for each server alike. */
  readonly options: Omit<PostgresOptions, 'endpoint' | 'directory' | 'settings'>;
}

/** How often a stopping server is looked at. */
const stopLookMs = 5;

/** Runs a server until it is told to stop. (PostgreSQL documentation, "postgres".) */
export async function postgres(site: PostgresSite, start: ProgramStart): Promise<number> {
  const tools = toolsOf(site.weather, start);
  const { args } = start.command;
  if (args[0] === '--version') {
    start.write(`postgres (PostgreSQL) ${serverVersion}\n`, 'stdout');
    return 0;
  }
  const directory = option(args, '-D') ?? '';
  const lock = `${directory}/postmaster.pid`;
  const value = directoryAt(tools, directory);
  if (value === undefined) return giveUp(tools, `FATAL:  "${directory}" is not a valid data directory`);
  const holder = Number((await textAt(tools.world, lock))?.split('\n')[0] ?? 0);
  if (holder > 0 && holder !== start.pid && isPostgres(tools, holder)) {
    return giveUp(tools, 'FATAL:  lock file "postmaster.pid" already exists');
  }
  const settings = await settingsOf(tools, args, directory);
  const port = Number(settings.get('port') ?? 5432);
  const told = (phase: string): Promise<void> =>
    place(
      tools.world,
      lock,
      lockText(start.pid, directory, port, settings.get('unix_socket_directories') ?? '', phase),
    );
  await told('starting');
  const model = startPostgres(listeningTwice(tools.world, settings, port), {
    ...site.options,
    endpoint: { kind: 'tcp', host: settings.get('listen_addresses') === '' ? '127.0.0.1' : '0.0.0.0', port },
    directory: value.data,
  });
  const server: RunningServer = { machine: start.machine, pid: start.pid, directory, port, model };
  site.servers.set(start.machine, server);
  void model.ready.then(() => told('ready   '));
  await untilStopped(tools, model);
  if (site.servers.get(start.machine) === server) site.servers.delete(start.machine);
  await tools.world.disk.remove(lock);
  return 0;
}

function lockText(pid: number, directory: string, port: number, sockets: string, phase: string): string {
  return `${pid}\n${directory}\n1893456000\n${port}\n${sockets}\n*\n  5432001         0\n${phase}\n`;
}

function isPostgres({ weather, start }: Tools, pid: number): boolean {
  return weather
    .machine(start.machine)
    .processes.runningOf('postgres')
    .some((running) => running.pid === pid);
}

/** From the files, ALTER SYSTEM's among them, and then the command line, which wins. */
async function settingsOf({ world }: Tools, args: readonly string[], directory: string): Promise<Map<string, string>> {
  const given = args.flatMap((arg, i): [string, string][] => {
    const [, name, value] = (args[i - 1] === '-c' && /^([^=]+)=(.*)$/.exec(arg)) || [];
    return name === undefined ? [] : [[name, value ?? '']];
  });
  const file = new Map(given).get('config_file') ?? `${directory}/postgresql.conf`;
  const read = (path: string): Promise<string | undefined> => textAt(world, path);
  const settings = await readConfig(file, read, (path) => world.disk.list(path).catch(() => []));
  for (const [name, value] of given) settings.set(name, value);
  return settings;
}

/** Resolves when the model has gone down, however it was told to. */
function untilStopped({ start, world }: Tools, model: PostgresModel): Promise<void> {
  const acts: Partial<Record<Signal, () => void>> = {
    SIGTERM: () => model.stop(),
    SIGINT: () => model.stop(),
    SIGQUIT: () => model.crash(),
  };
  return new Promise((resolve) => {
    const look = (): void => {
      if (model.phase === 'down') resolve();
      else world.clock.after(stopLookMs, look);
    };
    start.onSignal((signal) => {
      acts[signal]?.();
      if (acts[signal] !== undefined) look();
    });
  });
}

/** A server listens at its port and at its socket. */
function listeningTwice(world: World, settings: ReadonlyMap<string, string>, port: number): World {
  const path = `${settings.get('unix_socket_directories') ?? '/tmp'}/.s.PGSQL.${port}`;
  const listen: Network['listen'] = async (endpoint: Endpoint, accept): Promise<Listener> => {
    const byPort = await world.network.listen(endpoint, accept);
    const bySocket = await world.network.listen({ kind: 'unix', path }, accept);
    return {
      endpoint: byPort.endpoint,
      close: async () => {
        await Promise.all([byPort.close(), bySocket.close()]);
      },
    };
  };
  return { ...world, network: { ...world.network, listen } };
}
