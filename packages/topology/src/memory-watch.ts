import type { Clock } from '@multigres/core';
import { compacted } from './errors.ts';
import type { MemoryStoreServer } from './memory-store-server.ts';
import type { Change, Revision, Watch, WatchListener } from './store.ts';

interface MemoryWatchOptions {
  readonly server: MemoryStoreServer;
  readonly clock: Clock;
  readonly root: string;
  readonly prefix: string;
  readonly after: Revision;
  readonly listener: WatchListener;
  readonly closed: () => void;
}

/** Follows the server's history, a turn behind it; stands still while the server is away and catches up afterwards. */
export class MemoryWatch implements Watch {
  readonly #options: MemoryWatchOptions;
  readonly #unlisten: () => void;
  #after: Revision;
  #connected = false;
  #scheduled = false;
  #closed = false;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
    this.#after = options.after;
    this.#unlisten = options.server.listen(() => this.#schedule());
    this.#schedule();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unlisten();
    this.#options.closed();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      this.#catchUp();
    });
  }

  #catchUp(): void {
    const { server, listener } = this.#options;
    if (this.#closed) return;
    this.#setConnected(server.outage === 'none');
    if (!this.#connected || this.#closed) return;
    const steps = server.since(this.#after);
    if (steps === undefined) {
      const error = compacted(this.#after);
      this.close();
      listener.ended(error);
      return;
    }
    const last = steps.at(-1);
    if (last === undefined) return;
    this.#after = last.revision;
    listener.changed(this.#ours(steps.flatMap((step) => step.changes)), last.revision);
  }

  #setConnected(yes: boolean): void {
    if (this.#connected === yes) return;
    this.#connected = yes;
    this.#options.listener.connected(yes);
  }

  #ours(changes: readonly Change[]): readonly Change[] {
    const { root, prefix } = this.#options;
    const ours: Change[] = [];
    for (const change of changes) {
      const full = change.kind === 'put' ? change.entry.key : change.key;
      if (!full.startsWith(root + prefix)) continue;
      const key = full.slice(root.length);
      if (change.kind === 'put') ours.push({ kind: 'put', entry: { ...change.entry, key } });
      else ours.push({ ...change, key });
    }
    return ours;
  }
}
