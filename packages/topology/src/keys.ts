import { utf8 } from '@multigres/core';

/**
 * A name as one segment of a key: letters, digits, `_`, `-` and `.` stand for themselves, every other byte of its UTF-8 is `%XX`. Names of
 * databases may hold anything, `/` included; distinct names give distinct segments, and none is empty.
 */
export function segment(name: string): string {
  let out = '';
  for (const byte of utf8(name)) {
    const char = String.fromCharCode(byte);
    out += /[A-Za-z0-9_.-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out === '' ? '%' : out;
}

/** Segments joined to a key. */
export function keyOf(...names: readonly string[]): string {
  return names.map(segment).join('/');
}
