/** Where a session's reads go, as it asks by the setting `multigres.reads`. */
export type ReadsMode = 'primary' | 'replica' | 'prefer-replica';

export const readsSetting = 'multigres.reads';

const modes: readonly ReadsMode[] = ['primary', 'replica', 'prefer-replica'];
const inSettings = /(?:^|;)SET "multigres"\."reads" TO ('(?:[^']|'')*'|[^;]*)/i;
const inFunction = /(?:^|;)SELECT pg_catalog\.set_config\('multigres\.reads', '([^']*)', false\)/i;

/** Undefined for a word that means nothing. Letters may be of either case, as in PostgreSQL's settings of this kind. */
export function readsModeNamed(word: string): ReadsMode | undefined {
  return modes.find((mode) => mode === word.toLowerCase());
}

/** As the session has it: from its startup settings, or from the SQL of what it set later (see SessionSettings). */
export function readsMode(startup: readonly (readonly [string, string])[], settings: string): ReadsMode {
  const set = settings === '' ? undefined : (inSettings.exec(settings)?.[1] ?? inFunction.exec(settings)?.[1]);
  const atStartup = startup.find(([name]) => name.toLowerCase() === readsSetting)?.[1];
  const word = set === undefined || set.toLowerCase() === 'default' ? atStartup : set.replaceAll("'", '');
  return readsModeNamed(word ?? '') ?? 'primary';
}
