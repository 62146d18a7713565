import { rmSync } from 'node:fs';
import { sockets, type Cluster } from './cluster.ts';
import { stopComponent } from './component.ts';
import type { Step } from './steps.ts';
import { stopPostgres } from './stop-postgres.ts';

/** From the clients inward, so that nobody is asked for what is already gone; each with a deadline. */
export function stopSteps(cluster: Cluster): readonly Step[] {
  const { folder } = cluster;
  return [
    { title: 'gateway', run: () => stopComponent(folder, 'gateway', 15_000) },
    { title: 'pooler', run: () => stopComponent(folder, 'pooler', 15_000) },
    { title: 'postgres', run: () => stopPostgres(cluster) },
    { title: 'pgctld', run: () => stopComponent(folder, 'pgctld', 10_000) },
    {
      title: 'etcd',
      run: async () => {
        const how = await stopComponent(folder, 'etcd', 10_000);
        removeSockets(cluster);
        return how;
      },
    },
  ];
}

/** Socket files outlive a process that was killed. */
export function removeSockets({ folder }: Cluster): void {
  for (const socket of Object.values(sockets)) rmSync(socket(folder), { force: true });
}
