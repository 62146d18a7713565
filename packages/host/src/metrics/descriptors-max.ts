import { readFileSync } from 'node:fs';

/** How many files and connections this process may have open; Infinity where the system does not say (other than Linux). */
export function descriptorsMax(): number {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return match === null ? Number.POSITIVE_INFINITY : Number(match[1]);
  } catch {
    return Number.NaN;
  }
}
