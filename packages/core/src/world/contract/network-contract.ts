import type { ContractTest } from './contract-test.ts';
import { networkAddressContract } from './network-address-contract.ts';
import { networkEndingContract } from './network-ending-contract.ts';
import { networkFlowContract } from './network-flow-contract.ts';
import { networkTlsContract } from './network-tls-contract.ts';

export const networkContract: readonly ContractTest[] = [
  ...networkAddressContract,
  ...networkFlowContract,
  ...networkEndingContract,
  ...networkTlsContract,
];
