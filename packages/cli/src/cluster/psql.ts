import { spawn } from 'node:child_process';
import path from 'node:path';
import { ensureTool } from '@multigres/host';
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import { isComponentAlive, readComponent } from './component.ts';
import { superuser } from './connection-string.ts';
import { requiredCluster } from './existing-cluster.ts';
import { dirOption } from './options.ts';
import { readPassword } from './password.ts';
import { say } from './steps.ts';

/** `multigres psql`: psql through the gateway. All arguments are psql's; its exit code is ours. */
export function psqlCommand(): Command {
  return new Command('psql')
    .description('Open psql through the gateway. Everything behind is for psql: ./mg psql -c "select 1".')
    .addOption(dirOption())
    .argument('[arguments...]', 'for psql')
    .helpOption('--help')
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: readonly string[], flags: { readonly dir: string }) => psql(args, flags.dir));
}

async function psql(args: readonly string[], dir: string): Promise<void> {
  const { folder, record } = requiredCluster(dir);
  const gateway = record.gateways.find(({ name }) => isComponentAlive(readComponent(folder, name)));
  if (gateway === undefined) {
    throw new CliError(`the cluster in ${folder.root} does not run`, { hint: 'Start it with `./mg up`.' });
  }
  const { bin } = await ensureTool('postgres-17', say);
  const password = readPassword(folder);
  const env = {
    ...process.env,
    PGHOST: gateway.host,
    PGPORT: String(gateway.port),
    PGUSER: superuser,
    PGDATABASE: 'postgres',
    ...(password === undefined ? {} : { PGPASSWORD: password }),
  };
  process.exitCode = await run(path.join(bin, 'psql'), args, env);
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  // The terminal sends Ctrl-C to psql, too, where it ends a query and not the session.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}
