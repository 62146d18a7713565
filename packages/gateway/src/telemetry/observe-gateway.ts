import type { Metrics } from '@multigres/core';
import type { Route } from '../route/route.ts';
import type { Session, SessionState } from '../session/session.ts';
import type { Classifier } from '../statement/classifier.ts';
import type { StatementCatalog } from '../statement/statement-catalog.ts';

/** What of a gateway is looked at when somebody reads its metrics. */
export interface GatewaySubject {
  readonly sessions: Iterable<Session>;
  readonly tunnels: { readonly size: number };
  readonly loginCount: number;
  readonly sessionsMax: number;
  readonly route: Route;
  /** Sessions that wait for a leader; undefined where there is one pooler for everything. */
  readonly waiting: { readonly size: number; readonly bytes: number } | undefined;
  readonly catalog: StatementCatalog;
  readonly classifier: Classifier;
}

const states: readonly SessionState[] = ['opening', 'idle', 'active', 'idleInTransaction', 'detached'];

/** Registers what has a value only now. `subject` is asked at every reading, never in between. */
export function observeGateway(metrics: Metrics, subject: GatewaySubject): void {
  const help =
    'Sessions by state: opening (logged in, waits for the pooler), idle, active (a group is under way), idleInTransaction, detached (its pooler went away), replication (a connection of that kind).';
  metrics.observe('gauge', 'multigres_gateway_sessions', help, (report) => {
    const counts = new Map(states.map((state) => [state, 0]));
    for (const { state } of subject.sessions) counts.set(state, (counts.get(state) ?? 0) + 1);
    for (const [state, count] of counts) report(count, { state });
    report(subject.tunnels.size, { state: 'replication' });
  });
  const gauge = (name: string, text: string, value: () => number): void =>
    metrics.observe('gauge', name, text, (report) => report(value()));
  gauge(
    'multigres_gateway_logins_in_progress',
    'Clients that have connected and not logged in yet.',
    () => subject.loginCount,
  );
  gauge('multigres_gateway_sessions_max', 'The limit of sessions and logins together.', () => subject.sessionsMax);
  gauge('multigres_gateway_pooler_up', 'Links to the pooler that are up: one for each gateway process.', () =>
    Number(subject.route.isUp),
  );
  gauge(
    'multigres_gateway_relay_backlog_bytes',
    'Bytes for the pooler that the network has not taken.',
    () => subject.route.backlogBytes,
  );
  const { waiting } = subject;
  if (waiting !== undefined) {
    gauge('multigres_gateway_buffered_sessions', 'Sessions that wait for a leader now.', () => waiting.size);
    gauge('multigres_gateway_buffered_bytes', 'What these have sent and is kept for the leader.', () => waiting.bytes);
  }
  gauge(
    'multigres_gateway_statements',
    'Distinct statements remembered for being carried.',
    () => subject.catalog.size,
  );
  const lookups = 'Texts whose effects on the session were looked up. result: hit (known already) or miss (read anew).';
  metrics.observe('counter', 'multigres_gateway_classifications_total', lookups, (report) => {
    report(subject.classifier.hits, { result: 'hit' });
    report(subject.classifier.misses, { result: 'miss' });
  });
}
