import { PgError, type Lsn } from '@multigres/core';

import type { Task } from '../wait.ts';
import type { SyncNames } from './sync-names.ts';

export type SyncMode = 'write' | 'flush' | 'apply';

/** A walsender, as the synchronous wait sees it (a WalSnd slot in shared memory). */
export interface SyncSender {
  readonly state: 'startup' | 'catchup' | 'streaming' | 'stopping';
  /** By its own copy of the names; 0 if it is none of them. */
  readonly priority: number;
  /** Its own copy: a reload reaches each process at another time. */
  readonly names: SyncNames | undefined;
  readonly write: Lsn;
  readonly flush: Lsn;
  readonly apply: Lsn;
  /** For ties: the slot's number. */
  readonly slotNumber: number;
}

/** Who waits, and what it is told when it was interrupted. */
export interface SyncWaiter {
  /** The wait was broken off: the commit stands, and the client is warned. */
  interrupted(error: Error): void;
}

interface Entry {
  readonly lsn: Lsn;
  readonly mode: SyncMode;
  wake: (() => void) | undefined;
  released: boolean;
}

const modes: readonly SyncMode[] = ['write', 'flush', 'apply'];

/**
 * Commits that wait for standbys (PostgreSQL's syncrep.c). What is in here is already durable here, and stays: an interrupted wait ends with
 * a commit too.
 */
export class SyncWaits {
  readonly #queue: Set<Entry> = new Set();
  readonly #released: Record<SyncMode, Lsn> = { write: 0n as Lsn, flush: 0n as Lsn, apply: 0n as Lsn };
  /** The checkpointer's view of whether anybody is named at all. */
  #defined = false;

  get waiting(): number {
    return this.#queue.size;
  }

  /** The checkpointer has read the configuration. When nobody is named any more, nobody waits any more. */
  setDefined(defined: boolean): void {
    if (this.#defined && !defined) for (const entry of this.#queue) this.#wake(entry);
    this.#defined = defined;
  }

  *wait(lsn: Lsn, mode: SyncMode, waiter: SyncWaiter): Task<void> {
    if (!this.#defined || lsn <= this.#released[mode]) return;
    const entry: Entry = { lsn, mode, wake: undefined, released: false };
    this.#queue.add(entry);
    try {
      while (!entry.released) {
        yield {
          event: 'SyncRep',
          start: (wake) => {
            entry.wake = wake;
            if (entry.released) wake();
          },
          cancel: () => {
            entry.wake = undefined;
          },
        };
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      waiter.interrupted(error);
    } finally {
      this.#queue.delete(entry);
    }
  }

  /** A standby has answered its walsender, which now looks for whom that was enough, by its own copy of the names. */
  release(sender: SyncSender, all: Iterable<SyncSender>): void {
    if (sender.priority === 0 || !takesPart(sender)) return;
    const { names } = sender;
    if (names === undefined) return;
    const candidates = candidatesOf(names, all);
    if (candidates.length < names.count || (names.method === 'first' && !candidates.includes(sender))) return;
    for (const mode of modes) {
      const positions = candidates.map((candidate) => candidate[mode]).toSorted(descending);
      const reached = (names.method === 'any' ? positions[names.count - 1] : positions.at(-1)) as Lsn;
      if (reached > this.#released[mode]) {
        this.#released[mode] = reached;
        for (const entry of this.#queue) if (entry.mode === mode && entry.lsn <= reached) this.#wake(entry);
      }
    }
  }

  #wake(entry: Entry): void {
    entry.released = true;
    entry.wake?.();
  }
}

/** pg_stat_replication.sync_state. */
export function syncStateOf(sender: SyncSender, all: Iterable<SyncSender>, names: SyncNames | undefined): string {
  if (sender.priority === 0) return 'async';
  if (names?.method === 'any') return 'quorum';
  return names !== undefined && candidatesOf(names, all).includes(sender) ? 'sync' : 'potential';
}

function takesPart(sender: SyncSender): boolean {
  return (sender.state === 'streaming' || sender.state === 'stopping') && sender.flush > 0n;
}

/** SyncRepGetCandidateStandbys. */
function candidatesOf(names: SyncNames, all: Iterable<SyncSender>): SyncSender[] {
  const candidates = [...all].filter((sender) => sender.priority > 0 && takesPart(sender));
  if (names.method === 'any') return candidates;
  return candidates.toSorted((a, b) => a.priority - b.priority || a.slotNumber - b.slotNumber).slice(0, names.count);
}

function descending(a: Lsn, b: Lsn): number {
  return a > b ? -1 : a < b ? 1 : 0;
}

export function isTermination(error: Error): boolean {
  return error instanceof PgError && error.report.severity === 'FATAL';
}
