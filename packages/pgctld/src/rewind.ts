import { syncArgs } from './binaries.ts';
import { conninfoOfTool, type SourceEndpoint } from './conninfo.ts';
import { nameBeside } from './data-swap.ts';
import { rewindFailed, rewindRefused } from './errors.ts';
import { withDisk } from './files.ts';
import { followSource } from './follow-source.ts';
import { demandPassword, writePassfile } from './passfile.ts';
import type { Place } from './place.ts';
import { parseRewindReport, type RewindReport } from './rewind-report.ts';
import { lastWords, runTool, type ToolResult, type WatchTool } from './run-tool.ts';

/**
 * Makes a stopped data directory follow the source's history (PostgreSQL documentation, "pg_rewind"). The record says so durably before it
 * begins, and the directory has another name meanwhile: interrupted, it is not found under its own, and a pg_rewind that has outlived its
 * pgctld cannot reach what is made in its place. It comes back under its name when it is a standby of the source.
 */
export async function rewind(place: Place, source: SourceEndpoint, watch: WatchTool): Promise<RewindReport> {
  const { world, config, layout, keeper } = place;
  demandPassword(config);
  return withDisk('rewind', async () => {
    await writePassfile(world, config, layout);
    const name = nameBeside(world, 'rewound');
    const directory = `${layout.root}/${name}`;
    await keeper.change({ rewinding: name });
    await world.disk.rename(layout.data, directory);
    await world.disk.syncDirectory(layout.root);
    const result = await runRewind(place, directory, source, watch);
    const report = parseRewindReport(result.lines);
    if (!result.succeeded && report.begun) throw rewindFailed(lastWords(result));
    if (result.succeeded) {
      const { incarnation } = keeper.record;
      await followSource(world, config, layout, { directory, incarnation, source });
    }
    await world.disk.rename(directory, layout.data);
    await world.disk.syncDirectory(layout.root);
    await keeper.change({ rewinding: undefined });
    if (!result.succeeded) throw rewindRefused(lastWords(result));
    return report;
  });
}

/**
 * Never lets pg_rewind recover the directory itself: it would do so as a primary that nobody promoted, on the same timeline, and what that
 * writes looks like the source's history.
 */
function runRewind(place: Place, directory: string, source: SourceEndpoint, watch: WatchTool): Promise<ToolResult> {
  const { config, layout, programs } = place;
  const args = [
    `--target-pgdata=${directory}`,
    `--source-server=${conninfoOfTool(source, layout)}`,
    '--no-ensure-shutdown',
    '--progress',
    ...syncArgs(programs),
  ];
  const { silentMsMax } = config.limits;
  return runTool(place, { name: 'pg_rewind', args, silentMsMax }, watch);
}
