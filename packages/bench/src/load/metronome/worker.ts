import { parentPort, workerData } from 'node:worker_threads';

// Wakes the other thread at planned times. Timers of an event loop come a millisecond late; waiting on memory is exact to some 0.1 ms.

export interface Beats {
  /** Unix time, the only one that threads share. */
  readonly startMs: number;
  readonly periodMs: number;
  /** Not zero: end. */
  readonly stopped: SharedArrayBuffer;
}

const { startMs, periodMs, stopped } = workerData as Beats;
const flag = new Int32Array(stopped);
const nowMs = (): number => performance.timeOrigin + performance.now();

for (let beat = 0; Atomics.load(flag, 0) === 0; beat++) {
  const plannedMs = startMs + beat * periodMs;
  const waitMs = plannedMs - nowMs();
  if (waitMs > 0) Atomics.wait(flag, 0, 0, waitMs);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  parentPort?.postMessage(plannedMs);
}
