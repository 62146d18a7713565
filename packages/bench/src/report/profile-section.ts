import type { RoleProfile } from '../suites/profile.ts';
import { markdownTable } from './markdown-table.ts';
import { fixed, whole } from './numbers.ts';

const shown = 20;

const intro =
  "V8's profiler counts time on the wall: a system call that another process interrupted (`writeBuffer` wakes a reader) looks dearer than it is, the more so the busier the machine.";

/** The dearest functions of each of our processes. */
export function profileSection(profiles: readonly RoleProfile[]): string {
  const parts = profiles.map(({ role, workload, busyMs, functions }) => {
    const rows = functions
      .slice(0, shown)
      .map(({ name, place, selfMs }) => [
        place === '' ? name : `${name} (${place})`,
        `${fixed((100 * selfMs) / busyMs, 1)} %`,
        whole(selfMs),
      ]);
    return `### ${role}, ${workload}: ${whole(busyMs)} ms busy\n\n${markdownTable(['function', 'own time', 'ms'], rows)}`;
  });
  return parts.length === 0 ? '' : ['## Where our processes spend their time', intro, ...parts].join('\n\n');
}
