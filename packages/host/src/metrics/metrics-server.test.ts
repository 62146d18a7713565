import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MetricRegistry, formatEndpoint, type Endpoint } from '@multigres/core';
import { afterEach, describe, expect, it } from 'vitest';
import { parseExposition } from '../testing/parse-exposition.ts';
import { exposition } from './exposition.ts';
import { mergeFamilies } from './merge-families.ts';
import { serveMetrics, type MetricsServer, type MetricsServerOptions } from './metrics-server.ts';

describe('the text for Prometheus', () => {
  it('is what a strict reader takes, whatever labels and help hold', () => {
    const metrics = new MetricRegistry();
    const nasty = 'a"b\\c\nd{}, é';
    metrics.counter('x_total', 'With "quotes",\nlines and \\.', { name: nasty, other: '' }).add(3);
    metrics.gauge('x_level', 'Levels.').set(-0.5);
    metrics.gauge('x_none', 'Not a number.').set(Number.NaN);
    metrics.observe('gauge', 'x_max', 'Limits.', (report) => report(Infinity));
    metrics.observe('gauge', 'x_silent', 'Nothing is reported.', () => {});
    for (const ms of [0.01, 5, 5, 1e7]) metrics.histogram('x_seconds', 'Times.', { a: 'b' }).recordMs(ms);
    const parsed = parseExposition(exposition(metrics.families()));
    expect([...parsed.keys()]).toEqual(['x_level', 'x_max', 'x_none', 'x_seconds', 'x_total']);
    expect([...(parsed.get('x_total')?.values ?? [])]).toEqual([
      [String.raw`x_total{name="a\"b\\c\nd{}, é",other=""}`, 3],
    ]);
    expect(parsed.get('x_max')?.values.get('x_max')).toBe(Infinity);
    const histogram = parsed.get('x_seconds')?.values;
    expect(histogram?.get('x_seconds_count{a="b"}')).toBe(4);
    expect(histogram?.get('x_seconds_bucket{a="b",le="0.000032"}')).toBe(1);
    expect(histogram?.get('x_seconds_bucket{a="b",le="0.006144"}')).toBe(3);
    expect(histogram?.get('x_seconds_bucket{a="b",le="67.108864"}')).toBe(3);
  });

  it.each([
    'x 1\n',
    '# HELP x h\n# TYPE x gauge\nx 1',
    '# HELP x h\n# TYPE x gauge\nx 1\nx 2\n',
    '# HELP x h\n# TYPE x gauge\nx{a="\n"} 1\n',
    '# HELP x h\n# TYPE x gauge\ny 1\n',
    '# HELP x h\n# TYPE x gauge\nx one\n',
    '# HELP x h\n# TYPE x histogram\nx_bucket{le="1"} 1\nx_sum 1\nx_count 1\n',
    '# HELP x h\n# TYPE x histogram\nx_bucket{le="1"} 2\nx_bucket{le="+Inf"} 1\nx_sum 1\nx_count 1\n',
  ])('would not be taken as %j', (text) => {
    expect(() => parseExposition(text)).toThrow(Error);
  });
});

describe('merging', () => {
  it('adds up equal series of counters, gauges and histograms, and keeps others apart', () => {
    const [one, two] = [new MetricRegistry(), new MetricRegistry()];
    for (const [metrics, n] of [
      [one, 1],
      [two, 2],
    ] as const) {
      // prettier-ignore
      metrics.counter('c_total', 'C.', { k: 'same' }).add(n);
      metrics.gauge('g', 'G.', { process: `p${n}` }).set(n);
      metrics.histogram('h_seconds', 'H.').recordMs(1000 * n);
    }
    two.counter('only_total', 'O.').add(5);
    const merged = mergeFamilies([one.families(), two.families()]);
    expect(merged.map(({ name, samples }) => [name, ...samples.map(({ value }) => value)])).toEqual([
      ['c_total', 3],
      ['g', 1, 2],
      ['h_seconds', 3],
      ['only_total', 5],
    ]);
    expect(merged[2]?.samples[0]?.buckets?.filter((count) => count > 0)).toEqual([1, 1]);
  });
});

describe('the endpoint', () => {
  const servers: MetricsServer[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'mg-metrics-'));
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (endpoint: Endpoint, options: Partial<MetricsServerOptions> = {}): Promise<MetricsServer> => {
    const metrics = options.metrics ?? new MetricRegistry();
    const all = { process: 'one', version: '1', notReady: () => undefined, ...options, metrics };
    const server = await serveMetrics(endpoint, all);
    servers.push(server);
    return server;
  };
  const anyPort: Endpoint = { kind: 'tcp', host: '127.0.0.1', port: 0 };
  const get = (server: MetricsServer, path: string, method = 'GET'): Promise<Response> =>
    fetch(`http://${formatEndpoint(server.endpoint)}${path}`, { method });

  it('shows its own metrics and those of its peers, and says who did not answer', async () => {
    const [ours, theirs] = [new MetricRegistry(), new MetricRegistry()];
    ours.counter('x_total', 'X.').add(1);
    theirs.counter('x_total', 'X.').add(2);
    const itself = { metrics: theirs, process: 'any' };
    const peer = await start({ kind: 'unix', path: join(folder, 'peer') }, itself);
    const gone: Endpoint = { kind: 'unix', path: join(folder, 'nobody') };
    const peers = () => [
      { process: 'two', endpoint: peer.endpoint },
      { process: 'three', endpoint: gone },
    ];
    const server = await start(anyPort, { metrics: ours, peers });
    const answer = await get(server, '/metrics');
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const parsed = parseExposition(await answer.text());
    expect(parsed.get('x_total')?.values.get('x_total')).toBe(3);
    expect(Object.fromEntries(parsed.get('multigres_process_up')?.values ?? [])).toEqual({
      'multigres_process_up{process="one"}': 1,
      'multigres_process_up{process="two"}': 1,
      'multigres_process_up{process="three"}': 0,
    });
    const memory = parsed.get('process_resident_memory_bytes')?.values;
    expect([...(memory?.keys() ?? [])]).toEqual([
      'process_resident_memory_bytes{process="one"}',
      'process_resident_memory_bytes{process="two"}',
    ]);
    expect([...(memory?.values() ?? [])].every((bytes) => bytes > 1e6)).toBe(true);
    const descriptors = parsed.get('process_open_fds')?.values.get('process_open_fds{process="one"}');
    expect(descriptors).toBeGreaterThan(2);
  });

  it('says whether clients may come', async () => {
    let reason: string | undefined = 'no connection to the pooler';
    const server = await start(anyPort, { notReady: () => reason });
    const refused = await get(server, '/readyz');
    expect([refused.status, await refused.text()]).toEqual([503, 'no connection to the pooler\n']);
    expect((await get(server, '/healthz')).status).toBe(200);
    reason = undefined;
    expect((await get(server, '/readyz?verbose')).status).toBe(200);
  });

  it('has nothing else to say', async () => {
    const server = await start(anyPort);
    expect((await get(server, '/')).status).toBe(404);
    expect((await get(server, '/metrics', 'POST')).status).toBe(405);
  });

  it('refuses an address that is taken with a NetworkError', async () => {
    const server = await start(anyPort);
    await expect(start(server.endpoint)).rejects.toMatchObject({ name: 'NetworkError', code: 'inUse' });
  });
});
