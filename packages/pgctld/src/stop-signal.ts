import type { Signal } from '@multigres/core';
import type { Force } from './lifecycle-state.ts';

/** PostgreSQL documentation, "Shutting Down the Server". */
export const signalOf: Readonly<Record<Force, Signal>> = {
  smart: 'SIGTERM',
  fast: 'SIGINT',
  immediate: 'SIGQUIT',
  kill: 'SIGKILL',
};
