export { isToolName, toolNames, type Tool, type ToolName } from './toolbox/tool.ts';
export { ensureTool, findTool, type OnProgress } from './toolbox/toolbox.ts';
export { grpcLimits, type GrpcLimits } from './rpc/grpc-options.ts';
export { GrpcTransport } from './rpc/grpc-transport.ts';
export { HostClock } from './clock.ts';
export { HostDisk } from './disk.ts';
export { HostNetwork } from './network.ts';
export { HostProcesses } from './processes.ts';
export { HostRandom } from './random.ts';
export { hostTelemetry, type HostTelemetry, type LogOptions } from './telemetry.ts';
export type { TraceOptions } from './tracing/otlp-exporter.ts';
export { hostWorld, wallClockOffsetVariable, type HostOptions, type HostWorld } from './world.ts';
export { EtcdStore, type EtcdStoreOptions } from './topology/etcd-store.ts';
export { etcdTopology, type EtcdTopologyOptions } from './topology/etcd-topology.ts';
export { descriptorsMax } from './metrics/descriptors-max.ts';
export { exposition } from './metrics/exposition.ts';
export { mergeFamilies } from './metrics/merge-families.ts';
export {
  serveMetrics,
  type MetricsPeer,
  type MetricsServer,
  type MetricsServerOptions,
} from './metrics/metrics-server.ts';
