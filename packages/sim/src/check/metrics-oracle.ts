import type { MetricFamily, Metrics } from '@multigres/core';

/** Gauges that say 0 when nobody is connected. */
const zeroAtRest: ReadonlySet<string> = new Set([
  'multigres_gateway_sessions',
  'multigres_gateway_logins_in_progress',
  'multigres_gateway_relay_backlog_bytes',
  'multigres_pooler_sessions',
  'multigres_pooler_waiting',
  'multigres_pooler_pinned_sessions',
]);

/** Counters whose sums are equal when nobody is connected: what came in on the left went out on the right. */
const accounts: readonly (readonly [left: readonly string[], right: readonly string[]])[] = [
  [
    ['multigres_gateway_connections_total'],
    [
      'multigres_gateway_logins_total',
      'multigres_gateway_console_logins_total',
      'multigres_gateway_login_failures_total',
      'multigres_gateway_cancel_requests_total',
    ],
  ],
  [['multigres_gateway_logins_total'], ['multigres_gateway_sessions_ended_total']],
];

/** What the metrics of one process say wrongly while nobody is connected to it: sentences. */
export function metricsAtRest(who: string, metrics: Metrics): string[] {
  const families = new Map(metrics.families().map((family) => [family.name, family]));
  const wrong: string[] = [];
  for (const [name, family] of families) {
    if (!zeroAtRest.has(name)) continue;
    for (const { labels, value } of family.samples)
      if (value !== 0)
        wrong.push(`${who} says ${name}${JSON.stringify(labels)} = ${value} although nobody is connected`);
  }
  for (const [left, right] of accounts) {
    const [came, went] = [totalOf(families, left), totalOf(families, right)];
    if (came !== went) wrong.push(`${who} counts ${came} of ${left.join(' + ')}, but ${went} of ${right.join(' + ')}`);
  }
  return wrong;
}

function totalOf(families: ReadonlyMap<string, MetricFamily>, names: readonly string[]): number {
  let total = 0;
  for (const name of names) for (const { value } of families.get(name)?.samples ?? []) total += value;
  return total;
}
