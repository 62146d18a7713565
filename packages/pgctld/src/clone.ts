import { syncArgs } from './binaries.ts';
import { conninfoOfTool, type SourceEndpoint } from './conninfo.ts';
import { finishSwap, nameBeside, removeLeftovers } from './data-swap.ts';
import { cloneFailed, foreignSource, sourceOfOtherMajor } from './errors.ts';
import { giveToPostgres, readText, withDisk } from './files.ts';
import { followSource } from './follow-source.ts';
import { readMark } from './incarnation-mark.ts';
import { incarnationFor } from './initialize.ts';
import { demandPassword, writePassfile } from './passfile.ts';
import type { Place } from './place.ts';
import { readControlData } from './read-control-data.ts';
import { lastWords, runTool, type WatchTool } from './run-tool.ts';
import { parseDataMajor } from './version.ts';

export interface CloneOptions {
  readonly source: SourceEndpoint;
  /** What the copy shall be known by; undefined: drawn. Where the data directory is known by it already, nothing is done. */
  readonly incarnation: string | undefined;
  /** What the copy's control file must say; undefined: nothing is demanded unless data is replaced. */
  readonly systemIdentifier: bigint | undefined;
}

/**
 * Replaces the data directory by a copy of a running server's (PostgreSQL documentation, "pg_basebackup"), a standby of it. The copy is made
 * and checked aside; from when the record names it, it takes the place whatever happens. Rejects with what it must, and has then changed nothing.
 */
export async function clone(place: Place, options: CloneOptions, watch: WatchTool): Promise<void> {
  const { world, config, layout, keeper } = place;
  demandPassword(config);
  const incarnation = incarnationFor(world, options.incarnation);
  await withDisk('clone', async () => {
    await finishSwap(world, layout, keeper);
    if ((await readMark(world, layout.data)) === incarnation && keeper.record.incarnation === incarnation) return;
    await removeLeftovers(world, layout, keeper);
    const name = nameBeside(world, 'made');
    const directory = `${layout.root}/${name}`;
    try {
      await copyInto(place, directory, options.source, watch);
      const systemIdentifier = await checkCopy(place, directory, await demanded(place, options));
      await followSource(world, config, layout, { directory, incarnation, source: options.source });
      await keeper.change({ incarnation, systemIdentifier, standby: true, swap: name, rewinding: undefined });
      await finishSwap(world, layout, keeper);
    } finally {
      await removeLeftovers(world, layout, keeper);
    }
  });
}

async function copyInto(place: Place, directory: string, source: SourceEndpoint, watch: WatchTool): Promise<void> {
  const { world, config, layout, programs } = place;
  await world.disk.makeDirectory(layout.etc, 0o755);
  await writePassfile(world, config, layout);
  await world.disk.makeDirectory(directory, 0o700);
  await giveToPostgres(world, config, directory);
  const { silentMsMax } = config.limits;
  const args = [
    `--pgdata=${directory}`,
    `--dbname=${conninfoOfTool(source, layout)}`,
    '--format=plain',
    '--wal-method=stream',
    '--checkpoint=fast',
    '--no-password',
    '--progress',
    ...syncArgs(programs),
  ];
  const result = await runTool(place, { name: 'pg_basebackup', args, silentMsMax }, watch);
  if (!result.succeeded) throw cloneFailed(lastWords(result));
}

/** The system identifiers that the copy must have: the one that was asked for, and that of data that is replaced. Data that was lost makes no demands. */
async function demanded({ world, layout, keeper }: Place, options: CloneOptions): Promise<readonly bigint[]> {
  const { rewinding, systemIdentifier } = keeper.record;
  const asked = options.systemIdentifier === undefined ? [] : [options.systemIdentifier];
  const replaces = rewinding !== undefined || (await world.disk.info(`${layout.data}/PG_VERSION`)) !== undefined;
  return replaces && systemIdentifier !== 0n ? [...asked, systemIdentifier] : asked;
}

/** Answers the copy's system identifier. */
async function checkCopy(
  { world, config, programs }: Place,
  directory: string,
  demands: readonly bigint[],
): Promise<bigint> {
  const { major } = programs.version;
  const version = ((await readText(world, `${directory}/PG_VERSION`)) ?? '').trim();
  if (parseDataMajor(version) !== major) throw sourceOfOtherMajor(version, major);
  const { systemIdentifier } = await readControlData(world, config, directory);
  const unmet = demands.find((demand) => demand !== systemIdentifier);
  if (unmet !== undefined) throw foreignSource(systemIdentifier, unmet);
  return systemIdentifier;
}
