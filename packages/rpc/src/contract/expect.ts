import { PgError, type Clock, type Fate, type Timer } from '@multigres/core';
import { ContractBroken } from '@multigres/core/contract';

export function expect(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new ContractBroken(sentence);
}

export function expectSame(actual: unknown, wanted: unknown, what: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(wanted)];
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

/** Looks again every few milliseconds until `holds`. */
export async function eventually(
  clock: Clock,
  holds: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 10_000,
): Promise<void> {
  const lateMs = clock.nowMs() + limitMs;
  while (!(await holds())) {
    if (clock.nowMs() > lateMs) throw new ContractBroken(`${what}: not within ${limitMs} ms`);
    await clock.sleep(5);
  }
}

/** The PgError that `promise` rejects with, which must have this SQLSTATE and fate. */
export async function expectError(
  promise: Promise<unknown>,
  state: string,
  fate: Fate,
  what: string,
): Promise<PgError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PgError))
    throw new ContractBroken(`${what}: must reject with a PgError, got ${String(error)}`);
  expectSame([error.sqlstate, error.fate], [state, fate], `${what} ("${error.message}")`);
  return error;
}
