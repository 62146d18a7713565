import type { Metrics } from '@multigres/core';
import { PinReason, pinNames, type PinReasonName } from '@multigres/sql';
import type { PoolerLimits } from '../config.ts';
import type { PoolerStatus } from '../pooler.ts';
import type { Session } from '../session/session.ts';

/** What of a pooler is looked at when somebody reads its metrics. */
export interface PoolerSubject {
  readonly status: () => PoolerStatus;
  readonly sessions: () => Iterable<Session>;
  readonly limits: PoolerLimits;
}

const everyReason = pinNames(Object.values(PinReason).reduce((all, bit) => all | bit, 0));

/** Registers what has a value only now. `subject` is asked at every reading, never in between. */
export function observePooler(metrics: Metrics, subject: PoolerSubject): void {
  const gauge = (name: string, text: string, value: () => number): void =>
    metrics.observe('gauge', `multigres_pooler_${name}`, text, (report) => report(value()));
  gauge('links', 'Links of gateways.', () => subject.status().gateways);
  gauge('sessions', 'Sessions of all gateways.', () => subject.status().sessions);
  gauge('backends_max', 'The limit of backends in all pools.', () => subject.limits.backendsMax);
  gauge('pool_backends_max', 'The limit of backends in one pool.', () => subject.limits.poolBackendsMax);
  const help =
    'Backends of a pool by state: idle, shared (groups of several sessions), leased (one session only), starting (login under way).';
  metrics.observe('gauge', 'multigres_pooler_backends', help, (report) => {
    for (const { user, database, idle, shared, leased, starting } of subject.status().pools) {
      const counts = { idle, shared, leased, starting };
      for (const [state, count] of Object.entries(counts)) report(count, { database, user, state });
    }
  });
  metrics.observe('gauge', 'multigres_pooler_waiting', 'Sessions that wait for a backend, by pool.', (report) => {
    for (const { user, database, waiting } of subject.status().pools) report(waiting, { database, user });
  });
  metrics.observe('gauge', 'multigres_pooler_pinned_sessions', 'Sessions that keep a backend, by reason.', (report) => {
    const counts = new Map<PinReasonName, number>(everyReason.map((reason) => [reason, 0]));
    for (const { pins } of subject.sessions()) {
      if (pins !== 0) for (const reason of pinNames(pins)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    for (const [reason, count] of counts) report(count, { reason });
  });
}
