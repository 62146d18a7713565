import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Folder } from './folder.ts';
import { writeWhole } from './record.ts';

const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';
const length = 24;

/** The superuser's password: made once, for this user's eyes only, of characters that need no quoting anywhere. */
export function ensurePassword(folder: Folder): string {
  if (existsSync(folder.password)) return readFileSync(folder.password, 'utf8').trim();
  const password = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
  writeWhole(folder.password, `${password}\n`, 0o600);
  return password;
}
