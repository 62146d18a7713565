import type { Mutant } from '../mutation.ts';
import { authMutants } from './auth-mutants.ts';
import { consoleMutants } from './console-mutants.ts';
import { consensusMutants } from './consensus-mutants.ts';
import { encryptionMutants } from './encryption-mutants.ts';
import { gatewayMutants } from './gateway-mutants.ts';
import { gatewayRoutingMutants } from './gateway-routing-mutants.ts';
import { operationsMutants } from './operations-mutants.ts';
import { poolMutants } from './pool-mutants.ts';
import { poolerMutants } from './pooler-mutants.ts';
import { streamMutants } from './stream-mutants.ts';
import { wireMutants } from './wire-mutants.ts';

/** Every planted bug. */
export const mutantCatalogue: readonly Mutant[] = [
  ...authMutants,
  ...poolerMutants,
  ...poolMutants,
  ...gatewayMutants,
  ...gatewayRoutingMutants,
  ...consoleMutants,
  ...operationsMutants,
  ...streamMutants,
  ...wireMutants,
  ...encryptionMutants,
  ...consensusMutants,
];
