import type { Cluster } from './cluster.ts';
import type { StartLog } from './begin-component.ts';
import { say } from './steps.ts';
import { stopSteps } from './stop-cluster.ts';

/** Stops what a failed start has started, and only that. Never rejects: the failure that led here is what the user must see. */
export async function undoStart(cluster: Cluster, log: StartLog): Promise<void> {
  const steps = stopSteps(cluster, log.started);
  if (steps.length > 0) say('stopping what was started');
  for (const { title, run } of steps) {
    try {
      await run(() => undefined);
    } catch (error) {
      say(`multigres: cannot stop ${title}: ${(error as Error).message}`);
    }
  }
}
