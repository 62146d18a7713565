import { formatLsn } from '@multigres/core';
import { basebackup, rewind, type Source } from '../model/postgres/programs.ts';
import { parseConninfo } from '../model/postgres/replication/conninfo.ts';
import { DataDirectory } from '../model/postgres/storage/data-directory.ts';
import type { ProgramStart } from '../world/processes.ts';
import type { Weather } from '../world/weather.ts';
import { autoConfText, directoryAt, writeDirectory } from './initdb.ts';
import { giveUp, option, place, textAt, toolsOf, type Tools } from './program.ts';

/** PostgreSQL documentation, "pg_basebackup". */
export async function pgBasebackup(weather: Weather, start: ProgramStart): Promise<number> {
  const tools = toolsOf(weather, start);
  const { args } = start.command;
  const directory = option(args, '--pgdata', '-D') ?? '';
  const data = new DataDirectory();
  try {
    await basebackup(tools.world, data, await sourceOf(tools, option(args, '--dbname', '-d') ?? ''));
  } catch (error) {
    return giveUp(tools, `pg_basebackup: error: ${wordsOf(error)}`);
  }
  await writeDirectory(tools, directory, data);
  return 0;
}

/** PostgreSQL documentation, "pg_rewind". */
export async function pgRewind(weather: Weather, start: ProgramStart): Promise<number> {
  const tools = toolsOf(weather, start);
  const { args } = start.command;
  const directory = option(args, '--target-pgdata', '-D') ?? '';
  const data = directoryAt(tools, directory);
  if (data === undefined) return giveUp(tools, `pg_rewind: fatal: could not open directory "${directory}"`);
  const say = (text: string): void => start.write(`pg_rewind: ${text}\n`, 'stderr');
  try {
    const result = await rewind(tools.world, data, await sourceOf(tools, option(args, '--source-server') ?? ''));
    say(`servers diverged at WAL location ${formatLsn(result.divergedLsn)} on timeline ${result.timeline}`);
    if (result.unchanged) {
      say('no rewind required');
      return 0;
    }
    say(`rewinding from last common checkpoint at ${formatLsn(data.control.checkpoint.lsn)}`);
    await place(tools.world, `${directory}/postgresql.auto.conf`, autoConfText(data));
    await tools.world.disk.remove(`${directory}/standby.signal`);
    say('Done!');
    return 0;
  } catch (error) {
    if (!data.usable) say('rewinding from last common checkpoint');
    return giveUp(tools, `pg_rewind: error: ${wordsOf(error)}`);
  }
}

/** The server that a connection string names. */
async function sourceOf({ world }: Tools, text: string): Promise<Source> {
  const conninfo = parseConninfo(text);
  return {
    endpoint: { kind: 'tcp', host: conninfo.get('host') ?? 'localhost', port: Number(conninfo.get('port') ?? 5432) },
    user: conninfo.get('user') ?? 'postgres',
    password: passwordIn(await textAt(world, conninfo.get('passfile') ?? '/nowhere'), conninfo.get('host') ?? ''),
  };
}

/** The last field of the first line of a password file that is about this host (PostgreSQL documentation, "The Password File"). */
export function passwordIn(passfile: string | undefined, host: string): string | undefined {
  const lines = (passfile ?? '').split('\n').map((line) => line.split(/(?<!\\):/));
  return lines.find(([about]) => about === '*' || about === host)?.[4]?.replaceAll(/\\(.)/g, '$1');
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
