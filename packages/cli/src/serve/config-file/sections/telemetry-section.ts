import type { Endpoint } from '@multigres/core';
import { parseListen } from '../../endpoints.ts';
import type { Section } from '../section.ts';
import { endpoint, fixed, type Setting } from '../setting.ts';

/** `[telemetry]`: what operators see. */
export interface TelemetrySection {
  /** Where Prometheus finds /metrics, and others /healthz and /readyz. */
  readonly metrics?: Endpoint;
  /** An OpenTelemetry collector that takes traces: OTLP by HTTP. */
  readonly traces?: string;
  /** The share of statements that are traced without being asked to, 0 to 1. */
  readonly traceRatio?: number;
}

const httpAddress: Setting<string> = {
  allowed: 'an address that begins with http:// or https://',
  read: (value) =>
    typeof value === 'string' && /^https?:\/\/[^\s/]/.test(value) && URL.canParse(value) ? value : undefined,
};

const share: Setting<number> = {
  allowed: 'a number from 0 to 1',
  read: (value) => (typeof value === 'number' && value >= 0 && value <= 1 ? value : undefined),
};

export const telemetrySection: Section<TelemetrySection> = {
  metrics: fixed(endpoint(parseListen, '"PORT" (on loopback), "HOST:PORT" or the absolute path of a Unix socket')),
  traces: fixed(httpAddress),
  traceRatio: fixed(share),
};
