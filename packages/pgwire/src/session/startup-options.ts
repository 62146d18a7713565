import type { PgError } from '@multigres/core';
import { invalidStartupOption, startupOptionNeedsValue } from '../errors.ts';

/** A setting as the user wrote it: name (with `-` turned into `_` where PostgreSQL does) and value. */
export type StartupSetting = readonly [name: string, value: string];

export type StartupOptions =
  | { readonly kind: 'settings'; readonly settings: readonly StartupSetting[] }
  | { readonly kind: 'refused'; readonly error: PgError };

/** `pg_split_opts`: words between white space; a backslash takes the next character as it is. */
export function splitStartupOptions(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (isSpace(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '\\') {
      at += 1;
      word = (word ?? '') + text.charAt(at);
    } else {
      word = (word ?? '') + character;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** C's `isspace`. */
function isSpace(character: string): boolean {
  return character === ' ' || (character >= '\t' && character <= '\r');
}

/** The options of `postgres` (its `getopt` string) that a client may give, and the setting that each stands for. */
const withoutValue: Readonly<Record<string, StartupSetting | 'ignored'>> = {
  e: ['datestyle', 'euro'],
  F: ['fsync', 'false'],
  i: ['listen_addresses', '*'],
  l: ['ssl', 'true'],
  n: 'ignored',
  O: ['allow_system_table_mods', 'true'],
  P: ['ignore_system_indexes', 'true'],
  s: ['log_statement_stats', 'true'],
  T: 'ignored',
};
const withValue: Readonly<Record<string, string | 'ignored'>> = {
  B: 'shared_buffers',
  C: 'ignored',
  h: 'listen_addresses',
  k: 'unix_socket_directories',
  N: 'max_connections',
  p: 'port',
  S: 'work_mem',
  W: 'post_auth_delay',
};
const planMethods: Readonly<Record<string, string>> = {
  s: 'enable_seqscan',
  i: 'enable_indexscan',
  o: 'enable_indexonlyscan',
  b: 'enable_bitmapscan',
  t: 'enable_tidscan',
  n: 'enable_nestloop',
  m: 'enable_mergejoin',
  h: 'enable_hashjoin',
};
const statistics: Readonly<Record<string, string>> = {
  pa: 'log_parser_stats',
  pl: 'log_planner_stats',
  e: 'log_executor_stats',
};

/**
 * The settings in the `options` parameter of a StartupMessage, in the order given, by the grammar of `postgres`'s command line:
 * `-c name=value`, `--name=value` and the letters that PostgreSQL documents ("Short Options"), which may be written together. Whether a
 * setting exists and may be set is the server's to judge. Refusals: 42601.
 */
export function parseStartupOptions(text: string): StartupOptions {
  const words = splitStartupOptions(text);
  const settings: StartupSetting[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === '--') {
      // As getopt does: the end of the options. Nothing else may follow, either.
      const next = words[i + 1];
      return next === undefined ? { kind: 'settings', settings } : refused(invalidStartupOption(next));
    }
    if (!word.startsWith('-') || word === '-') return refused(invalidStartupOption(word));
    let at = 1;
    while (at < word.length) {
      const letter = word.charAt(at);
      at += 1;
      let value: string | undefined;
      if (takesValue(letter)) {
        // As getopt does: the rest of the word, or else the next word.
        value = at < word.length ? word.slice(at) : words[++i];
        at = word.length;
      }
      const setting = settingOf(letter, value, word);
      if (setting === 'ignored') continue;
      if ('sqlstate' in setting) return refused(setting);
      settings.push(setting);
    }
  }
  return { kind: 'settings', settings };
}

function takesValue(letter: string): boolean {
  return '-cdft'.includes(letter) || Object.hasOwn(withValue, letter);
}

function settingOf(letter: string, value: string | undefined, word: string): StartupSetting | PgError | 'ignored' {
  if (Object.hasOwn(withoutValue, letter)) return withoutValue[letter] as StartupSetting | 'ignored';
  if (value === undefined) return invalidStartupOption(word);
  switch (letter) {
    case 'c':
      return namedSetting(value, '-c ');
    case '-':
      return namedSetting(value, '--');
    case 'd':
      // The other settings that -d stands for can not be set by a client, and PostgreSQL passes over them too.
      return ['log_min_messages', value === '0' ? 'notice' : `debug${value}`];
    case 'f':
      return lettered(planMethods, value, 'false', word);
    case 't':
      return lettered(statistics, value.startsWith('p') ? value.slice(0, 2) : value.charAt(0), 'true', word);
    default: {
      const name = Object.hasOwn(withValue, letter) ? (withValue[letter] as string) : undefined;
      if (name === undefined) return invalidStartupOption(word);
      return name === 'ignored' ? 'ignored' : [name, value];
    }
  }
}

function lettered(
  names: Readonly<Record<string, string>>,
  key: string,
  value: string,
  word: string,
): StartupSetting | PgError {
  return Object.hasOwn(names, key) ? [names[key] as string, value] : invalidStartupOption(word);
}

/** `ParseLongOption`: dashes in the name mean underscores. */
function namedSetting(text: string, prefix: string): StartupSetting | PgError {
  const equals = text.indexOf('=');
  const name = (equals < 0 ? text : text.slice(0, equals)).replaceAll('-', '_');
  return equals < 0 ? startupOptionNeedsValue(prefix + text) : [name, text.slice(equals + 1)];
}

function refused(error: PgError): StartupOptions {
  return { kind: 'refused', error };
}
