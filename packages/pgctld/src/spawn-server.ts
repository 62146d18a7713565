import { utf8, utf8Text, type Child, type World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import { giveToPostgres, placeFile, readText, withDisk } from './files.ts';
import type { Layout } from './layout.ts';
import { endOrphans } from './orphans.ts';
import { writePassfile } from './passfile.ts';
import type { Place } from './place.ts';
import { judgeIdentity } from './postmaster-identity.ts';
import { parsePostmasterPid, withDeadPid } from './postmaster-pid.ts';
import { prepareStandby } from './prepare-standby.ts';
import { commandLineOf } from './running-process.ts';
import { hbaConf, mainConf, ourConf, serverArgs } from './settings.ts';
import type { StartEvidence } from './start-trouble.ts';

/** Larger than any pid that Linux gives (2^22). */
const deadPid = 999_999_999;

/** Directories for Postgres to write into, and the files that it reads. */
async function prepare({ world, config, layout, programs }: Place, again: boolean): Promise<void> {
  for (const directory of [layout.log, config.socketDirectory]) {
    // Handing over takes as long as all else here, and a crashed leader is waited for.
    if (again && (await world.disk.info(directory)) !== undefined) continue;
    await world.disk.makeDirectory(directory, 0o750);
    await giveToPostgres(world, config, directory);
  }
  for (const directory of [layout.etc, layout.confDirectory]) await world.disk.makeDirectory(directory, 0o755);
  await placeFile(world, layout.mainConf, mainConf(layout));
  await placeFile(world, layout.ourConf, ourConf(config, layout, programs));
  await placeFile(world, layout.hba, hbaConf());
  await placeFile(world, layout.ident, '');
  await writePassfile(world, config, layout);
}

/**
 * After a reboot the pid in a lock file may belong to any program, and Postgres would take that for a running server. Where the
 * process is provably something else, the file is made to name nobody; everything else in it, and the file, stays (`withDeadPid`).
 */
export async function disownRecycledPid(world: World, config: PgctldConfig, path: string): Promise<void> {
  const text = await readText(world, path);
  const file = text === undefined ? undefined : parsePostmasterPid(text);
  if (text === undefined || file === undefined || !world.processes.isAlive(file.pid)) return;
  if (judgeIdentity(await commandLineOf(world, file.pid), file.dataDirectory) !== 'other') return;
  world.telemetry.log.warn('the pid in a lock file belongs to another program by now', { path, pid: file.pid });
  const temporary = `${path}.tmp`;
  await world.disk.write(temporary, utf8(withDeadPid(text, deadPid)), 0o600);
  await giveToPostgres(world, config, temporary);
  await world.disk.rename(temporary, path);
}

export interface StartOptions {
  readonly standby: boolean;
  /** Follows nobody, whatever its configuration says. */
  readonly alone: boolean;
  /** This pgctld has started one before. */
  readonly again: boolean;
}

/** Starts the server, as a standby or as it comes, and answers as soon as the process is there. It lives on when pgctld ends. */
export async function spawnServer(place: Place, how: StartOptions): Promise<Child> {
  const { world, config, layout } = place;
  return withDisk('start Postgres', async () => {
    await prepare(place, how.again);
    await disownRecycledPid(world, config, `${layout.data}/postmaster.pid`);
    await disownRecycledPid(world, config, `${config.socketDirectory}/.s.PGSQL.${config.port}.lock`);
    await endOrphans(world, layout);
    if (how.standby) await prepareStandby(world, config, layout.data);
    await world.disk.write(layout.startupLog, new Uint8Array(0), 0o640);
    return world.processes.spawn({
      program: `${config.binDirectory}/postgres`,
      args: [...serverArgs(config, layout), ...(how.alone ? ['-c', 'primary_conninfo='] : [])],
      env: { LC_ALL: 'C' },
      directory: layout.root,
      detached: true,
      outputFile: layout.startupLog,
      ...(config.runAs === undefined ? {} : { runAs: config.runAs }),
    });
  });
}

const tailBytesMax = 32_768;

/** The end of a log, which may be long; empty if there is none. */
async function tailOf(world: World, path: string): Promise<string> {
  const command = { program: 'tail', args: ['-c', String(tailBytesMax), path] };
  const result = await world.processes.run(command, { timeoutMs: 5_000 });
  return result.stdout;
}

/** What the server has said about a start. */
export async function readEvidence(
  world: World,
  layout: Layout,
  pid: number | undefined,
  exit: string,
): Promise<StartEvidence> {
  const startupLog = utf8Text(await world.disk.read(layout.startupLog));
  // The server tells here where its log collector writes (PostgreSQL documentation, "current_logfiles").
  const current = /^stderr (.+)$/m.exec((await readText(world, `${layout.data}/current_logfiles`)) ?? '')?.[1];
  const collectedLog = current === undefined ? '' : await tailOf(world, current);
  return { startupLog, collectedLog, pid, exit };
}
