import type { SimEvent } from './event-heap.ts';

/**
 * One epoch of one process: from its start to its death. What belongs to a dead life (timers, messages, I/O) never happens:
 * it is `kill -9`, so not even `finally` runs. A restarted process has a new life.
 */
export interface Life {
  /** Small number of the node, for the trace. */
  readonly node: number;
  readonly name: string;
  alive: boolean;
  /** Until then (simulated microseconds, may be Infinity) the process stands still. */
  pausedUntilUs: number;
  /** What fell due while it stood still: it happens late, in order. */
  readonly parked: SimEvent[];
}

export function newLife(node: number, name: string): Life {
  return { node, name, alive: true, pausedUntilUs: 0, parked: [] };
}
