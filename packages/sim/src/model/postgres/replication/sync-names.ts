/** synchronous_standby_names, read. */
export interface SyncNames {
  readonly method: 'any' | 'first';
  readonly count: number;
  /** In lower case; `*` is everybody. */
  readonly names: readonly string[];
}

/**
 * Reads synchronous_standby_names (PostgreSQL documentation, "Replication", `synchronous_standby_names`): `FIRST n (a, b)`, `ANY n (a, b)`,
 * `n (a, b)` or `a, b`. Answers undefined for an empty list, `invalid` for what is none.
 */
export function parseSyncNames(text: string): SyncNames | undefined | 'invalid' {
  if (text.trim() === '') return undefined;
  const counted = /^\s*(?:(any|first)\s+)?(\d+)\s*\((.*)\)\s*$/is.exec(text);
  const names = nameList(counted === null ? text : (counted[3] as string));
  if (names === undefined) return 'invalid';
  if (counted === null) return { method: 'first', count: 1, names };
  const count = Number(counted[2]);
  return count === 0 ? 'invalid' : { method: counted[1]?.toLowerCase() === 'any' ? 'any' : 'first', count, names };
}

function nameList(text: string): readonly string[] | undefined {
  const names: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")+)"|(\*|[A-Za-z_][\w$]*|\d+))\s*(,|$)/gy;
  for (;;) {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    names.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? '').toLowerCase());
    if (match[3] === '') return names;
  }
}

/** Where a standby of this name stands in the list, from 1; 0 if it is not there (SyncRepGetStandbyPriority). */
export function priorityOf(names: SyncNames | undefined, applicationName: string): number {
  if (names === undefined) return 0;
  const at = names.names.findIndex((name) => name === '*' || name === applicationName.toLowerCase());
  if (at < 0) return 0;
  return names.method === 'any' ? 1 : at + 1;
}
