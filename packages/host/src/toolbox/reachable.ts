import { statSync } from 'node:fs';
import path from 'node:path';

/**
 * The nearest folder above `place` (or itself) that other users may not enter, or undefined if there is none.
 * Root runs Postgres as another user, who must be able to walk to its programs and libraries.
 */
export function closedToOthers(place: string): string | undefined {
  for (let folder = path.resolve(place); ; folder = path.dirname(folder)) {
    const mode = statSync(folder, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o001) === 0) return folder;
    if (folder === path.dirname(folder)) return undefined;
  }
}
