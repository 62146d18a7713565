import type { GatewayOperator } from '@multigres/gateway';
import { CliError, configRefused } from '../errors.ts';
import type { Serving } from './serving.ts';

/** What the console of a gateway in this process can have done. With a parent, the whole proxy leaves, not this worker alone. */
export function operatorOf({ reloader, orders }: Pick<Serving, 'reloader' | 'orders'>): GatewayOperator {
  return {
    reload: async () => {
      const { needRestart } = await reloader.reload().catch(asPgError);
      return needRestart.length === 0 ? '' : `these settings wait for a restart: ${needRestart.join(', ')}`;
    },
    drain: () => void (orders.tellParent('drain') || orders.ask('drain')),
    shutdown: () => void (orders.tellParent('stop') || orders.ask('stop')),
  };
}

/** What is wrong with the configuration, in the words of a report to a client. */
export function asPgError(error: unknown): never {
  throw error instanceof CliError ? configRefused(error) : error;
}
