export type { HbaRule } from './auth/hba/hba-rule.ts';
export { parseHba, type ParsedHba } from './auth/hba/parse-hba.ts';
export type { Users } from './auth/stored-secret.ts';
export { parseUsers, type ParsedUsers } from './auth/users-file.ts';
export type { SessionTimeouts } from './timeout/session-timeout.ts';
export type { GatewayOperator } from './console/commands.ts';
export { defaultConsoleConfig, type ConsoleConfig } from './console/console-config.ts';
export {
  defaultGatewayLimits,
  defaultGatewayLog,
  type AuthPolicy,
  type GatewayConfig,
  type GatewayLog,
  type GatewayLimits,
  type GatewayTls,
} from './config.ts';
export {
  startGateway,
  type Gateway,
  type GatewayControlSetup,
  type GatewayStatus,
  type PoolerAddress,
  type ShardName,
  type ShardTarget,
  type PoolerTarget,
} from './gateway.ts';
