import type { World } from '@multigres/core';
import { withDisk } from './files.ts';
import type { Layout } from './layout.ts';

/**
 * Tells a standby to end recovery, as pg_ctl promote does (PostgreSQL source, `pg_ctl.c`): a file, then a signal. Its end shows in
 * postmaster.pid, which we look at more often than pg_ctl would. A file that nobody was told of is removed by the next
 * postmaster, and by the next pgctld.
 */
export async function tellToPromote(world: World, layout: Layout, pid: number): Promise<void> {
  const path = `${layout.data}/promote`;
  try {
    await withDisk('promote Postgres', () => world.disk.write(path, new Uint8Array(0), 0o600));
    world.processes.signal(pid, 'SIGUSR1');
  } catch (error) {
    await world.disk.remove(path).catch(() => undefined);
    throw error;
  }
}
