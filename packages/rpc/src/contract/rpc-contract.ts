import type { Clock, Endpoint } from '@multigres/core';
import { errorTests } from './error-tests.ts';
import { lifeTests } from './life-tests.ts';
import { streamTests } from './stream-tests.ts';
import { unaryTests } from './unary-tests.ts';
import type { RpcTransport } from '../transport.ts';

/** What a contract test needs. Made anew for each test. */
export interface RpcContractSubject {
  readonly transport: RpcTransport;
  readonly clock: Clock;
  /** Where the test may serve; the port may be 0. */
  readonly free: Endpoint;
  /** Where nobody listens, so that a connect is refused. */
  readonly nobody: Endpoint;
}

/**
 * One sentence of the contract of `RpcTransport`, and the check that it holds. Resolves if it does; rejects with `ContractBroken` or with
 * whatever the transport threw. It waits on the subject's clock only: time that is driven by hand must be driven until the promise has settled.
 */
export interface RpcContractTest {
  readonly name: string;
  run(subject: RpcContractSubject): Promise<void>;
}

export const rpcContract: readonly RpcContractTest[] = [...unaryTests, ...errorTests, ...streamTests, ...lifeTests];
