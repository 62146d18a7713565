import type { Clock } from '@multigres/core';
import type { Store } from '../store.ts';
import { entryTests } from './entry-tests.ts';
import { leaseTests } from './lease-tests.ts';
import { outageTests } from './outage-tests.ts';
import { watchTests } from './watch-tests.ts';

/** What a contract test needs. Made anew for each test; the stores are empty at first. */
export interface StoreContractSubject {
  readonly clock: Clock;
  /** A new client with the same root as the others of this test. The test closes it. */
  connect(): Store;
  /** Makes the server forget its history, from outside. */
  compact(): Promise<void>;
  /** Ends a lease from outside, as an administrator would. */
  endLease(id: string): Promise<void>;
  /** `refusing`: connections are refused. `silent`: nothing answers. `none`: back, with all its data. */
  outage(kind: 'none' | 'refusing' | 'silent'): Promise<void>;
}

/**
 * One sentence of the contract of `Store`, and the check that it holds. Resolves if it does; rejects with `ContractBroken` or with whatever the
 * store threw. It waits on the subject's clock only: time that is driven by hand must be driven until the promise has settled.
 */
export interface StoreContractTest {
  readonly name: string;
  run(subject: StoreContractSubject): Promise<void>;
}

export const storeContract: readonly StoreContractTest[] = [
  ...entryTests,
  ...watchTests,
  ...leaseTests,
  ...outageTests,
];
