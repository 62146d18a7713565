// For those who measure something of their own: the load generator, its histogram, and what reads the use of processes.

export { Histogram, type HistogramRecord } from './load/histogram.ts';
export { LoadGenerator, type LoadResult, type Logins } from './load/load-generator.ts';
export type { LoadPlan } from './load/load-plan.ts';
export { Loop, type Arrival, type Lane, type LoopClock, type LoopOptions, type LoopResult } from './load/loop.ts';
export { pgbench, type Mode, type PgbenchOptions, type PgbenchProgram, type PgbenchResult } from './load/pgbench.ts';
export type { Identity } from './load/session.ts';
export { processTree, treeCpuUs, type ProcessUsage } from './machine/process-usage.ts';
export { metered, type CpuUse } from './machine/usage-meter.ts';
