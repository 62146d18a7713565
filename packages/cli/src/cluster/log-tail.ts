import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

const bytesMax = 65_536;

/** The size of a log now, so that what is written later can be told apart. 0 if there is none. */
export function logSize(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last lines written after `from`, without colours and empty lines. */
export function logTail(file: string, from = 0, linesMax = 12): readonly string[] {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return [];
  }
  try {
    const size = fstatSync(descriptor).size;
    const start = Math.max(from, size - bytesMax);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    readSync(descriptor, bytes, 0, bytes.length, start);
    const lines = bytes.toString('utf8').split('\n').map(plain);
    return lines.filter((line) => line !== '').slice(-linesMax);
  } finally {
    closeSync(descriptor);
  }
}

function plain(line: string): string {
  // oxlint-disable-next-line no-control-regex
  return line.replaceAll(/\u001B\[[0-9;]*m/g, '').trimEnd();
}
