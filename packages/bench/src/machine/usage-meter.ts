import { setTimeout as sleep } from 'node:timers/promises';
import { machineCpuUs, ownCpuUs, treeCpuUs } from './process-usage.ts';

/** CPU microseconds by who spent them. */
export interface CpuUse {
  readonly proxyUs: number;
  readonly postgresUs: number;
  /** The load generator, with us. */
  readonly clientUs: number;
  /** Processors kept busy by everybody who has nothing to do with the run: 0 on a quiet machine. */
  readonly othersCores: number;
}

/** Backends whose clients have left need a moment to end and be counted. */
const settleMs = 60;

/** Measures what a piece of work costs each group of processes. */
export async function metered<T>(
  roots: { readonly proxy: number | undefined; readonly postgres: number },
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cpu: CpuUse }> {
  const read = (): { proxy: number; postgres: number; own: number; machine: number; nowMs: number } => ({
    proxy: roots.proxy === undefined ? 0 : treeCpuUs(roots.proxy),
    postgres: treeCpuUs(roots.postgres),
    own: ownCpuUs(),
    machine: machineCpuUs(),
    nowMs: performance.now(),
  });
  const before = read();
  const result = await work();
  await sleep(settleMs);
  const after = read();
  const proxyUs = after.proxy - before.proxy;
  const postgresUs = after.postgres - before.postgres;
  const clientUs = after.own - before.own;
  const othersUs = after.machine - before.machine - proxyUs - postgresUs - clientUs;
  const othersCores = Math.max(0, othersUs / 1000 / (after.nowMs - before.nowMs));
  return { result, cpu: { proxyUs, postgresUs, clientUs, othersCores } };
}
