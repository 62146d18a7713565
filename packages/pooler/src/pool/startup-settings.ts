import { stringConstant } from '@multigres/sql';

/** A setting of a startup packet, its name in lower case. */
export type StartupSetting = readonly [name: string, value: string];

/**
 * Settings that a login takes and SET does not ("cannot be set after connection start"), or that do their work only at login; and who the
 * session is, because RESET ROLE goes back to what the login said. Source: PostgreSQL documentation, view pg_settings, contexts `backend` and
 * `superuser-backend`; "Shared Library Preloading".
 */
const onlyAtLogin: ReadonlySet<string> = new Set([
  'ignore_system_indexes',
  'jit_debugging_support',
  'jit_profiling_support',
  'local_preload_libraries',
  'log_connections',
  'log_disconnections',
  'post_auth_delay',
  'role',
  'session_authorization',
  'session_preload_libraries',
]);

/** A startup packet's settings by what can be done about them. */
export interface StartupSettings {
  /** Only a backend that logged in with them has them: part of the pool's key. */
  readonly fixed: readonly StartupSetting[];
  /** Any backend can be given these. */
  readonly base: readonly StartupSetting[];
  /** What is told of the name without asking Postgres; undefined if there is none, or if Postgres would change it (it is in `base` then, too). */
  readonly applicationName: string | undefined;
}

/** Postgres takes such a name as it is: printable ASCII that fits into an identifier. */
const plainName = /^[ -~]{0,63}$/;

export function splitStartup(settings: readonly StartupSetting[]): StartupSettings {
  const fixed: StartupSetting[] = [];
  const base: StartupSetting[] = [];
  let applicationName: string | undefined;
  for (const setting of settings) {
    const [name, value] = setting;
    if (onlyAtLogin.has(name)) fixed.push(setting);
    else if (name === 'application_name' && plainName.test(value)) applicationName = value;
    else base.push(setting);
  }
  return { fixed, base, applicationName };
}

/**
 * The startup settings that some sessions have in common, less a plain application name: what they go back to with RESET. Postgres has been asked
 * whether it takes them, and what it tells a client that has them.
 */
export class Base {
  readonly #settings: readonly StartupSetting[];
  /** What Postgres reports to a session with these and not to one without, names in lower case. */
  readonly #reported: ReadonlyMap<string, StartupSetting>;
  #text = '';

  /** @param told what a backend that logged in with the settings reported; `plain` what one without them did */
  constructor(
    settings: readonly StartupSetting[],
    told: ReadonlyMap<string, string>,
    plain: ReadonlyMap<string, string>,
  ) {
    this.#settings = settings;
    const given = new Set(settings.map(([name]) => name));
    const reported = [...told].filter(([name, value]) => given.has(name.toLowerCase()) || plain.get(name) !== value);
    this.#reported = new Map(reported.map((setting) => [setting[0].toLowerCase(), setting]));
    this.adapt(plain);
  }

  /** SQL that gives a backend the settings; without those that every backend of the pool has anyway, so that more sessions are alike. */
  get text(): string {
    return this.#text;
  }

  /** Whether a session with this base hears nothing of what the configuration says about the setting. */
  overrides(name: string): boolean {
    return this.#reported.has(name.toLowerCase());
  }

  /** The pool's backends report this without being asked for anything else. */
  adapt(plain: ReadonlyMap<string, string>): void {
    const missing = this.#settings.filter(([name]) => {
      const reported = this.#reported.get(name);
      return reported === undefined || plain.get(reported[0]) !== reported[1];
    });
    this.#text = missing.map(([name, value]) => setConfig(name, value)).join(';');
  }

  /** What a new session with these is told, in the order of `plain`. */
  parameters(plain: ReadonlyMap<string, string>, applicationName: string | undefined): [name: string, value: string][] {
    const told = new Map(plain);
    for (const [name, value] of this.#reported.values()) told.set(name, value);
    if (applicationName !== undefined && told.has('application_name')) told.set('application_name', applicationName);
    return [...told];
  }
}

/** As set_config takes it the value is read as in a startup packet; SET would read lists differently. */
function setConfig(name: string, value: string): string {
  return `SELECT pg_catalog.set_config(${stringConstant(name)}, ${stringConstant(value)}, false)`;
}

/**
 * What a login with these settings would be told, if that is plain to see from what the backends report: every driver sends `client_encoding`,
 * and it is nearly always what the database has. Undefined: Postgres must be asked.
 */
export function plainlyTold(
  settings: readonly StartupSetting[],
  plain: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> | undefined {
  const reported = new Map([...plain].map(([name, value]) => [name.toLowerCase(), value]));
  const same = settings.every(([name, value]) => {
    const known = reported.get(name);
    return known === value || (name === 'client_encoding' && known === 'UTF8' && utf8Names.test(value));
  });
  return same ? plain : undefined;
}

/** Postgres compares names of encodings without regard to case, blanks and punctuation. */
const utf8Names = /^[^a-z0-9]*(?:u[^a-z0-9]*t[^a-z0-9]*f[^a-z0-9]*8|unicode)[^a-z0-9]*$/i;
