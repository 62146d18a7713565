import { describe, it } from 'vitest';
import { networkEndingContract } from './contract/network-ending-contract.ts';
import { networkFlowContract } from './contract/network-flow-contract.ts';
import type { Connection, Network } from './network.ts';
import { pipe } from './pipe.ts';
import { secureWithToy } from './toy-tls/toy-tls.ts';
import { ToyContext } from './toy-tls/toy-certificate.ts';
import { quietWorld } from './quiet/quiet.ts';

/** A network that joins whoever connects to whoever listened last, by pipes. */
function pipes(): Network {
  let accept: (connection: Connection) => void = () => undefined;
  return {
    listen: async (endpoint, onConnection) => {
      accept = onConnection;
      return { endpoint, close: async () => undefined };
    },
    connect: async () => {
      const [near, far] = pipe();
      accept(far);
      return near;
    },
    tlsContext: (material) => new ToyContext(material),
    secure: secureWithToy,
  };
}

/** What is said of listeners, or of a network in between, means nothing to two ends in one process. */
const ofNetworksOnly = /unix|accept attaches nothing/;

describe('the contract of a connection, for a pipe', () => {
  for (const test of [...networkFlowContract, ...networkEndingContract]) {
    if (ofNetworksOnly.test(test.name)) continue;
    it(test.name, async () => {
      const quiet = quietWorld();
      const world = { ...quiet, network: pipes() };
      const nothing = (): never => {
        throw new Error('not needed here');
      };
      const tools = { other: world, host: 'here', directory: '/tmp', lines: nothing, command: nothing };
      await quiet.until(test.run(world, tools));
    });
  }
});
