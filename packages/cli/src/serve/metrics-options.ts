import { formatEndpoint, NetworkError, type Endpoint, type World } from '@multigres/core';
import { serveMetrics, type MetricsPeer } from '@multigres/host';
import type { Command } from 'commander';
import { CliError } from '../errors.ts';
import { version } from '../version.ts';
import { listenEndpoint } from './endpoints.ts';

/** How this process appears in its metrics. */
export interface MetricsSubject {
  /** Its label `process`. */
  readonly process: string;
  /** Why no clients should be sent here now; undefined: they may come. */
  readonly notReady: () => string | undefined;
  /** Processes of ours whose metrics are shown here too. */
  readonly peers?: () => readonly MetricsPeer[];
}

export function addMetricsOption(command: Command): Command {
  return command.option(
    '--metrics <endpoint>',
    'PORT (on loopback) or HOST:PORT for Prometheus: /metrics, and /healthz, /readyz (default: none)',
    listenEndpoint,
  );
}

/** Serves metrics if somebody wants them; the server lives as long as the process. */
export async function startMetrics(
  world: World,
  endpoint: Endpoint | undefined,
  subject: MetricsSubject,
): Promise<void> {
  if (endpoint === undefined) return;
  try {
    const server = await serveMetrics(endpoint, { ...subject, metrics: world.telemetry.metrics, version });
    world.telemetry.log.info('metrics are served', { endpoint: formatEndpoint(server.endpoint) });
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    throw new CliError(`cannot serve metrics: ${error.message}`, {
      hint: 'Give another address with --metrics.',
      cause: error,
    });
  }
}
