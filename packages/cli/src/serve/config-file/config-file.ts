import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import { CliError } from '../../errors.ts';
import {
  changedSettings,
  readNamedSections,
  readSection,
  tomlKey,
  unknownKey,
  type Problems,
  type Section,
} from './section.ts';
import { authSection, type AuthSection } from './sections/auth-section.ts';
import { consoleSection, type ConsoleSection } from './sections/console-section.ts';
import { databaseSection, type DatabaseSection } from './sections/databases-section.ts';
import { gatewaySection, type GatewaySection } from './sections/gateway-section.ts';
import { limitsSection, type LimitsSection } from './sections/limits-section.ts';
import { logSection, type LogSection } from './sections/log-section.ts';
import { poolSection, type PoolSection } from './sections/pool-section.ts';
import { postgresSection, type PostgresSection } from './sections/postgres-section.ts';
import { postgresTlsSection, type PostgresTlsSection } from './sections/postgres-tls-section.ts';
import { relayTlsSection, type RelayTlsSection } from './sections/relay-tls-section.ts';
import { telemetrySection, type TelemetrySection } from './sections/telemetry-section.ts';
import { timeoutsSection, type TimeoutsSection } from './sections/timeouts-section.ts';
import { tlsSection, type TlsSection } from './sections/tls-section.ts';
import { userSection, type UserSection } from './sections/users-section.ts';

/** What the configuration file says, and nothing else: what it does not mention is absent. */
export interface ConfigFile extends SingleSections, NamedSections {}

/** Sections with a name per entry: `[users.joe]`. */
interface NamedSections {
  readonly users: ReadonlyMap<string, UserSection>;
  readonly databases: ReadonlyMap<string, DatabaseSection>;
}

interface SingleSections {
  readonly gateway: GatewaySection;
  readonly postgres: PostgresSection;
  readonly tls: TlsSection;
  readonly postgres_tls: PostgresTlsSection;
  readonly relay_tls: RelayTlsSection;
  readonly auth: AuthSection;
  readonly limits: LimitsSection;
  readonly timeouts: TimeoutsSection;
  readonly pool: PoolSection;
  readonly log: LogSection;
  readonly telemetry: TelemetrySection;
  readonly console: ConsoleSection;
}

/**
 * The sections with one set of settings each. To add one: write its file in sections/, name it here and in `ConfigFile`, show it in
 * docs/multigres.example.toml. One with a name per entry (`[users.NAME]`) stands in `NamedSections` and `namedSections`.
 */
const sections: { readonly [K in keyof SingleSections]: Section<SingleSections[K]> } = {
  gateway: gatewaySection,
  postgres: postgresSection,
  tls: tlsSection,
  postgres_tls: postgresTlsSection,
  relay_tls: relayTlsSection,
  auth: authSection,
  limits: limitsSection,
  timeouts: timeoutsSection,
  pool: poolSection,
  log: logSection,
  telemetry: telemetrySection,
  console: consoleSection,
};

type EntryOf<T> = T extends ReadonlyMap<string, infer E extends object> ? E : never;

const namedSections: { readonly [K in keyof NamedSections]: Section<EntryOf<NamedSections[K]>> } = {
  users: userSection,
  databases: databaseSection,
};

const singleNames = Object.keys(sections) as (keyof SingleSections)[];
const severalNames = Object.keys(namedSections) as (keyof NamedSections)[];
const sectionNames: readonly string[] = [...singleNames, ...severalNames];

/** A setting that two readings of the file have differently, by its name in the file. */
export interface ConfigChange {
  readonly name: string;
  /** It stays what it was until the process starts again. */
  readonly needsRestart: boolean;
}

/** A file longer than this is not a configuration. */
const fileBytesMax = 1024 * 1024;

/** An empty file. */
export const noConfigFile: ConfigFile = {
  ...Object.fromEntries(singleNames.map((name) => [name, {}])),
  ...Object.fromEntries(severalNames.map((name) => [name, new Map()])),
} as unknown as ConfigFile;

/** Reads and checks the file. Throws a CliError that names everything that is wrong with it. */
export function loadConfigFile(path: string): ConfigFile {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError(`cannot read the configuration file ${path}: ${(error as Error).message}`, { cause: error });
  }
  return readConfig(content, path);
}

/** Checks the text of a file; `path` is for messages and for the relative paths in it. */
export function readConfig(content: string, path: string): ConfigFile {
  if (content.length > fileBytesMax) throw new CliError(`${path}: longer than ${fileBytesMax} bytes`);
  const document = parsed(content, path);
  const problems: Problems = [];
  for (const name of Object.keys(document))
    if (!sectionNames.includes(name)) problems.push(unknownKey(name, name, sectionNames, (near) => `[${near}]`));
  const values: Record<string, object> = {};
  for (const name of singleNames) {
    values[name] = readSection<object>(sections[name], name, document[name], path, problems);
  }
  for (const name of severalNames) {
    values[name] = readNamedSections<object>(namedSections[name], name, document[name], path, problems);
  }
  if (problems.length === 0) return values as unknown as ConfigFile;
  const [first, ...others] = problems;
  throw new CliError(`${path}: ${first}`, { quoted: others });
}

/** What a reload changes. */
export function changesBetween(before: ConfigFile, after: ConfigFile): readonly ConfigChange[] {
  const single = singleNames.flatMap((name) =>
    changedSettings<object>(sections[name], name, before[name], after[name]),
  );
  const named = severalNames.flatMap((name) =>
    [...new Set([...before[name].keys(), ...after[name].keys()])].flatMap((key) => {
      const [old, fresh] = [before[name].get(key) ?? {}, after[name].get(key) ?? {}];
      return changedSettings<object>(namedSections[name], `${name}.${tomlKey(key)}`, old, fresh);
    }),
  );
  return [...single, ...named];
}

function parsed(content: string, path: string): Readonly<Record<string, unknown>> {
  try {
    return parse(content, { unsafeKeyBehaviour: 'throw', integersAsBigInt: 'asNeeded', maxDepth: 20 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what] = error.message.split('\n');
    throw new CliError(`${path}:${error.line}:${error.column}: ${what}`, {
      cause: error,
      quoted: error.codeblock.trimEnd().split('\n'),
    });
  }
}
