import { unrecognizedParameter } from '../errors.ts';
import { allSettings, reportedSettings, settingDefinition } from './setting-table.ts';
import { checkSetting, showSetting } from './setting-value.ts';

/** What one (sub)transaction has set. A local value hides the session's until the transaction ends. */
interface Frame {
  readonly session: Map<string, string>;
  readonly local: Map<string, string>;
}

const newFrame = (): Frame => ({ session: new Map(), local: new Map() });

/** Two-part names belong to extensions; anybody may make them up. */
const isCustom = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+$/.test(name);

/**
 * A session's run-time parameters: SET, SET LOCAL and RESET obey the transaction that did them
 * (PostgreSQL documentation, "SET": "the effects disappear when the transaction is rolled back").
 */
export class Settings {
  /** What RESET goes back to: the configuration file, the database, the role, then the start-up message. */
  readonly #reset: Map<string, string> = new Map();
  readonly #session: Map<string, string> = new Map();
  readonly #frames: Frame[] = [];
  readonly #current: Map<string, string> = new Map();
  readonly #reported: Map<string, string> = new Map();
  /** A custom name stays known, as an empty string, even when the transaction that made it is rolled back. */
  readonly #custom: Set<string> = new Set();
  #mayReport = true;

  /** Sets what RESET goes back to. Checks the value (22023, 42704). */
  setReset(name: string, value: string): void {
    const key = this.#known(name, true);
    const definition = settingDefinition(key);
    this.#reset.set(key, definition === undefined ? value : checkSetting(definition, value, this.get(key) as string));
    this.#refresh(key);
  }

  /** The configuration file says nothing of it any more. */
  forgetReset(name: string): void {
    const key = name.toLowerCase();
    this.#reset.delete(key);
    this.#refresh(key);
  }

  isKnown(name: string): boolean {
    return settingDefinition(name) !== undefined || this.#custom.has(name.toLowerCase());
  }

  /** In the base unit, canonical; undefined if the name is unknown. */
  get(name: string): string | undefined {
    const key = name.toLowerCase();
    const current = this.#current.get(key);
    if (current !== undefined) return current;
    return settingDefinition(key)?.boot ?? (this.#custom.has(key) ? '' : undefined);
  }

  /** For the milliseconds and counts that the server itself asks for. */
  number(name: string): number {
    return Number(this.get(name));
  }

  show(name: string): string | undefined {
    const value = this.get(name);
    const definition = settingDefinition(name);
    return value === undefined || definition === undefined ? value : showSetting(definition, value);
  }

  /** `value` undefined: the value that RESET goes back to. Answers what is now in force. */
  set(name: string, value: string | undefined, local: boolean): string {
    const key = this.#known(name, true);
    const definition = settingDefinition(key);
    const checked =
      value === undefined
        ? this.#resetValue(key)
        : definition === undefined
          ? value
          : checkSetting(definition, value, this.get(key) as string);
    this.#write(key, checked, local);
    return checked;
  }

  /** Without checks, for what the server itself changes (is_superuser). */
  force(name: string, value: string, local: boolean): void {
    this.#write(name.toLowerCase(), value, local);
  }

  #write(key: string, value: string, local: boolean): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) {
      if (!local) this.#session.set(key, value);
    } else if (local) frame.local.set(key, value);
    else {
      frame.session.set(key, value);
      frame.local.delete(key);
    }
    this.#refresh(key);
  }

  resetAll(): void {
    const names = new Set<string>([...this.#current.keys()]);
    for (const name of names) {
      const definition = settingDefinition(name);
      if (definition?.keptByResetAll === true || definition?.context === 'internal') continue;
      this.#write(name, this.#resetValue(name), false);
    }
  }

  beginLevel(): void {
    this.#frames.push(newFrame());
  }

  /** The innermost level ends; its values pass to the level around it, or to the session (local ones then end). */
  commitLevel(): void {
    const gone = this.#frames.pop() as Frame;
    const parent = this.#frames.at(-1);
    for (const [name, value] of gone.session) {
      if (parent === undefined) this.#session.set(name, value);
      else {
        parent.session.set(name, value);
        parent.local.delete(name);
      }
    }
    for (const [name, value] of gone.local) {
      if (parent === undefined) this.#refresh(name);
      else parent.local.set(name, value);
    }
  }

  abortLevel(): void {
    const gone = this.#frames.pop() as Frame;
    for (const name of gone.session.keys()) this.#refresh(name);
    for (const name of gone.local.keys()) this.#refresh(name);
  }

  /** Reported parameters whose value the client has not heard yet; they count as heard now. */
  takeReports(): (readonly [name: string, value: string])[] {
    if (!this.#mayReport) return [];
    this.#mayReport = false;
    const reports: (readonly [string, string])[] = [];
    for (const { name } of reportedSettings) {
      const value = this.get(name) as string;
      if (this.#reported.get(name) === value) continue;
      this.#reported.set(name, value);
      reports.push([name, value]);
    }
    return reports;
  }

  /** For the god's-eye view: what differs from the values that RESET goes back to. */
  changed(): Record<string, string> {
    const result: Record<string, string> = {};
    for (const name of [...this.#current.keys()].toSorted()) {
      const value = this.#current.get(name) as string;
      if (value !== this.#resetValue(name)) result[name] = value;
    }
    return result;
  }

  /** For SHOW ALL. */
  all(): (readonly [name: string, value: string])[] {
    const names = [...allSettings().map(({ name }) => name), ...this.#custom];
    return names
      .toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
      .map((name) => [name, this.show(name) ?? '']);
  }

  #known(name: string, create: boolean): string {
    const key = name.toLowerCase();
    if (settingDefinition(key) !== undefined || this.#custom.has(key)) return key;
    if (!isCustom(name)) throw unrecognizedParameter(name);
    if (create) this.#custom.add(key);
    return key;
  }

  #resetValue(key: string): string {
    return this.#reset.get(key) ?? settingDefinition(key)?.boot ?? '';
  }

  #refresh(key: string): void {
    this.#current.set(key, this.#effective(key));
    this.#mayReport = true;
  }

  #effective(key: string): string {
    for (let i = this.#frames.length - 1; i >= 0; i--) {
      const frame = this.#frames[i] as Frame;
      const value = frame.local.get(key) ?? frame.session.get(key);
      if (value !== undefined) return value;
    }
    return this.#session.get(key) ?? this.#resetValue(key);
  }
}
