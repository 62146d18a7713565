import type { ChannelOptions } from '@grpc/grpc-js';
import { formatEndpoint, type Endpoint } from '@multigres/core';

export interface GrpcLimits {
  /** Largest message, in bytes. */
  readonly messageBytesMax: number;
  /** A peer that is silent this long is pinged; without an answer in `keepaliveAnswerMsMax` the connection ends. */
  readonly keepaliveMs: number;
  readonly keepaliveAnswerMsMax: number;
  /** Bounds of the pause between two attempts to connect. */
  readonly reconnectFirstMs: number;
  readonly reconnectLastMs: number;
}

export const grpcLimits: GrpcLimits = {
  messageBytesMax: 4 * 1024 * 1024,
  keepaliveMs: 2000,
  keepaliveAnswerMsMax: 2000,
  reconnectFirstMs: 50,
  reconnectLastMs: 500,
};

/** The name of an endpoint for grpc-js, to listen on or to connect to (gRPC documentation, "gRPC Name Resolution"). */
export function grpcAddress(endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? `unix:${endpoint.path}` : formatEndpoint(endpoint);
}

export function serverOptions(limits: GrpcLimits): ChannelOptions {
  return {
    'grpc.max_receive_message_length': limits.messageBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveAnswerMsMax,
    // Without it grpc-js 1.14 does not remember its connections, and a forced shutdown leaves them open.
    'grpc.enable_channelz': 1,
  };
}

export function channelOptions(limits: GrpcLimits): ChannelOptions {
  return {
    'grpc.max_receive_message_length': limits.messageBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveAnswerMsMax,
    'grpc.keepalive_permit_without_calls': 0,
    'grpc.initial_reconnect_backoff_ms': limits.reconnectFirstMs,
    'grpc.max_reconnect_backoff_ms': limits.reconnectLastMs,
    // A call runs at most once: only calls that never left are sent again.
    'grpc.enable_retries': 0,
    // Closing a channel closes its connection; nothing is shared behind our back, and no proxy from the environment stands between.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_channelz': 0,
  };
}
