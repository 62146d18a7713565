import type { CarriedSettings } from '@multigres/relay';
import { stringConstant, type SettingChange } from '@multigres/sql';

/** What a group does to the session's settings, in order: settings changed, and the transaction control that keeps or undoes changes. */
export type SettingStep =
  | SettingChange
  | { readonly form: 'commit' | 'rollback' }
  | { readonly form: 'savepoint' | 'release' | 'rollbackTo'; readonly name: string };

/** DISCARD ALL: as RESET ALL, and who the session is as well. */
export const discardAllSettings: SettingChange = {
  scope: 'session',
  form: 'all',
  name: '*',
  value: undefined,
  literal: undefined,
};

/** A group under way, as far as settings go. */
export interface SettingsEffects {
  readonly steps: readonly SettingStep[];
  /** Statements in the group: if it fails and had only one, that one did not happen; else nobody knows which did. */
  readonly statements: number;
}

/** What has to follow an answered group. */
export interface SettingsOutcome {
  /** Which steps took effect cannot be told: the session has to keep its backend. */
  readonly isUnclear: boolean;
  /** RESET went back to where the backend began, which is not where the session did: SQL that makes up for it; empty if nothing is to be done. */
  readonly restore: string;
}

/** The random seed is no setting but the state of a generator. */
const notCarried: ReadonlySet<string> = new Set(['seed']);
/** RESET ALL leaves these alone. */
const keptByResetAll: ReadonlySet<string> = new Set(['role', 'session_authorization']);
/** SET SESSION CHARACTERISTICS sets these; they are remembered under its name. */
const characteristics: ReadonlySet<string> = new Set([
  'default_transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_read_only',
]);

/** All settings of a session have to fit into one frame between gateway and pooler; few sessions make more than a handful. */
const settingLengthMax = 500;
export const settingsMax = 30;

/** Encodings in which every byte below 0x80 is ASCII, as the reader of statements takes it; names as PostgreSQL compares them. */
const asciiSafeEncoding =
  /^(?:utf8|unicode|sqlascii|latin\d+|iso8859\d+|win(?:dows)?\d+|abc|alt|tcvn\w*|koi8\w*|euc\w+)$/;

// oxlint-disable-next-line no-control-regex -- what is not ASCII is what is meant
const ascii = /^[\0-\x7f]*$/;

/** Whether the change can be made again on another backend by its words alone. */
export function isCarriedSetting(change: SettingChange): boolean {
  const { name, value, form } = change;
  if (change.scope !== 'session' || notCarried.has(name)) return false;
  if (name.length + (value?.length ?? 0) > settingLengthMax) return false;
  if (form === 'transaction' || form === 'fromCurrent') return false;
  if (value === undefined) return true;
  if (name === 'application_name') return change.literal !== undefined && /^(?:'|[a-z_])/i.test(value);
  if (name === 'client_encoding') return isAsciiSafe(change.literal);
  // What a backslash means depends on standard_conforming_strings at that moment; and what is no UTF-8 cannot be said again.
  return !/[\\\ufffd]/.test(value);
}

function isAsciiSafe(encoding: string | undefined): boolean {
  return encoding !== undefined && asciiSafeEncoding.test(encoding.toLowerCase().replace(/[^a-z0-9]/g, ''));
}

interface Savepoint {
  readonly name: string;
  readonly settings: ReadonlyMap<string, string>;
}

const none: ReadonlyMap<string, string> = new Map();
const nothing: SettingsOutcome = { isUnclear: false, restore: '' };

/**
 * The settings that a session has made since it began, as the SQL that makes them again. Rolled back with the transaction or to the savepoint,
 * as in PostgreSQL ("SET"). The order is kept: settings may depend on one another.
 */
export class SessionSettings {
  /** The startup packet's, names in lower case: what RESET goes back to. */
  readonly #start: readonly (readonly [name: string, value: string])[];
  #committed: ReadonlyMap<string, string> = none;
  #working: ReadonlyMap<string, string> = none;
  /** Of the open transaction, since it changed something; a ROLLBACK TO an older one goes back to before that. */
  #savepoints: Savepoint[] | undefined;
  #text = '';
  /** The client's encoding at its start is the one that the gateway reads by. */
  readsUtf8 = true;

  constructor(start: readonly (readonly [name: string, value: string])[]) {
    this.#start = start;
  }

  /** What a backend must be given to have this session's settings. `applied` is for the caller to say. */
  carried(applied: boolean): CarriedSettings {
    return { applicationName: this.#committed.get('application_name'), text: this.#text, applied };
  }

  get isEmpty(): boolean {
    return this.#committed.size === 0;
  }

  /** The open transaction has changed something that its end will keep or undo. */
  get isUnsettled(): boolean {
    return this.#working !== this.#committed;
  }

  /** How many there are, with those that the open transaction has made. */
  get size(): number {
    return this.#working.size;
  }

  /** Whether the change puts back something that the session began with, and the backend did not. */
  isStartRestored({ value, form, name }: SettingChange): boolean {
    if (value !== undefined || this.#start.length === 0 || form === 'fromCurrent') return false;
    return form === 'all' || this.#start.some(([started]) => started === name);
  }

  /** Text beyond ASCII can only be said again while the client's encoding is the one that the gateway reads by. */
  mayCarry(change: SettingChange): boolean {
    const { value } = change;
    if (value === undefined || ascii.test(value)) return true;
    return this.readsUtf8 && !this.#working.has('client_encoding');
  }

  /** A group was answered: `before` and `after` are the transaction's status. */
  answered(
    { steps, statements }: SettingsEffects,
    before: 'I' | 'T' | 'E',
    after: 'I' | 'T' | 'E',
    failed: boolean,
  ): SettingsOutcome {
    let broken = before === 'E';
    if (!failed) for (const step of steps) broken = this.#take(step, broken);
    const isUnclear = failed && statements > 1 && steps.some((step) => !('scope' in step));
    if (after === 'I') this.#end(!failed && !broken);
    if (isUnclear) return { isUnclear, restore: '' };
    return failed ? nothing : { isUnclear, restore: this.#restore(steps) };
  }

  /** Answers whether the transaction is broken. */
  #take(step: SettingStep, broken: boolean): boolean {
    switch (step.form) {
      case 'commit':
        this.#end(!broken);
        return false;
      case 'rollback':
        this.#end(false);
        return false;
      case 'savepoint':
        (this.#savepoints ??= []).push({ name: step.name, settings: this.#working });
        return broken;
      case 'release':
        this.#cut(step.name, false);
        return broken;
      case 'rollbackTo':
        this.#working = this.#cut(step.name, true);
        return false;
      default:
        this.#apply(step);
        return broken;
    }
  }

  #end(kept: boolean): void {
    this.#savepoints = undefined;
    if (this.#working === this.#committed) return;
    if (!kept) this.#working = this.#committed;
    else this.#committed = this.#working;
    this.#text = textOf(this.#committed);
  }

  /** Forgets the savepoints behind the one of that name, and that one itself unless it is `kept`; answers what was set there. */
  #cut(name: string, kept: boolean): ReadonlyMap<string, string> {
    const all = this.#savepoints ?? [];
    const at = all.findLastIndex((savepoint) => savepoint.name === name);
    const settings = at < 0 ? this.#committed : (all[at] as Savepoint).settings;
    // RELEASE of one made before anything changed leaves those behind it: they are its parts and go with it.
    all.length = at < 0 ? 0 : at + (kept ? 1 : 0);
    return settings;
  }

  #apply(change: SettingChange): void {
    if (change.scope === 'local') return;
    const working = new Map(this.#working);
    this.#working = working;
    if (change.form === 'all') {
      for (const name of working.keys()) if (change.name === '*' || !keptByResetAll.has(name)) working.delete(name);
      return;
    }
    const key = change.form === 'characteristics' ? 'characteristics' : change.name;
    working.delete(key);
    // Who becomes somebody else, or himself again, has no role any more ("SET SESSION AUTHORIZATION").
    if (key === 'session_authorization') working.delete('role');
    const sql = sqlOf(change);
    if (sql !== undefined) working.set(key, sql);
    // It outweighs what SET SESSION CHARACTERISTICS said before.
    else if (characteristics.has(key) && working.has('characteristics'))
      working.set(key, `RESET ${quoteIdentifier(key)}`);
  }

  /** What the steps have put back to the backend's beginning and nobody has set since. */
  #restore(steps: readonly SettingStep[]): string {
    if (this.#start.length === 0) return '';
    const restored = new Map<string, boolean>();
    for (const step of steps) {
      if (!('scope' in step) || !this.isStartRestored(step)) continue;
      for (const [name] of this.#start)
        if (step.form === 'all' || step.name === name) restored.set(name, step.scope === 'local');
    }
    return this.#start
      .filter(([name]) => restored.has(name) && (restored.get(name) === true || !this.#working.has(name)))
      .map(([name, value]) => setConfig(name, value, restored.get(name) === true))
      .join(';');
  }
}

function textOf(settings: ReadonlyMap<string, string>): string {
  const texts: string[] = [];
  for (const [name, sql] of settings) if (name !== 'application_name') texts.push(sql);
  return texts.join(';');
}

/** Of the application name, the value itself. */
function sqlOf(change: SettingChange): string | undefined {
  if (change.value === undefined) return undefined;
  if (change.name === 'application_name') return change.literal;
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

/** As in a startup packet: lists are read as they are there. */
function setConfig(name: string, value: string, local: boolean): string {
  return `SELECT pg_catalog.set_config(${stringConstant(name)}, ${stringConstant(value)}, ${local})`;
}

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
