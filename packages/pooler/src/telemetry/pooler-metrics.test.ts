import type { Endpoint } from '@multigres/core';
import { quietWorld } from '@multigres/core/quiet';
import { encodeTrace, frameType } from '@multigres/relay';
import { expect, it } from 'vitest';
import { defaultPoolerLimits } from '../config.ts';
import { startPooler } from '../pooler.ts';
import { FakeGateway } from '../testing/fake-gateway.ts';
import { FakePostgres } from '../testing/fake-postgres.ts';

const relay: Endpoint = { kind: 'tcp', host: 'pooler', port: 6543 };

it('where the time of a group went is told by phase, to operators and to its trace', async () => {
  const world = quietWorld();
  world.traced.isOn = true;
  const { endpoint: postgres } = await FakePostgres.start(world);
  await startPooler(world, { id: 'p', relay, postgres, limits: { ...defaultPoolerLimits, poolBackendsMax: 1 } });
  const gateway = await FakeGateway.connect(world, relay);
  const [holder, waiter, leaver] = [await gateway.session(), await gateway.session(), await gateway.session()];
  const value = (name: string, labels: Readonly<Record<string, string>>): number | undefined =>
    world.telemetry.metrics
      .families()
      .find((family) => family.name === `multigres_pooler_${name}`)
      ?.samples.find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
  const pool = { database: 'd', user: 'u' };

  holder.query('begin');
  await world.settle();
  const context = { traceId: '5bd66ef5095369c7b0d1f8f4bd33716a', spanId: 'c532cb4098ac3dd2' };
  gateway.link.send(waiter.id, frameType.trace, 0, 0, encodeTrace(context));
  waiter.query('update');
  leaver.query('update');
  await world.settle();
  expect([value('waiting', pool), value('backends', { ...pool, state: 'leased' })]).toEqual([2, 1]);
  gateway.link.bare(leaver.id, frameType.cancel);
  await world.advance(250);
  holder.query('commit');
  await world.settle();
  expect(waiter.heard()).toContain('Z:I');

  expect(value('waiting', pool)).toBe(0);
  expect(value('query_duration_seconds', { phase: 'queue' })).toBeCloseTo(0.25, 2);
  expect(value('query_duration_seconds', { phase: 'line' })).toBe(0);
  expect(value('groups_total', { mode: 'leased' })).toBe(3);
  expect(value('cancels_total', { outcome: 'unsent' })).toBe(1);
  expect(value('errors_total', { sqlstate: '57014' })).toBe(1);
  const spans = world.traced.spans.map(({ traceId, parentSpanId, name, startMs, endMs }) => ({
    ...{ traceId, parentSpanId, name },
    lastedMs: Math.round(endMs - startMs),
  }));
  const common = { traceId: context.traceId, parentSpanId: context.spanId };
  expect(spans).toMatchObject([
    { ...common, name: 'pooler.queue', lastedMs: 250 },
    { ...common, name: 'postgres.execute' },
  ]);
});
