import type { Log } from '@multigres/core';
import { CliError } from '../errors.ts';
import { changesBetween, type ConfigFile } from './config-file/config-file.ts';
import { readSettings, type SettingFlags } from './settings.ts';

/** What a reload has found, by the names of settings in the file. */
export interface Reloaded {
  readonly changed: readonly string[];
  /** These wait for the next start. */
  readonly needRestart: readonly string[];
}

/** Checks whatever can be wrong with the settings and answers with what puts them into force, which cannot fail. */
export type Prepare = (settings: ConfigFile) => (() => void) | Promise<() => void>;

/**
 * Reads the configuration again while the process runs: all of it comes into force, or nothing. Files that it names (rules, users, certificates) are
 * read again even where their names are the same.
 */
export class Reloader {
  readonly #flags: SettingFlags;
  readonly #log: Log;
  readonly #always: (settings: ConfigFile) => void;
  #settings: ConfigFile;
  #prepare: Prepare = () => () => {};
  /** One after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** `always` is done with new settings whatever else is. */
  constructor(flags: SettingFlags, settings: ConfigFile, log: Log, always: (settings: ConfigFile) => void) {
    this.#always = always;
    this.#flags = flags;
    this.#settings = settings;
    this.#log = log;
  }

  /** As they are in force; what needs a restart is here as the file has it. */
  get settings(): ConfigFile {
    return this.#settings;
  }

  /** What is to be done with new settings; until somebody says, nothing. */
  onReload(prepare: Prepare): void {
    this.#prepare = prepare;
  }

  /** Rejects with a CliError that names what is wrong; the settings stay what they were. */
  reload(): Promise<Reloaded> {
    const done = this.#last.then(() => this.#reload());
    this.#last = done.catch(() => {});
    return done;
  }

  async #reload(): Promise<Reloaded> {
    try {
      const settings = readSettings(this.#flags);
      const commit = await this.#prepare(settings);
      const changes = changesBetween(this.#settings, settings);
      commit();
      this.#always(settings);
      this.#settings = settings;
      const named = (needsRestart: boolean): string[] =>
        changes.filter((change) => change.needsRestart === needsRestart).map(({ name }) => name);
      const reloaded = { changed: named(false), needRestart: named(true) };
      this.#tell(reloaded);
      return reloaded;
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      this.#log.error('the configuration was not reloaded: what was in force stays', {
        problem: [error.message, ...error.quoted].join('; '),
      });
      throw error;
    }
  }

  #tell({ changed, needRestart }: Reloaded): void {
    this.#log.info('configuration reloaded', { changed: changed.join(', ') || 'nothing' });
    if (needRestart.length > 0) {
      this.#log.warn('some settings wait for a restart', { settings: needRestart.join(', ') });
    }
  }
}
