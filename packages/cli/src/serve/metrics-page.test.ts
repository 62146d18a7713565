import { readFileSync } from 'node:fs';
import { pipe, type MetricFamily } from '@multigres/core';
import { defaultGatewayLimits, startGateway } from '@multigres/gateway';
import { hostWorld, serveMetrics } from '@multigres/host';
import { startOrch } from '@multigres/orch';
import { defaultPoolerLimits, startPooler } from '@multigres/pooler';
import { NetworkTransport } from '@multigres/rpc';
import { Directory, MemoryTopology } from '@multigres/topology';
import { expect, it } from 'vitest';

const anyPort = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

/** What a gateway, a pooler, an orchestrator and the process around them have, whether anything has happened or not. */
async function everyFamily(): Promise<readonly MetricFamily[]> {
  const world = hostWorld({
    log: { level: 'error' },
    traces: { endpoint: 'http://127.0.0.1:9', ratio: 0, service: 'test' },
    timersKeepAlive: false,
  });
  const limits = defaultPoolerLimits;
  const pooler = await startPooler(world, { id: 'p', relay: undefined, postgres: anyPort, limits });
  const config = { id: 'g', listen: [anyPort], auth: { kind: 'trust' }, limits: defaultGatewayLimits } as const;
  const gateway = await startGateway(world, config, async () => {
    const [ours, theirs] = pipe();
    pooler.accept(theirs);
    return ours;
  });
  const directory = new Directory(world, new MemoryTopology(world.clock, ['local']).connect(world.clock));
  const parts = { world, rpc: new NetworkTransport(world), directory };
  const orch = await startOrch(parts, { name: 'o', cell: 'local', rpc: anyPort });
  const { metrics } = world.telemetry;
  const server = await serveMetrics(anyPort, { metrics, process: 'proxy', version: '0', notReady: () => undefined });
  const families = metrics.families();
  server.close();
  await gateway.stop();
  await pooler.stop();
  await orch.stop();
  return families;
}

function page(families: readonly MetricFamily[]): string {
  const lines = (prefix: RegExp): string =>
    families
      .filter(({ name }) => prefix.test(name))
      .map(({ name, type, help }) => `- \`${name}\` (${type}): ${help}\n`)
      .join('');
  return `${introduction}
## The gateway

${lines(/^multigres_gateway_/)}
## The pooler

${lines(/^multigres_pooler_/)}
## The orchestrator

${lines(/^multigres_orch_/)}
## Each process

${lines(/^(?!multigres_gateway_|multigres_pooler_|multigres_orch_)/)}`;
}

const introduction = `# Metrics

What \`--metrics HOST:PORT\` (or \`metrics\` in the section \`[telemetry]\`) shows at \`/metrics\`. Beside it \`/healthz\` says 200 while the process turns, \`/readyz\` 200
while clients may be sent here and else 503 with the reason. Anybody who can connect can read them: listen where only operators are.

- A proxy of several processes has one endpoint: series with equal labels are added up, those that tell of a process carry the label \`process\`, and
  \`multigres_process_up\` says which of them answered.
- Durations are in seconds, in buckets of 2^k and 1.5 * 2^k microseconds from 32 us to 67 s. They are read from a clock that stands still within one turn of the loop: exact to
  the length of a turn, and what begins and ends in one turn took 0.
- One ReadyForQuery answers one group: a Query, or the messages up to a Sync. That is what is counted as a query.
- A name has at most 200 series; what would be more (users, databases) is added up under \`other\`.

This page is written by a test: \`vitest run packages/cli/src/serve/metrics-page.test.ts --update\`.
`;

it('the page of metrics names every one there is', async () => {
  const families = await everyFamily();
  expect(families.filter(({ help }) => !help.endsWith('.')).map(({ name }) => name)).toEqual([]);
  await expect(page(families)).toMatchFileSnapshot('../../../../docs/metrics.md');
});

it('the dashboard asks for no metric that does not exist', async () => {
  const known = new Set((await everyFamily()).map(({ name }) => name));
  const dashboard = readFileSync(new URL('../../../../docs/grafana-dashboard.json', import.meta.url), 'utf8');
  const asked = [...dashboard.matchAll(/(?:multigres|process|nodejs)_[a-z0-9_]+/g)].map(([name]) =>
    known.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, ''),
  );
  expect(asked.length).toBeGreaterThan(15);
  expect(asked.filter((name) => !known.has(name))).toEqual([]);
});
