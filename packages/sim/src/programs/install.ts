import type { ProgramStart } from '../world/processes.ts';
import type { Weather } from '../world/weather.ts';
import { directoryAt, initdb } from './initdb.ts';
import { postgres, type PostgresSite, type RunningServer } from './postmaster.ts';
import { giveUp, option, textAt, toolsOf } from './program.ts';

/** Puts PostgreSQL's programs, as far as pgctld runs them, onto every machine. */
export function installPostgres(weather: Weather, options: PostgresSite['options']): PostgresSite {
  const site: PostgresSite = { weather, servers: new Map<string, RunningServer>(), options };
  weather.programs.set('initdb', (start) => initdb(weather, start));
  weather.programs.set('postgres', (start) => postgres(site, start));
  weather.programs.set('pg_controldata', (start) => controlData(weather, start));
  weather.programs.set('tail', (start) => tail(weather, start));
  return site;
}

/** PostgreSQL documentation, "pg_controldata". */
async function controlData(weather: Weather, start: ProgramStart): Promise<number> {
  const tools = toolsOf(weather, start);
  const value = directoryAt(tools, option(start.command.args, '-D') ?? '');
  if (value === undefined) return giveUp(tools, 'pg_controldata: error: could not open file "global/pg_control"');
  const lines = [
    `Database system identifier:           ${value.systemIdentifier}`,
    'Database cluster state:               in production',
    "Latest checkpoint's TimeLineID:       1",
    'Data page checksum version:           1',
  ];
  start.write(`${lines.join('\n')}\n`, 'stdout');
  return 0;
}

async function tail(weather: Weather, start: ProgramStart): Promise<number> {
  const { world } = toolsOf(weather, start);
  start.write((await textAt(world, start.command.args.at(-1) ?? '')) ?? '', 'stdout');
  return 0;
}
