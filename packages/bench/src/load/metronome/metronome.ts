import { Worker } from 'node:worker_threads';
import type { LoopClock } from '../loop.ts';
import type { Beats } from './worker.ts';

const nowMs = (): number => performance.timeOrigin + performance.now();
const script = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/** The time of this machine, and a thread of its own that keeps the beat. */
export const hostLoopClock: LoopClock = {
  nowMs,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  beat(startMs, periodMs, tick) {
    const stopped = new SharedArrayBuffer(4);
    const beats: Beats = { startMs, periodMs, stopped };
    const worker = new Worker(script, { workerData: beats });
    worker.on('message', tick);
    return () => {
      worker.off('message', tick);
      Atomics.store(new Int32Array(stopped), 0, 1);
      Atomics.notify(new Int32Array(stopped), 0);
    };
  },
};
