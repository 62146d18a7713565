import { quietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { client } from './client.ts';
import { Health, HealthCheckResponse_ServingStatus as Serving } from './gen/grpc/health/v1/health_pb.ts';
import { HealthReporter } from './health.ts';
import { NetworkTransport } from './network/network-transport.ts';

const endpoint = { kind: 'tcp', host: 'quiet', port: 7000 } as const;
const deadline = { deadlineMs: 1000 } as const;

describe('the health service', () => {
  it('starts as not serving and tells each change to those who watch', async () => {
    const world = quietWorld();
    const transport = new NetworkTransport(world);
    const reporter = new HealthReporter(world.clock, ['multigres.pooler.v1.PoolerService']);
    await transport.serve(endpoint, [reporter.service]);
    const health = client(Health, transport.connect(endpoint));
    expect((await world.until(health.check({}, deadline))).status).toBe(Serving.NOT_SERVING);
    const watch = health.watch({ service: 'multigres.pooler.v1.PoolerService' }, { idleMsMax: 1000 });
    expect((await world.until(watch.next())).value?.status).toBe(Serving.NOT_SERVING);
    reporter.set('serving');
    expect((await world.until(watch.next())).value?.status).toBe(Serving.SERVING);
    expect((await world.until(health.check({}, deadline))).status).toBe(Serving.SERVING);
  });

  it('answers for services that it does not know as the protocol says', async () => {
    const world = quietWorld();
    const transport = new NetworkTransport(world);
    await transport.serve(endpoint, [new HealthReporter(world.clock).service]);
    const health = client(Health, transport.connect(endpoint));
    const check = health.check({ service: 'other' }, deadline);
    await expect(world.until(check)).rejects.toMatchObject({ sqlstate: '42704' });
    const watch = health.watch({ service: 'other' }, { idleMsMax: 1000 });
    expect((await world.until(watch.next())).value?.status).toBe(Serving.SERVICE_UNKNOWN);
  });
});
