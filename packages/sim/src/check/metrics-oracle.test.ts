import { MetricRegistry } from '@multigres/core';
import { expect, it } from 'vitest';
import { metricsAtRest } from './metrics-oracle.ts';

it('metrics at rest balance, and say that nobody is there', () => {
  const metrics = new MetricRegistry();
  const count = (name: string, n: number): void => metrics.counter(`multigres_gateway_${name}_total`, '').add(n);
  count('connections', 7);
  count('logins', 4);
  count('login_failures', 2);
  count('cancel_requests', 1);
  count('sessions_ended', 4);
  metrics.gauge('multigres_pooler_waiting', '').set(0);
  expect(metricsAtRest('g', metrics)).toEqual([]);
  count('logins', 1);
  metrics.gauge('multigres_pooler_waiting', '').set(1);
  expect(metricsAtRest('g', metrics)).toEqual([
    'g says multigres_pooler_waiting{} = 1 although nobody is connected',
    'g counts 7 of multigres_gateway_connections_total, but 8 of multigres_gateway_logins_total + multigres_gateway_console_logins_total + multigres_gateway_login_failures_total + multigres_gateway_cancel_requests_total',
    'g counts 5 of multigres_gateway_logins_total, but 4 of multigres_gateway_sessions_ended_total',
  ]);
});
