export { defaultPoolerLimits, type PoolerConfig, type PoolerLimits } from './config.ts';
export { startPooler, type Pooler, type PoolerStatus } from './pooler.ts';
