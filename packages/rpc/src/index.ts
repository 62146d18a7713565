// So that roles build messages without a dependency of their own.
export { create, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
export { CallScope } from './call-scope.ts';
export { client, type RpcClient } from './client.ts';
export {
  Health,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from './gen/grpc/health/v1/health_pb.ts';
export {
  ComponentIdSchema,
  EndpointSchema,
  KeyRangeSchema,
  ShardKeySchema,
  type ComponentId as ComponentIdMessage,
  type Endpoint as EndpointMessage,
  type KeyRange,
  type ShardKey,
} from './gen/multigres/common/v1/common_pb.ts';
export {
  GatewayService,
  GatewayStatusSchema,
  KnownPoolerSchema,
  type GatewayStatus,
  type KnownPooler,
} from './gen/multigres/gateway/v1/gateway_pb.ts';
export {
  PgctldService,
  PostgresStateSchema,
  ServerState,
  StopMode,
  type InitDbRequest,
  type PostgresState,
  type RestartRequest,
  type StopRequest,
} from './gen/multigres/pgctld/v1/pgctld_pb.ts';
export {
  PoolerService,
  PoolerStatusSchema,
  PoolStatusSchema,
  PostgresRole,
  PostgresStatusSchema,
  ServingState,
  type PoolerStatus,
  type PoolStatus,
  type PostgresStatus,
} from './gen/multigres/pooler/v1/pooler_pb.ts';
export { ErrorReportSchema, StatusSchema } from './gen/multigres/rpc/v1/status_pb.ts';
export {
  CellSchema,
  DatabaseSchema,
  GatewaySchema,
  PoolerSchema,
  ShardSchema,
  TableGroupSchema,
  type Cell,
  type Database,
  type Gateway,
  type Pooler,
  type Shard,
  type TableGroup,
} from './gen/multigres/topology/v1/topology_pb.ts';
export { endpointMessage, endpointOf } from './endpoint.ts';
export {
  callCancelled,
  channelClosed,
  connectionLost,
  deadlineExceeded,
  messageTooLarge,
  serverClosing,
  streamSilent,
  unreachable,
} from './errors.ts';
export { HealthReporter, type HealthState } from './health.ts';
export { InboundStream, type InboundStreamOptions } from './inbound-stream.ts';
export { NetworkTransport, networkTransportLimits, type NetworkTransportLimits } from './network/network-transport.ts';
export { Published } from './published.ts';
export {
  methodPath,
  served,
  type CallContext,
  type Implementation,
  type MethodHandler,
  type ServedMethod,
  type ServedService,
  type StreamHandler,
  type UnaryHandler,
} from './service.ts';
export { errorOfStatus, rpcCode, statusOfError, type RpcCode, type RpcStatus } from './status.ts';
export type { RpcChannel, RpcServer, RpcStream, RpcTransport, StreamOptions, UnaryOptions } from './transport.ts';
