import type { Endpoint, Listener, Network, Signal, World } from '@multigres/core';
import type { Life } from '../kernel/life.ts';
import { startPostgres, type PostgresModel } from '../model/postgres/postgres.ts';
import type { DelayMs, PostgresOptions } from '../model/postgres/server/options.ts';
import { settingDefinition } from '../model/postgres/session/setting-table.ts';
import type { DataDirectory } from '../model/postgres/storage/data-directory.ts';
import type { ProgramStart } from '../world/processes.ts';
import type { Weather } from '../world/weather.ts';
import { parseConfig, readConfig } from './config-file.ts';
import { passwordIn } from './copy-programs.ts';
import { autoConfBytes, directoryAt, serverVersion } from './initdb.ts';
import { giveUp, option, place, textAt, toolsOf, type Tools } from './program.ts';

/** A simulated server that runs, for whoever looks from outside: faults and oracles. */
export interface RunningServer {
  readonly machine: string;
  readonly life: Life;
  readonly pid: number;
  readonly port: number;
  readonly model: PostgresModel;
}

/** What the programs of all machines have in common. */
export interface PostgresSite {
  readonly weather: Weather;
  /** By machine: the last one that was started there. */
  readonly servers: Map<string, RunningServer>;
  /** Of the model, on this machine. */
  readonly options: (machine: string) => SiteOptions;
}

export type SiteOptions = Omit<PostgresOptions, 'endpoint' | 'directory' | 'settings' | 'onExit' | 'passwordOf'>;

/** Runs a server until it is told to stop. (PostgreSQL documentation, "postgres".) */
export async function postgres(site: PostgresSite, start: ProgramStart): Promise<number> {
  const tools = toolsOf(site.weather, start);
  const { args } = start.command;
  if (args[0] === '--version') {
    start.write(`postgres (PostgreSQL) ${serverVersion}\n`, 'stdout');
    return 0;
  }
  const path = option(args, '-D') ?? '';
  const data = directoryAt(tools, path);
  if (data?.usable !== true) return giveUp(tools, `FATAL:  "${path}" is not a valid data directory`);
  if (await isLocked(tools, path)) return giveUp(tools, 'FATAL:  lock file "postmaster.pid" already exists');
  const settings = await settingsOf(tools, args, path);
  return new Postmaster(site, tools, path, data, settings).run();
}

async function isLocked({ world, weather, start }: Tools, directory: string): Promise<boolean> {
  const holder = Number((await textAt(world, `${directory}/postmaster.pid`))?.split('\n')[0] ?? 0);
  if (holder === start.pid) return false;
  return weather
    .machine(start.machine)
    .processes.runningOf('postgres')
    .some(({ pid }) => pid === holder);
}

/** From the files, but ALTER SYSTEM's, and then from the command line, which wins. */
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

/** One life of a server on a machine: the model, its files, its signals. */
class Postmaster {
  readonly #site: PostgresSite;
  readonly #tools: Tools;
  readonly #path: string;
  readonly #data: DataDirectory;
  readonly #settings: ReadonlyMap<string, string>;
  readonly #port: number;
  readonly #sockets: string;

  constructor(
    site: PostgresSite,
    tools: Tools,
    path: string,
    data: DataDirectory,
    settings: ReadonlyMap<string, string>,
  ) {
    this.#site = site;
    this.#tools = tools;
    this.#path = path;
    this.#data = data;
    this.#settings = settings;
    this.#port = Number(settings.get('port') ?? 5432);
    this.#sockets = settings.get('unix_socket_directories') ?? '/tmp';
  }

  async run(): Promise<number> {
    const { start, world } = this.#tools;
    await this.#tell('starting');
    await this.#takeFiles();
    const ended = Promise.withResolvers<number>();
    const model = this.#start(() => ended.resolve(0));
    this.#site.servers.set(start.machine, {
      machine: start.machine,
      life: start.life,
      pid: start.pid,
      port: this.#port,
      model,
    });
    start.onSignal((signal) => this.#heed(model, signal));
    model.ready.then(
      () => this.#tell('ready   '),
      (error: unknown) => ended.resolve(giveUp(this.#tools, `FATAL:  ${String(error)}`)),
    );
    const code = await ended.promise;
    await world.disk.remove(this.#lock);
    return code;
  }

  get #lock(): string {
    return `${this.#path}/postmaster.pid`;
  }

  /** What others have written while no server ran, and what follows the server from now on. */
  async #takeFiles(): Promise<void> {
    const { world, disk } = this.#tools;
    const path = `${this.#path}/postgresql.auto.conf`;
    const text = await textAt(world, path);
    this.#data.autoConf = new Map(parseConfig(text ?? '').map(({ name, value }) => [name, value]));
    this.#data.standbySignal = disk.hasFile(`${this.#path}/standby.signal`);
    if (text !== undefined) disk.followFile(path, () => autoConfBytes(this.#data));
  }

  #start(onExit: () => void): PostgresModel {
    const { world, disk } = this.#tools;
    const options = this.#site.options(this.#tools.start.machine);
    const known = [...this.#settings].filter(([name]) => settingDefinition(name) !== undefined);
    return startPostgres(listeningTwice(world, this.#sockets, this.#port), {
      ...options,
      endpoint: {
        kind: 'tcp',
        host: this.#settings.get('listen_addresses') === '' ? '127.0.0.1' : '0.0.0.0',
        port: this.#port,
      },
      directory: this.#data,
      settings: Object.fromEntries(known),
      flushDelayMs: asSlowAs(disk.fault, options.flushDelayMs ?? { least: 0, greatest: 0 }),
      passwordOf: async (conninfo) =>
        passwordIn(await textAt(world, conninfo.get('passfile') ?? '/nowhere'), conninfo.get('host') ?? ''),
      onExit,
    });
  }

  /** The lock file, in which pgctld and pg_ctl read how it is (PostgreSQL source, `miscinit.c`). */
  #tell(phase: string): Promise<void> {
    const lines = [
      this.#tools.start.pid,
      this.#path,
      1_893_456_000,
      this.#port,
      this.#sockets,
      '*',
      '  5432001         0',
      phase,
    ];
    return place(this.#tools.world, this.#lock, `${lines.join('\n')}\n`);
  }

  #heed(model: PostgresModel, signal: Signal): void {
    if (signal === 'SIGTERM' || signal === 'SIGINT') model.stop();
    if (signal === 'SIGQUIT') model.crash();
    if (signal === 'SIGHUP' && model.phase !== 'down') model.reload();
    if (signal === 'SIGUSR1') this.#promote(model);
  }

  #promote(model: PostgresModel): void {
    const { disk } = this.#tools;
    const order = `${this.#path}/promote`;
    if (!disk.hasFile(order) || model.phase === 'down' || !model.inspect.isInRecovery()) return;
    disk.dropFile(order);
    void model.promote().then(() => disk.dropFile(`${this.#path}/standby.signal`));
  }
}

/** A slow disk is slow for the server, too. */
function asSlowAs(fault: { readonly slowness: number }, usual: DelayMs): DelayMs {
  return {
    get least(): number {
      return usual.least * fault.slowness;
    },
    get greatest(): number {
      return usual.greatest * fault.slowness;
    },
  };
}

/** A server listens at its port and at its socket. */
function listeningTwice(world: World, sockets: string, port: number): World {
  const path = `${sockets}/.s.PGSQL.${port}`;
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
