import type { World } from '@multigres/core';
import { readText } from './files.ts';

async function readProc(world: World, path: string): Promise<string | undefined> {
  try {
    return await readText(world, path);
  } catch {
    return undefined; // The process has ended between opening and reading, or its files are not ours to read.
  }
}

/**
 * The arguments of a process, each ended by NUL, as /proc/PID/cmdline has them; undefined if they cannot be read. Where there is no
 * /proc, `ps` is asked and the spaces are taken for ends.
 */
export async function commandLineOf(world: World, pid: number): Promise<string | undefined> {
  const line = await readProc(world, `/proc/${pid}/cmdline`);
  if (line !== undefined) return line;
  try {
    const command = { program: 'ps', args: ['-o', 'command=', '-p', String(pid)] };
    const { stdout } = await world.processes.run(command, { timeoutMs: 5_000 });
    const text = stdout.trim();
    if (text === '') return undefined;
    return text.startsWith('postgres: ') ? text : text.split(/\s+/).join('\0');
  } catch {
    return undefined;
  }
}
