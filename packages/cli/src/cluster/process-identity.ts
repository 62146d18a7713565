import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** From /proc/PID/stat: state (field 3) and start time in ticks since boot (field 22). The name in field 2 may contain anything. */
function statOf(pid: number): { readonly state: string; readonly startTicks: string } | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
}

/**
 * What tells this life of a pid from any other one: which boot, and when it was started. undefined if no such process runs (a zombie has
 * ended; only its parent has not noticed).
 */
export function processIdentity(pid: number): string | undefined {
  const boot = read('/proc/sys/kernel/random/boot_id');
  if (boot === undefined) return identityByPs(pid);
  const stat = statOf(pid);
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
  return `${boot.trim()}/${stat.startTicks}`;
}

function ps(columns: string, pid: number): readonly string[] {
  const args = ['-o', columns, '-p', String(pid)];
  const output = execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return output.trim().split(/\s+/);
}

/** Where there is no /proc. */
function identityByPs(pid: number): string | undefined {
  try {
    const [state, ...started] = ps('state=,lstart=', pid);
    return state === undefined || state === '' || state.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined;
  }
}

/** Its arguments; empty if they cannot be read. */
export function commandLine(pid: number): readonly string[] {
  const line = read(`/proc/${pid}/cmdline`);
  if (line !== undefined) return line.split('\0').filter((arg) => arg !== '');
  try {
    return ps('command=', pid);
  } catch {
    return [];
  }
}
