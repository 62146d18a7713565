import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatEndpoint, type Endpoint, type MetricFamily, type Metrics } from '@multigres/core';
import { networkError } from '../network-errors.ts';
import { exposition, expositionType } from './exposition.ts';
import { mergeFamilies } from './merge-families.ts';
import { observeProcess } from './process-metrics.ts';
import { familiesPath, readFamilies } from './read-families.ts';

/** A process of ours whose metrics are shown together with ours. */
export interface MetricsPeer {
  readonly process: string;
  /** Where its own `serveMetrics` listens. */
  readonly endpoint: Endpoint;
}

export interface MetricsServerOptions {
  readonly metrics: Metrics;
  /** Names this process in the label `process`. */
  readonly process: string;
  readonly version: string;
  /** Why no clients should be sent here now; undefined: they may come. */
  readonly notReady: () => string | undefined;
  /** Asked anew at each reading: workers come and go. */
  readonly peers?: () => readonly MetricsPeer[];
}

export interface MetricsServer {
  /** With the real port. */
  readonly endpoint: Endpoint;
  close(): void;
}

/** More readers than this at a time are no operators. */
const connectionsMax = 64;
const requestMs = 5_000;

/**
 * Serves `/metrics` for Prometheus, `/healthz` (200 while the loop turns) and `/readyz` (200, or 503 with the reason), by HTTP, to whoever can connect:
 * listen on an address that only operators reach. Metrics of a peer that does not answer within a second are left out and its
 * `multigres_process_up` is 0. Rejects with a NetworkError if it cannot listen.
 */
export async function serveMetrics(endpoint: Endpoint, options: MetricsServerOptions): Promise<MetricsServer> {
  observeProcess(options.metrics, options.process, options.version);
  const server = createServer({ requestTimeout: requestMs, headersTimeout: requestMs }, (request, response) => {
    void answer(options, request, response).catch(() => response.destroy());
  });
  server.maxConnections = connectionsMax;
  const bound = await listen(server, endpoint);
  // It must not keep a process alive that has nothing else to do.
  server.unref();
  return {
    endpoint: bound,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  options: MetricsServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return send(response, 405, 'text/plain', 'only GET and HEAD\n');
  switch (request.url?.split('?', 1)[0]) {
    case '/metrics':
      return send(response, 200, expositionType, exposition(await allFamilies(options)));
    case familiesPath:
      return send(response, 200, 'application/json', JSON.stringify(options.metrics.families()));
    case '/healthz':
      return send(response, 200, 'text/plain', 'ok\n');
    case '/readyz': {
      const reason = options.notReady();
      return send(response, reason === undefined ? 200 : 503, 'text/plain', `${reason ?? 'ready'}\n`);
    }
    default:
      return send(response, 404, 'text/plain', 'there are /metrics, /healthz and /readyz\n');
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}

async function allFamilies(options: MetricsServerOptions): Promise<readonly MetricFamily[]> {
  const peers = options.peers?.() ?? [];
  const asked = await Promise.allSettled(peers.map(({ endpoint }) => readFamilies(endpoint)));
  const up: MetricFamily = {
    name: 'multigres_process_up',
    type: 'gauge',
    help: 'Whether a process of this program answered when it was asked for its metrics.',
    samples: [
      { labels: { process: options.process }, value: 1 },
      ...peers.map(({ process }, i) => ({ labels: { process }, value: Number(asked[i]?.status === 'fulfilled') })),
    ],
  };
  const told = asked.map((result, i) =>
    result.status === 'fulfilled' ? namedAfter(peers[i] as MetricsPeer, result.value) : [],
  );
  return mergeFamilies([[up], options.metrics.families(), ...told]);
}

/** Several workers say the same of themselves; here each has the name that we know it by. */
function namedAfter({ process }: MetricsPeer, families: readonly MetricFamily[]): readonly MetricFamily[] {
  return families.map((family) => ({
    ...family,
    samples: family.samples.map((sample) =>
      sample.labels['process'] === undefined ? sample : { ...sample, labels: { ...sample.labels, process } },
    ),
  }));
}

function listen(server: Server, endpoint: Endpoint): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(networkError(error, 'listen', `listen on ${formatEndpoint(endpoint)}`)));
    server.once('listening', () => {
      if (endpoint.kind === 'unix') return resolve(endpoint);
      resolve({ ...endpoint, port: (server.address() as AddressInfo).port });
    });
    if (endpoint.kind === 'unix') server.listen(endpoint.path);
    else server.listen(endpoint.port, endpoint.host);
  });
}
