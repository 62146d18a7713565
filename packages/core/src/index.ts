export { AssertionFailed, assert, check, unreachable } from './base/assert.ts';
export { backoffMs } from './base/backoff.ts';
export { BoundedQueue } from './base/bounded-queue.ts';
export { ByteCache } from './base/byte-cache.ts';
export { concat, emptyBytes, hex, sameBytes, sameSecret, utf8, utf8Into, utf8Text } from './base/bytes.ts';
export { parseDurationMs } from './base/duration.ts';
export type { Branded, CellName, ComponentId, SessionId } from './base/ids.ts';
export { LineSplitter } from './base/line-splitter.ts';
export { formatLsn, lsnZero, parseLsn, type Lsn } from './base/lsn.ts';
export { TimerQueue, type QueuedTimer } from './base/timer-queue.ts';
export { uniformBelow, uniformFraction } from './base/uniform.ts';
export { PgError, type Fate, type PgErrorInit, type PgReport, type Severity } from './error/pg-error.ts';
export { sqlstate, type Sqlstate } from './error/sqlstate.ts';
export { drive } from './machine/drive.ts';
export type { Machine, Step } from './machine/machine.ts';
export { bucketBoundsSeconds } from './metrics/duration-histogram.ts';
export { MetricRegistry } from './metrics/metric-registry.ts';
export { laterTick, ticksMs, TurnClock } from './metrics/turn-clock.ts';
export type { Clock, Timer } from './world/clock.ts';
export { DiskError, writeDurably, type Disk, type DiskErrorCode, type FileInfo } from './world/disk.ts';
export {
  seriesMax,
  type Counter,
  type Gauge,
  type Histogram,
  type Labels,
  type MetricFamily,
  type Metrics,
  type MetricType,
  type Report,
  type Sample,
} from './world/metrics.ts';
export {
  NetworkError,
  formatEndpoint,
  parseEndpoint,
  type ConnectOptions,
  type ListenOptions,
  type Connection,
  type ConnectionHandler,
  type Endpoint,
  type Listener,
  type Network,
  type NetworkErrorCode,
} from './world/network.ts';
export { pipe } from './world/pipe.ts';
export {
  ProcessError,
  type Child,
  type Command,
  type Exit,
  type Processes,
  type RunResult,
  type Signal,
} from './world/processes.ts';
export type { Random } from './world/random.ts';
export type { Log, LogFields, LogLevel, Probe, Telemetry } from './world/telemetry.ts';
export type {
  ClientCertificate,
  SecuredConnection,
  TlsClientOptions,
  TlsContext,
  TlsFacts,
  TlsMaterial,
  TlsServerOptions,
} from './world/tls.ts';
export { TlsFiles, type TlsFileNames, type TlsWorld } from './world/tls-files.ts';
export { ToyContext, toyMaterial, type ToyCertificate } from './world/toy-tls/toy-certificate.ts';
export { secureWithToy } from './world/toy-tls/toy-tls.ts';
export { noTracing, type Span, type TraceContext, type Tracing } from './world/tracing.ts';
export type { World } from './world/world.ts';
