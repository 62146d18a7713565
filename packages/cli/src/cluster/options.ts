import { Option } from 'commander';

/** The cluster's folder, the same for each command. */
export function dirOption(): Option {
  return new Option('--dir <folder>', 'folder of the cluster').default('.multigres').env('MULTIGRES_DIR');
}
