import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MetricRegistry, type Span } from '@multigres/core';
import { afterEach, expect, it } from 'vitest';
import { OtlpExporter } from './otlp-exporter.ts';
import { otlpRequest } from './otlp-request.ts';

const span: Span = {
  traceId: '5bd66ef5095369c7b0d1f8f4bd33716a',
  spanId: 'c532cb4098ac3dd2',
  parentSpanId: undefined,
  name: 'gateway.query',
  kind: 'server',
  startMs: 1_700_000_000_000.25,
  endMs: 1_700_000_000_001,
  attributes: { text: 'select ?', count: 3, ratio: 0.5, yes: true },
};

it('a span in OTLP has its times in nanoseconds as text and its kind as a number', () => {
  const body = JSON.parse(otlpRequest('mine', [span, { ...span, parentSpanId: '1111111111111111', failed: '22012' }]));
  const [resource] = body.resourceSpans;
  expect(resource.resource.attributes).toEqual([{ key: 'service.name', value: { stringValue: 'mine' } }]);
  const [first, second] = resource.scopeSpans[0].spans;
  expect(first).toEqual({
    traceId: span.traceId,
    spanId: span.spanId,
    name: 'gateway.query',
    kind: 2,
    startTimeUnixNano: '1700000000000250000',
    endTimeUnixNano: '1700000000001000000',
    attributes: [
      { key: 'text', value: { stringValue: 'select ?' } },
      { key: 'count', value: { intValue: '3' } },
      { key: 'ratio', value: { doubleValue: 0.5 } },
      { key: 'yes', value: { boolValue: true } },
    ],
  });
  expect([second.parentSpanId, second.status]).toEqual(['1111111111111111', { code: 2, message: '22012' }]);
});

let server: Server | undefined;
afterEach(() => server?.close());

/** A collector that answers each request when it is told to. */
async function collector(): Promise<{
  readonly endpoint: string;
  readonly arrived: () => Promise<(status: number) => void>;
}> {
  const waiting: ((answer: (status: number) => void) => void)[] = [];
  const requests: ((status: number) => void)[] = [];
  server = createServer((request, response) => {
    request.resume();
    const answer = (status: number): void => void response.writeHead(status).end();
    const next = waiting.shift();
    if (next === undefined) requests.push(answer);
    else next(answer);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const arrived = (): Promise<(status: number) => void> =>
    new Promise((resolve) => {
      const ready = requests.shift();
      if (ready === undefined) waiting.push(resolve);
      else resolve(ready);
    });
  return { endpoint: `http://127.0.0.1:${port}`, arrived };
}

it('a collector that does not answer costs memory for 4096 spans and no more; what is not delivered is counted', async () => {
  const metrics = new MetricRegistry();
  const { endpoint, arrived } = await collector();
  const exporter = new OtlpExporter({ endpoint, ratio: 1, service: 'x' }, metrics);
  const counts = (): Record<string, number> =>
    Object.fromEntries(metrics.families()[0]?.samples.map(({ labels, value }) => [labels['outcome'], value]) ?? []);
  for (let i = 0; i < 6000; i++) exporter.take(span);
  // 512 are on their way, 4096 wait.
  expect(counts()).toEqual({ exported: 0, dropped: 6000 - 512 - 4096, failed: 0 });
  (await arrived())(200);
  (await arrived())(503);
  (await arrived())(200);
  expect(counts()).toMatchObject({ exported: 512, failed: 512 });
});
