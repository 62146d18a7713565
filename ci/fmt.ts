// ./mg fmt: formats the code in place; with --check it only tells.
import { spawnSync } from 'node:child_process';
import { repositoryRoot } from './source/files.ts';

const { status } = spawnSync('oxfmt', process.argv.slice(2), { cwd: repositoryRoot, stdio: 'inherit' });
process.exitCode = status ?? 1;
