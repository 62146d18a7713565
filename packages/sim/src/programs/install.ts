import { controldata } from '../model/postgres/programs.ts';
import type { InitdbOptions } from '../model/postgres/storage/data-directory.ts';
import type { ProgramStart } from '../world/processes.ts';
import type { Weather } from '../world/weather.ts';
import { pgBasebackup, pgRewind } from './copy-programs.ts';
import { directoryAt, initdb } from './initdb.ts';
import { postgres, type PostgresSite } from './postmaster.ts';
import { giveUp, option, textAt, toolsOf } from './program.ts';

/** Puts PostgreSQL's programs, as far as pgctld runs them, onto every machine. */
export function installPostgres(
  weather: Weather,
  options: PostgresSite['options'],
  made: Omit<InitdbOptions, 'systemIdentifier'> = {},
): PostgresSite {
  const site: PostgresSite = { weather, servers: new Map(), options };
  weather.programs.set('initdb', (start) => initdb(weather, start, made));
  weather.programs.set('postgres', (start) => postgres(site, start));
  weather.programs.set('pg_controldata', (start) => controlData(weather, start));
  weather.programs.set('pg_basebackup', (start) => pgBasebackup(weather, start));
  weather.programs.set('pg_rewind', (start) => pgRewind(weather, start));
  weather.programs.set('tail', (start) => tail(weather, start));
  return site;
}

/** PostgreSQL documentation, "pg_controldata". */
async function controlData(weather: Weather, start: ProgramStart): Promise<number> {
  const tools = toolsOf(weather, start);
  const data = directoryAt(tools, option(start.command.args, '-D') ?? '');
  if (data === undefined) return giveUp(tools, 'pg_controldata: error: could not open file "global/pg_control"');
  const { systemIdentifier, state, checkpoint } = controldata(data);
  const lines = [
    `Database system identifier:           ${systemIdentifier}`,
    `Database cluster state:               ${state}`,
    `Latest checkpoint's TimeLineID:       ${checkpoint.timeline}`,
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
