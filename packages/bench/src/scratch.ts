import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Watchdog } from './machine/watchdog.ts';

/** A temporary folder, and everything that must be undone when the run ends, however it ends. */
export class Scratch {
  /** Absolute; anybody may enter it, because Postgres may run as somebody else. */
  readonly folder: string;
  readonly #watchdog: Watchdog;
  readonly #undo: (() => Promise<void> | void)[] = [];
  #closing: Promise<void> | undefined;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'multigres-bench-'));
    chmodSync(this.folder, 0o755);
    this.#watchdog = new Watchdog(this.folder);
    this.defer(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** What is deferred last is undone first. */
  defer(undo: () => Promise<void> | void): void {
    this.#undo.push(undo);
  }

  /** For a server that leads a process group: it is stopped in the end, also if we are killed. */
  deferStop(server: { readonly pid: number; stop(): Promise<void>; readonly ended: Promise<unknown> }): void {
    this.#watchdog.add(server.pid);
    void server.ended.then(() => this.#watchdog.drop(server.pid));
    this.defer(() => server.stop());
  }

  /** Undoes everything once; further calls wait for the first. A failed step does not keep the others from being tried. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const failures: unknown[] = [];
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    this.#watchdog.done();
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be cleaned up');
  }
}
