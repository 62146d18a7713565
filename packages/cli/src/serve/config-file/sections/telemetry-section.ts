import type { Endpoint } from '@multigres/core';
import { parseListen } from '../../endpoints.ts';
import type { Section } from '../section.ts';
import { endpoint, fixed } from '../setting.ts';

/** `[telemetry]`: what operators see. */
export interface TelemetrySection {
  /** Where Prometheus finds /metrics, and others /healthz and /readyz. */
  readonly metrics?: Endpoint;
}

export const telemetrySection: Section<TelemetrySection> = {
  metrics: fixed(endpoint(parseListen, '"PORT" (on loopback), "HOST:PORT" or the absolute path of a Unix socket')),
};
