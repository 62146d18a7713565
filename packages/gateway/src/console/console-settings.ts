import { consoleSettingFixed, consoleSettingUnknown } from '../errors.ts';
import { version } from './version.ts';

interface Setting {
  /** As Postgres spells it. */
  readonly name: string;
  readonly value: string;
  /** Postgres tells clients of each change (documentation, "Asynchronous Operations"). */
  readonly told?: true;
  /** The values that may be set; any if absent. */
  readonly only?: RegExp;
}

const nothingElse = /^$/;

/**
 * Settings that drivers make or ask for on every connection. They change nothing that the console shows, or may only be set to what is
 * so anyway: anything else would be a promise that is not kept.
 */
const known: readonly Setting[] = [
  { name: 'server_version', value: `17.0 (Multigres ${version} console)`, told: true, only: nothingElse },
  { name: 'server_version_num', value: '170000', only: nothingElse },
  { name: 'server_encoding', value: 'UTF8', told: true, only: nothingElse },
  { name: 'client_encoding', value: 'UTF8', told: true, only: /^(utf-?8|unicode)$/i },
  { name: 'application_name', value: '', told: true },
  { name: 'DateStyle', value: 'ISO, MDY', told: true },
  { name: 'IntervalStyle', value: 'postgres', told: true },
  { name: 'TimeZone', value: 'UTC', told: true },
  { name: 'integer_datetimes', value: 'on', told: true, only: nothingElse },
  { name: 'standard_conforming_strings', value: 'on', told: true, only: /^(on|true|yes|1)$/i },
  { name: 'default_transaction_read_only', value: 'off', told: true },
  { name: 'in_hot_standby', value: 'off', told: true, only: nothingElse },
  { name: 'is_superuser', value: 'off', told: true, only: nothingElse },
  { name: 'session_authorization', value: '', told: true, only: nothingElse },
  { name: 'transaction_isolation', value: 'read committed', only: nothingElse },
  { name: 'transaction_read_only', value: 'off', only: nothingElse },
  { name: 'default_transaction_isolation', value: 'read committed' },
  { name: 'search_path', value: '"$user", public' },
  { name: 'extra_float_digits', value: '1' },
  { name: 'bytea_output', value: 'hex' },
  { name: 'client_min_messages', value: 'notice' },
  { name: 'row_security', value: 'on' },
  { name: 'jit', value: 'off' },
  { name: 'statement_timeout', value: '0', only: /^0\w*$/ },
  { name: 'lock_timeout', value: '0', only: /^0\w*$/ },
  { name: 'idle_in_transaction_session_timeout', value: '0', only: /^0\w*$/ },
  { name: 'idle_session_timeout', value: '0', only: /^0\w*$/ },
];

const byName: ReadonlyMap<string, Setting> = new Map(known.map((setting) => [setting.name.toLowerCase(), setting]));

/** The settings of one session at the console. */
export class ConsoleSettings {
  /** By the name in small letters; what is not there has its first value. */
  readonly #values: Map<string, string> = new Map();

  /** `startup`: the startup packet's settings; those that the console does not know are passed over, as they would change nothing. */
  constructor(user: string, startup: Iterable<readonly [string, string]>) {
    this.#values.set('session_authorization', user);
    for (const [name, value] of startup) {
      const setting = byName.get(name.toLowerCase());
      if (setting !== undefined && (setting.only === undefined || setting.only.test(value))) {
        this.#put(setting, value);
      }
    }
  }

  /** What a client is told at login. */
  welcome(): (readonly [name: string, value: string])[] {
    return known.filter(({ told }) => told).map(({ name }) => [name, this.show(name)]);
  }

  /** 42601 for what the console does not know. */
  show(name: string): string {
    const key = name.toLowerCase();
    const setting = byName.get(key);
    if (setting === undefined) throw consoleSettingUnknown(name);
    return this.#values.get(key) ?? setting.value;
  }

  /** As Postgres spells a setting's name, which is also its column's. */
  spelled(name: string): string {
    return byName.get(name.toLowerCase())?.name ?? name;
  }

  /** `value` undefined: as at login. Answers what the client is to be told of. Throws 0A000 for what cannot be set here. */
  set(name: string, value: string | undefined): (readonly [name: string, value: string])[] {
    const setting = byName.get(name.toLowerCase());
    if (setting === undefined) throw consoleSettingFixed(name);
    if (value === undefined) this.#values.delete(name.toLowerCase());
    else if (setting.only !== undefined && !setting.only.test(value)) throw consoleSettingFixed(name);
    else this.#put(setting, value);
    return setting.told ? [[setting.name, this.show(name)]] : [];
  }

  #put(setting: Setting, value: string): void {
    // What may only be one thing is told as that one thing: utf-8 is UTF8.
    this.#values.set(setting.name.toLowerCase(), setting.only === undefined ? value : setting.value);
  }
}
