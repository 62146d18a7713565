import { Command, CommanderError } from 'commander';
import { exitCode } from './errors.ts';
import { version } from './version.ts';
import { failureReport } from './failure-report.ts';

/** A command and where its code is: only what is asked for is loaded, so that a gateway does not carry the others in its memory. */
interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const entries: readonly Entry[] = [
  {
    name: 'up',
    summary: 'start a whole local cluster in a folder',
    load: async () => (await import('./cluster/up.ts')).upCommand(),
  },
  {
    name: 'down',
    summary: 'stop it; data stays',
    load: async () => (await import('./cluster/down.ts')).downCommand(),
  },
  {
    name: 'restart',
    summary: 'restart every process of it in turn, without an error for clients',
    load: async () => (await import('./cluster/restart.ts')).restartCommand(),
  },
  {
    name: 'status',
    summary: 'show what runs where',
    load: async () => (await import('./cluster/status.ts')).statusCommand(),
  },
  {
    name: 'psql',
    summary: 'open psql through the gateway',
    load: async () => (await import('./cluster/psql.ts')).psqlCommand(),
  },
  {
    name: 'shard',
    summary: 'see how a shard is kept; switch over, fail over, add and remove members',
    load: async () => (await import('./shard/shard.ts')).shardCommand(),
  },
  {
    name: 'chaos',
    summary: 'hurt a cluster while clients write and read, and judge what they were told',
    load: async () => (await import('./chaos/chaos.ts')).chaosCommand(),
  },
  {
    name: 'topo',
    summary: 'look at what the components know of each other',
    load: async () => (await import('./topo/topo.ts')).topoCommand(),
  },
  {
    name: 'proxy',
    summary: 'put gateway and pooler in front of a Postgres you already have',
    load: async () => (await import('./serve/proxy.ts')).proxyCommand(),
  },
  {
    name: 'config',
    summary: 'check a configuration file',
    load: async () => (await import('./serve/config.ts')).configCommand(),
  },
  {
    name: 'gateway',
    summary: 'take connections of Postgres clients and serve them through a pooler',
    load: async () => (await import('./serve/gateway.ts')).gatewayCommand(),
  },
  {
    name: 'pooler',
    summary: 'run a pooler beside a Postgres',
    load: async () => (await import('./serve/pooler.ts')).poolerCommand(),
  },
  {
    name: 'orch',
    summary: 'keep the shards of a cluster alive',
    load: async () => (await import('./serve/orch.ts')).orchCommand(),
  },
  {
    name: 'pgctld',
    summary: 'run the hands on one Postgres',
    load: async () => (await import('./serve/pgctld.ts')).pgctldCommand(),
  },
];

/** The one named on the command line, or all of them for the overview. */
async function commandsFor(name: string | undefined): Promise<readonly Command[]> {
  const asked = entries.find((entry) => entry.name === name);
  if (asked) return [await asked.load()];
  return entries.map((entry) => new Command(entry.name).description(entry.summary));
}

async function run(args: readonly string[]): Promise<number> {
  const program = new Command('multigres')
    .description('Many Postgres servers look like one, and no acknowledged write is lost.')
    .version(version)
    .exitOverride()
    .enablePositionalOptions();
  for (const command of await commandsFor(args[0])) {
    for (const each of [command, ...command.commands]) each.exitOverride();
    program.addCommand(command);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : exitCode.ok;
  } catch (error) {
    // commander has already said what is wrong with the arguments, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    const report = failureReport(error);
    for (const line of report.lines) process.stderr.write(`${line}\n`);
    // What was begun before the failure, a pipe to the parent for one, must not keep the process.
    process.exit(report.exitCode);
  }
}

process.exitCode = await run(process.argv.slice(2));
