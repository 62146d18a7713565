import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Folder } from './folder.ts';
import { writeWhole } from './record.ts';

const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';
const length = 24;

/** The superuser's; undefined if none was made for this folder, or its file is lost. */
export function readPassword(folder: Folder): string | undefined {
  return readSecret(folder.password);
}

export function readSecret(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** Makes a password and keeps it in a file, for this user's eyes only, of characters that need no quoting anywhere. */
export function makeSecret(file: string): string {
  const password = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
  writeWhole(file, `${password}\n`, 0o600);
  return password;
}
