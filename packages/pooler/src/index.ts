export { defaultPoolerLimits, type PoolerConfig, type PoolerLimits, type PostgresTls } from './config.ts';
export { noShares, type DatabaseShare, type Share, type Shares } from './limits/shares.ts';
export { startPooler, type Pooler, type PoolerControlSetup, type PoolerStatus } from './pooler.ts';
export type { MemberConfig, ReplicationLogin } from './member/member-config.ts';
