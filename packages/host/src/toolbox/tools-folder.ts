import { accessSync, constants, existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { closedToOthers } from './reachable.ts';

/** The folder of the repository, from source and from the built package alike. */
export const repositoryRoot: string = path.resolve(import.meta.dirname, '../../../..');

export interface ToolsFolder {
  readonly path: string;
  /** A sentence on why the tools are not in the repository, if they are not. */
  readonly reason?: string;
}

export interface Surroundings {
  readonly root: string;
  readonly isRoot: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Where fetched programs are kept: `.tools` of the repository, unless its path is closed to those who run them. */
export function toolsFolder({ root, isRoot, env }: Surroundings = surroundings()): ToolsFolder {
  const named = env['MG_TOOLS'];
  if (named !== undefined && named !== '') return { path: path.resolve(named) };
  const own = path.join(root, '.tools');
  if (isRoot) {
    const closed = closedToOthers(own);
    if (closed === undefined) return { path: own };
    return {
      path: '/var/cache/multigres/tools',
      reason: `the user who runs Postgres may not enter ${closed}, so its programs go to /var/cache/multigres/tools`,
    };
  }
  if (isWritable(existsSync(own) ? own : root)) return { path: own };
  const cache = path.join(env['XDG_CACHE_HOME'] || path.join(env['HOME'] || os.homedir(), '.cache'), 'multigres/tools');
  return { path: cache, reason: `${root} is not writable, so programs go to ${cache}` };
}

const surroundings = (): Surroundings => ({
  root: repositoryRoot,
  isRoot: process.geteuid?.() === 0,
  env: process.env,
});

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
