import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What one process has used, as of proc(5). Times in microseconds, since it began. */
export interface ProcessUsage {
  readonly pid: number;
  readonly parent: number;
  /** Of itself, all threads. */
  readonly cpuUs: number;
  /** Of its children that have ended and were waited for. */
  readonly endedChildrenCpuUs: number;
  readonly residentBytes: number;
}

let ticksPerSecond: number | undefined;
let pageBytes: number | undefined;
const getconf = (name: string): number => Number(execFileSync('getconf', [name], { encoding: 'utf8' }));

/** Fields of /proc/PID/stat behind the name in parentheses, which may hold anything. */
export function parseStat(text: string, tickUs: number, pageSize: number): ProcessUsage {
  const pid = Number(text.slice(0, text.indexOf(' ')));
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // proc(5) numbers from 1, and the state, number 3, is first here.
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    parent: field(4),
    cpuUs: (field(14) + field(15)) * tickUs,
    endedChildrenCpuUs: (field(16) + field(17)) * tickUs,
    residentBytes: field(24) * pageSize,
  };
}

function processUsage(pid: number | 'self'): ProcessUsage | undefined {
  ticksPerSecond ??= getconf('CLK_TCK');
  pageBytes ??= getconf('PAGESIZE');
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'), 1e6 / ticksPerSecond, pageBytes);
  } catch {
    // It ended while we looked.
    return undefined;
  }
}

/** The process and all its living descendants; empty if it has ended. */
export function processTree(root: number): readonly ProcessUsage[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processUsage(Number(name)))
    .filter((usage) => usage !== undefined);
  const tree = all.filter(({ pid }) => pid === root);
  for (const member of tree) tree.push(...all.filter(({ parent }) => parent === member.pid));
  return tree;
}

/** Open files and sockets of a process; 0 if it has ended. */
export function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** CPU of a whole tree: what lives, and what ended in it. */
export function treeCpuUs(root: number): number {
  return processTree(root).reduce((sum, usage) => sum + usage.cpuUs + usage.endedChildrenCpuUs, 0);
}

/** CPU of ourselves and of the programs that we ran to their end. */
export function ownCpuUs(): number {
  const usage = processUsage('self');
  return usage === undefined ? 0 : usage.cpuUs + usage.endedChildrenCpuUs;
}

/** CPU that all processors together have spent on anything since boot. */
export function machineCpuUs(): number {
  ticksPerSecond ??= getconf('CLK_TCK');
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.trim().split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) * (1e6 / ticksPerSecond);
}
