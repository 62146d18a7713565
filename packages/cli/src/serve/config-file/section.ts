import { nearest } from './nearest.ts';
import type { Setting } from './setting.ts';

/**
 * The settings of one `[section]`, by the names that the program uses: `sessionsMax` here is `sessions_max` in the file. What is absent from the
 * file is absent from the values; defaults are the business of who uses them.
 */
export type Section<T extends object> = { readonly [K in keyof T]-?: Setting<NonNullable<T[K]>> };

/** What is wrong with a file, one line each: `limits.sessions_max: must be ...`. */
export type Problems = string[];

type AnySection = Readonly<Record<string, Setting<unknown>>>;

/** Reads a table of the file, noting what is wrong. Without any problem the values are complete. */
export function readSection<T extends object>(
  section: Section<T>,
  name: string,
  table: unknown,
  file: string,
  problems: Problems,
): T {
  const settings = section as unknown as AnySection;
  const values: Record<string, unknown> = {};
  if (table === undefined) return values as T;
  if (!isTable(table)) problems.push(`${name}: must be a section: write [${name}], then its settings`);
  else
    for (const [key, value] of Object.entries(table)) {
      const setting = settings[camelCase(key)];
      if (setting === undefined || key !== snakeCase(camelCase(key))) {
        problems.push(unknownKey(`${name}.${key}`, key, namesOf(settings), (near) => `${name}.${near}`));
        continue;
      }
      const read = setting.read(value, file);
      if (read === undefined) problems.push(`${name}.${key}: must be ${setting.allowed}${notThis(setting, value)}`);
      else values[camelCase(key)] = read;
    }
  return values as T;
}

/** Reads `[name.ONE]`, `[name.OTHER]` ...: the same settings for each of several users, databases or the like. */
export function readNamedSections<T extends object>(
  section: Section<T>,
  name: string,
  table: unknown,
  file: string,
  problems: Problems,
): ReadonlyMap<string, T> {
  const values = new Map<string, T>();
  if (table === undefined) return values;
  if (!isTable(table)) problems.push(`${name}: must be sections: write [${name}.NAME], then its settings`);
  else
    for (const [key, value] of Object.entries(table))
      values.set(key, readSection(section, `${name}.${tomlKey(key)}`, value, file, problems));
  return values;
}

/** The settings that differ, by their names in the file. */
export function changedSettings<T extends object>(
  section: Section<T>,
  name: string,
  before: T,
  after: T,
): readonly { readonly name: string; readonly needsRestart: boolean }[] {
  const settings = Object.entries(section as unknown as AnySection);
  const [old, fresh] = [before, after] as Readonly<Record<string, unknown>>[];
  return settings
    .filter(([key]) => JSON.stringify(old?.[key]) !== JSON.stringify(fresh?.[key]))
    .map(([key, setting]) => ({ name: `${name}.${snakeCase(key)}`, needsRestart: setting.needsRestart ?? false }));
}

export function unknownKey(
  path: string,
  key: string,
  known: readonly string[],
  meant: (near: string) => string = (near) => near,
): string {
  const near = nearest(key, known);
  if (near !== undefined) return `${path}: unknown; did you mean ${meant(near)}?`;
  return `${path}: unknown; there are ${known.join(', ')}`;
}

function notThis(setting: Setting<unknown>, value: unknown): string {
  if (setting.isSecret) return '';
  const shown = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  return `, not ${shown.length > 60 ? `${shown.slice(0, 60)}...` : shown}`;
}

function namesOf(settings: AnySection): string[] {
  return Object.keys(settings).map(snakeCase);
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** A key as TOML wants it: quoted where it is not bare. */
export function tomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

function camelCase(key: string): string {
  return key.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
