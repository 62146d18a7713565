import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Folder } from './folder.ts';
import { writeWhole } from './record.ts';

const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';
const length = 24;

/** undefined if none was made for this folder, or its file is lost. */
export function readPassword(folder: Folder): string | undefined {
  return existsSync(folder.password) ? readFileSync(folder.password, 'utf8').trim() : undefined;
}

/** Makes the superuser's password, for this user's eyes only, of characters that need no quoting anywhere. */
export function makePassword(folder: Folder): string {
  const password = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
  writeWhole(folder.password, `${password}\n`, 0o600);
  return password;
}
