import { CliError, exitCode } from '../errors.ts';
import type { Cluster } from './cluster.ts';
import { clusterFolder, type Folder } from './folder.ts';
import { readRecord } from './record.ts';
import { unprivilegedAccount } from './unprivileged.ts';

/** The cluster in a folder, or undefined if none was ever started there. */
export function existingCluster(dir: string): { readonly folder: Folder; readonly cluster: Cluster | undefined } {
  const folder = clusterFolder(dir);
  const record = readRecord(folder);
  return { folder, cluster: record && { folder, record, account: unprivilegedAccount() } };
}

/** The same for commands that make no sense without one. */
export function requiredCluster(dir: string): Cluster {
  const { folder, cluster } = existingCluster(dir);
  if (cluster === undefined) {
    throw new CliError(`there is no cluster in ${folder.root}`, {
      hint: 'Start one with `./mg up`, or name its folder: --dir FOLDER.',
      exitCode: exitCode.stopped,
    });
  }
  return cluster;
}
