import { dirname, isAbsolute, join } from 'node:path';
import { parseDurationMs, parseEndpoint, type Endpoint } from '@multigres/core';

/** One setting of the file: what it may be, and how it is read. */
export interface Setting<T> {
  /** Completes "must be ...". */
  readonly allowed: string;
  /** A change of it takes effect only when the process starts again. */
  readonly needsRestart?: boolean;
  /** Its value is not repeated in messages. */
  readonly isSecret?: boolean;
  /** The value as the program wants it; undefined if it is not allowed. `file` is the path of the file that it stands in. */
  read(value: unknown, file: string): T | undefined;
}

/** The same setting, where a change of it waits for the next start. */
export function fixed<T>(setting: Setting<T>): Setting<T> {
  return { ...setting, needsRestart: true };
}

/** The same setting, where its value is kept out of messages. */
export function secret<T>(setting: Setting<T>): Setting<T> {
  return { ...setting, isSecret: true };
}

export function count(min: number, max: number): Setting<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    read: (value) =>
      typeof value === 'number' && Number.isInteger(value) && inside(value, min, max) ? value : undefined,
  };
}

export const flag: Setting<boolean> = {
  allowed: 'true or false',
  read: (value) => (typeof value === 'boolean' ? value : undefined),
};

export const text: Setting<string> = {
  allowed: 'a string that is not empty',
  read: (value) => (typeof value === 'string' && value !== '' ? value : undefined),
};

export const texts: Setting<readonly string[]> = {
  allowed: 'a list of strings',
  read: (value) => (Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined),
};

export function choice<T extends string>(...words: readonly T[]): Setting<T> {
  return {
    allowed: `one of ${words.map((word) => `"${word}"`).join(', ')}`,
    read: (value) => words.find((word) => word === value),
  };
}

/**
 * Milliseconds. As in PostgreSQL's configuration (chapter "Setting Parameters", "Parameter Names and Values") a duration is written with its
 * unit; a bare number would leave open which one is meant, so only 0 may stand alone.
 */
export function duration(min: string, max: string): Setting<number> {
  const [minMs, maxMs] = [milliseconds(min), milliseconds(max)];
  return {
    allowed: `a duration from "${min}" to "${max}" (units: us, ms, s, min, h, d)`,
    read: (value) => inBounds(value, minMs, maxMs),
  };
}

/** A duration in milliseconds, where 0 switches the limit off. */
export function timeout(max: string): Setting<number> {
  const maxMs = milliseconds(max);
  return {
    allowed: `a duration from "1ms" to "${max}" (units: us, ms, s, min, h, d), or 0 for none`,
    read: (value) => (value === 0 ? 0 : inBounds(value, 0, maxMs)),
  };
}

const unitBytes: Readonly<Record<string, number>> = { B: 1, kB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/** Bytes, with PostgreSQL's units: `"32MB"`; 1 kB is 1024 bytes. */
export function bytes(min: string, max: string): Setting<number> {
  const [least, most] = [bytesOf(min) as number, bytesOf(max) as number];
  return {
    allowed: `a size from "${min}" to "${max}" (units: B, kB, MB, GB, TB)`,
    read: (value) => {
      const size = typeof value === 'string' ? bytesOf(value) : undefined;
      return size !== undefined && inside(size, least, most) ? size : undefined;
    },
  };
}

/** A file's path; a relative one starts at the folder of the configuration file. */
export const filePath: Setting<string> = {
  allowed: 'the path of a file',
  read: (value, file) => {
    if (typeof value !== 'string' || value === '') return undefined;
    return isAbsolute(value) ? value : join(dirname(file), value);
  },
};

/** `HOST:PORT`, or what `parse` makes of it. */
export function endpoint(
  parse: (text: string) => Endpoint | undefined = parseEndpoint,
  allowed: string = '"HOST:PORT" or the absolute path of a Unix socket',
): Setting<Endpoint> {
  return { allowed, read: (value) => (typeof value === 'string' ? parse(value) : undefined) };
}

function inBounds(value: unknown, minMs: number, maxMs: number): number | undefined {
  if (typeof value !== 'string' || /^\s*[\d.]+\s*$/.test(value)) return undefined;
  const ms = parseDurationMs(value);
  return ms !== undefined && inside(ms, minMs, maxMs) ? ms : undefined;
}

function milliseconds(value: string): number {
  return parseDurationMs(value) as number;
}

function bytesOf(value: string): number | undefined {
  const match = /^\s*(\d+)\s*(B|kB|MB|GB|TB)\s*$/.exec(value);
  return match === null ? undefined : Number(match[1]) * (unitBytes[match[2] as string] as number);
}

function inside(value: number, min: number, max: number): boolean {
  return value >= min && value <= max;
}
