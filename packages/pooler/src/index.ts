export { defaultPoolerLimits, type PoolerConfig, type PoolerLimits } from './config.ts';
export { startPooler, type Pooler, type PoolerControlSetup, type PoolerStatus } from './pooler.ts';
