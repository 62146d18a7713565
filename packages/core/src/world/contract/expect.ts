import type { Clock, Timer } from '../clock.ts';

/** A port does not do what its contract says. */
export class ContractBroken extends Error {
  override readonly name = 'ContractBroken';
}

export function expect(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new ContractBroken(sentence);
}

export function expectSame(actual: unknown, wanted: unknown, what: string): void {
  const [left, right] = [describe(actual), describe(wanted)];
  if (left !== right) throw new ContractBroken(`${what}: expected ${right}, got ${left}`);
}

/** Waits for `promise`, at most `limitMs`: a contract that is broken by silence must fail, not hang. */
export async function within<T>(clock: Clock, promise: Promise<T>, what: string, limitMs = 10_000): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = clock.after(limitMs, () => reject(new ContractBroken(`${what}: nothing happened in ${limitMs} ms`)));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer?.cancel();
  }
}

/** The error that `promise` rejects with, which must have this `code`. */
export async function expectCode(promise: Promise<unknown>, code: string, what: string): Promise<void> {
  let error: unknown;
  try {
    await promise;
  } catch (thrown) {
    error = thrown;
  }
  expect(error instanceof Error, `${what}: must reject`);
  expectSame((error as { code?: unknown }).code, code, `${what}: the code of "${error.name}: ${error.message}"`);
}

export function expectThrows(run: () => unknown, what: string): void {
  try {
    run();
  } catch {
    return;
  }
  throw new ContractBroken(`${what}: must throw`);
}

/** A subclass such as Node's Buffer changes what `slice` and others mean. */
export function isPlain(bytes: Uint8Array): boolean {
  return Object.getPrototypeOf(bytes) === Uint8Array.prototype;
}

function describe(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes[${value.join(' ')}]`;
  return (
    JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? 'undefined'
  );
}
