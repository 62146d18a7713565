export { defaultGatewayLimits, type AuthPolicy, type GatewayConfig, type GatewayLimits } from './config.ts';
export {
  startGateway,
  type Gateway,
  type GatewayControlSetup,
  type GatewayStatus,
  type PoolerTarget,
} from './gateway.ts';
