import type { DataDirectory } from '../storage/data-directory.ts';
import { settingDefinition } from '../session/setting-table.ts';

/** A process's copy of the configuration: raw values by name in lower case. */
export type Config = ReadonlyMap<string, string>;

/** postgresql.conf and postgresql.auto.conf, read now. */
export function readConfig(conf: Readonly<Record<string, string>>, directory: DataDirectory): Config {
  const config = new Map<string, string>();
  for (const [name, value] of [...Object.entries(conf), ...directory.autoConf]) {
    // Postgres has more settings than the model; those of extensions have a dot.
    if (settingDefinition(name) !== undefined || name.includes('.')) config.set(name.toLowerCase(), value);
  }
  return config;
}

/** After a reload: what needs a restart stays as it was. */
export function reread(before: Config, now: Config): Config {
  const config = new Map(now);
  for (const name of new Set([...before.keys(), ...now.keys()])) {
    const context = settingDefinition(name)?.context;
    if (context !== 'postmaster' && context !== 'internal') continue;
    const kept = before.get(name);
    if (kept === undefined) config.delete(name);
    else config.set(name, kept);
  }
  return config;
}

export function configText(config: Config, name: string): string {
  return config.get(name) ?? settingDefinition(name)?.boot ?? '';
}

const factors: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A time in milliseconds; -1 stays -1. */
export function configMs(config: Config, name: string): number {
  const definition = settingDefinition(name);
  const match = /^\s*(-?[\d.]+)\s*([a-z]*)\s*$/.exec(configText(config, name));
  const value = Number(match?.[1] ?? 0);
  const unit = match?.[2] ?? '';
  return value < 0 ? value : value * (factors[unit === '' ? (definition?.unit ?? 'ms') : unit] ?? 1);
}
