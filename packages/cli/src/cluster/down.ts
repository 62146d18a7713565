import { rmSync } from 'node:fs';
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import type { Cluster } from './cluster.ts';
import { lockCluster } from './cluster-lock.ts';
import { existingCluster } from './existing-cluster.ts';
import { dirOption } from './options.ts';
import { runSteps, say, type Step } from './steps.ts';
import { stopSteps } from './stop-cluster.ts';

interface Flags {
  readonly dir: string;
  readonly destroy: boolean;
}

/** `multigres down`: ends every process of a local cluster; data stays. */
export function downCommand(): Command {
  return new Command('down')
    .description('Stop the cluster in a folder. Its data stays.')
    .addOption(dirOption())
    .option('--destroy', 'remove its data and its folder, too', false)
    .action((flags: Flags) => down(flags));
}

/** Stops what runs. Rejects, when everything was tried, with what could not be stopped. */
export async function down(flags: Flags): Promise<void> {
  const { folder, cluster } = existingCluster(flags.dir);
  if (cluster === undefined) {
    say(`there is no cluster in ${folder.root}`);
    return;
  }
  const unlock = lockCluster(folder, 'down');
  try {
    const failures: string[] = [];
    await runSteps(stopSteps(cluster).map((step) => tolerant(step, failures)));
    if (failures.length > 0) throw new CliError(failures.join('; '));
    if (flags.destroy) destroy(cluster);
  } finally {
    unlock();
  }
}

/** One that cannot be stopped must not keep the others running. */
function tolerant(step: Step, failures: string[]): Step {
  return {
    title: step.title,
    run: async (report) => {
      try {
        return await step.run(report);
      } catch (error) {
        failures.push((error as Error).message);
        return (error as Error).message;
      }
    },
  };
}

function destroy({ folder, record }: Cluster): void {
  for (const place of [record.dataElsewhere, folder.sockets, folder.root]) {
    if (place !== undefined) rmSync(place, { recursive: true, force: true });
  }
  say(`removed ${folder.root}`);
}
