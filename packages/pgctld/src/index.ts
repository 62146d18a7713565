export { defaultLimits, type PgctldConfig, type PgctldLimits } from './config.ts';
export { defaultInit, type InitOptions } from './initialize.ts';
export type { Force } from './lifecycle-state.ts';
export { startPgctld, type Pgctld, type PgctldPorts, type PostgresHands } from './pgctld.ts';
export type { PostgresStateInit } from './postgres-state.ts';
