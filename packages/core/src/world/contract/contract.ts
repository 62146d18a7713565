import type { World } from '../world.ts';
import { clockContract } from './clock-contract.ts';
import type { ContractTest } from './contract-test.ts';
import { diskContract } from './disk-contract.ts';
import { networkContract } from './network-contract.ts';
import { processesContract } from './processes-contract.ts';
import { randomContract } from './random-contract.ts';
import { telemetryContract } from './telemetry-contract.ts';

export type { Behaviour, ContractTest, ContractTools, LoggedLine, TlsTools } from './contract-test.ts';
export { ContractBroken } from './expect.ts';
export { toyTlsTools } from './toy-tls-tools.ts';

/**
 * What every world must do, port by port. Not tied to a test runner: `quiet`, `host` and `sim` run the same tables.
 *
 * ```ts
 * for (const [port, tests] of Object.entries(contracts))
 *   describe(port, () => { for (const test of tests) it(test.name, () => test.run(world(), tools())); });
 * ```
 */
export const contracts: Readonly<Record<keyof World, readonly ContractTest[]>> = {
  clock: clockContract,
  network: networkContract,
  disk: diskContract,
  processes: processesContract,
  random: randomContract,
  telemetry: telemetryContract,
};
