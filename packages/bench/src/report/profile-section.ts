import type { RoleProfile } from '../suites/profile.ts';
import { markdownTable } from './markdown-table.ts';
import { fixed, whole } from './numbers.ts';

const shown = 20;

/** The dearest functions of each of our processes. */
export function profileSection(profiles: readonly RoleProfile[]): string {
  const parts = profiles.map(({ role, busyMs, functions }) => {
    const rows = functions
      .slice(0, shown)
      .map(({ name, place, selfMs }) => [
        place === '' ? name : `${name} (${place})`,
        `${fixed((100 * selfMs) / busyMs, 1)} %`,
        whole(selfMs),
      ]);
    return `### ${role}, ${whole(busyMs)} ms busy\n\n${markdownTable(['function', 'own time', 'ms'], rows)}`;
  });
  return parts.length === 0 ? '' : ['## Where our processes spend their time', ...parts].join('\n\n');
}
