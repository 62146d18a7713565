import { utf8Text, type Clock } from '@multigres/core';
import { ContractBroken } from '@multigres/core/contract';
import { TopologyError, type Change, type Revision, type Store, type TopologyErrorCode, type Watch } from '../store.ts';
import type { StoreContractSubject } from './store-contract.ts';

export const soonEnough = { deadlineMs: 5000 } as const;

export function expect(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new ContractBroken(sentence);
}

export function expectSame(actual: unknown, wanted: unknown, what: string): void {
  const [left, right] = [describe(actual), describe(wanted)];
  if (left !== right) throw new ContractBroken(`${what}: expected ${right}, got ${left}`);
}

function describe(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));
  return text ?? 'undefined';
}

/** Looks again every few milliseconds until `holds`. */
export async function eventually(
  clock: Clock,
  holds: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 20_000,
): Promise<void> {
  const lateMs = clock.nowMs() + limitMs;
  while (!(await holds())) {
    if (clock.nowMs() > lateMs) throw new ContractBroken(`${what}: not within ${limitMs} ms`);
    await clock.sleep(10);
  }
}

/** The TopologyError that `promise` rejects with, which must have one of these codes. */
export async function expectCode(
  promise: Promise<unknown>,
  codes: readonly TopologyErrorCode[],
  what: string,
): Promise<TopologyError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TopologyError)) {
    throw new ContractBroken(`${what}: must reject with a TopologyError, got ${String(error)}`);
  }
  expect(codes.includes(error.code), `${what}: expected ${codes.join(' or ')}, got ${error.code} (${error.message})`);
  return error;
}

export async function textAt(store: Store, key: string): Promise<string | undefined> {
  const entry = await store.get(key, soonEnough);
  return entry === undefined ? undefined : utf8Text(entry.value);
}

/** A listener that keeps what it hears: `put key=value`, `delete key`, `connected`, `disconnected`, `ended code`. */
export class Follower {
  readonly heard: string[] = [];
  /** How many changes came in each call that had any. */
  readonly batches: number[] = [];
  readonly watch: Watch;
  revision: Revision;
  connected = false;
  ended: TopologyErrorCode | undefined;

  constructor(store: Store, prefix: string, after: Revision) {
    this.revision = after;
    this.watch = store.watch(prefix, after, {
      changed: (changes, revision) => {
        expect(revision > this.revision, `revision ${revision} follows ${this.revision}`);
        this.revision = revision;
        if (changes.length > 0) this.batches.push(changes.length);
        for (const change of changes) this.heard.push(textOf(change));
      },
      connected: (yes) => {
        expect(this.connected !== yes, 'only a change of the connection is told');
        this.connected = yes;
      },
      ended: (error) => {
        this.ended = error.code;
      },
    });
  }
}

function textOf(change: Change): string {
  return change.kind === 'put' ? `put ${change.entry.key}=${utf8Text(change.entry.value)}` : `delete ${change.key}`;
}

/** Runs `test` with `count` clients, and closes them whatever happens. */
export async function withStores(
  subject: StoreContractSubject,
  count: number,
  test: (...stores: Store[]) => Promise<void>,
): Promise<void> {
  const stores = Array.from({ length: count }, () => subject.connect());
  try {
    await test(...stores);
  } finally {
    for (const store of stores) store.close();
  }
}
