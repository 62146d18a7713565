import type { SettingChange } from '@multigres/sql';

/** What a group means for the session's settings. */
export interface SettingsEffects {
  readonly changes: readonly SettingChange[];
  /** It ends the transaction block that it runs in. */
  readonly ends: 'commit' | 'rollback' | undefined;
}

/**
 * These change who the session is or how bytes are read; nothing that is set before or after them can be replayed without regard to them. They pin.
 */
const notCarried: ReadonlySet<string> = new Set(['role', 'session_authorization', 'client_encoding', 'seed']);

/** All settings of a session have to fit into one frame between gateway and pooler; few sessions make more than a handful. */
const settingLengthMax = 500;
export const settingsMax = 30;

/** Whether the change can be made again on another backend by its words alone. */
export function isCarriedSetting(change: SettingChange): boolean {
  if (change.scope !== 'session' || notCarried.has(change.name)) return false;
  if (change.name.length + (change.value?.length ?? 0) > settingLengthMax) return false;
  if (change.form === 'transaction' || change.form === 'fromCurrent') return false;
  // What a backslash means depends on standard_conforming_strings at that moment.
  return change.value === undefined || !change.value.includes('\\');
}

/**
 * The settings that a session has made since it began, as the SQL that makes them again. Rolled back with the transaction that set them, as in
 * PostgreSQL ("SET"). The order is kept: settings may depend on one another.
 */
export class SessionSettings {
  #committed: ReadonlyMap<string, string> = new Map();
  #working: ReadonlyMap<string, string> = this.#committed;
  #text = '';

  /** One SQL text that turns a backend fresh from RESET ALL into this session's; empty if nothing is set. */
  get text(): string {
    return this.#text;
  }

  /** The open transaction has changed something that its end will keep or undo. */
  get isUnsettled(): boolean {
    return this.#working !== this.#committed;
  }

  /** How many there are, with those that the open transaction has made. */
  get size(): number {
    return this.#working.size;
  }

  /** A group was answered: `before` and `after` are the transaction's status. */
  answered(
    effects: SettingsEffects | undefined,
    before: 'I' | 'T' | 'E',
    after: 'I' | 'T' | 'E',
    failed: boolean,
  ): void {
    if (!failed) for (const change of effects?.changes ?? []) this.#apply(change);
    const undone = failed || before === 'E' || effects?.ends === 'rollback';
    const ended = after === 'I' || effects?.ends !== undefined;
    if (!ended) return;
    if (undone) this.#working = this.#committed;
    else this.#committed = this.#working;
    this.#text = [...this.#committed.values()].join(';');
  }

  #apply(change: SettingChange): void {
    const working = new Map(this.#working);
    if (change.form === 'all') working.clear();
    else {
      working.delete(change.name);
      const sql = sqlOf(change);
      if (sql !== undefined) working.set(change.name, sql);
    }
    this.#working = working;
  }
}

function sqlOf(change: SettingChange): string | undefined {
  if (change.value === undefined) return undefined;
  switch (change.form) {
    case 'timeZone':
      return `SET TIME ZONE ${change.value}`;
    case 'characteristics':
      return `SET SESSION CHARACTERISTICS AS TRANSACTION ${change.value}`;
    case 'function':
      return `SELECT pg_catalog.set_config('${change.name.replaceAll("'", "''")}', ${change.value}, false)`;
    default:
      return `SET ${change.name.split('.').map(quoteIdentifier).join('.')} TO ${change.value}`;
  }
}

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
