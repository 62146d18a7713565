import type { Step } from '@multigres/core';

/** What is known of the Postgres beside the pooler. */
export type PostgresHealth =
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'up';
      readonly role: 'primary' | 'standby';
      readonly versionNumber: number;
      readonly version: string;
    }
  | { readonly kind: 'down'; readonly reason: string };

export type HealthEvent =
  | {
      readonly kind: 'probeAnswered';
      readonly inRecovery: boolean;
      readonly versionNumber: number;
      readonly version: string;
    }
  | { readonly kind: 'probeFailed'; readonly reason: string };

export type HealthEffect = { readonly kind: 'publish' };

/** Publishes changes only: who watches is not told the same thing every second. */
export function onHealthEvent(state: PostgresHealth, event: HealthEvent): Step<PostgresHealth, HealthEffect> {
  const next = nextHealth(event);
  return [next, sameHealth(state, next) ? [] : [{ kind: 'publish' }]];
}

function nextHealth(event: HealthEvent): PostgresHealth {
  if (event.kind === 'probeFailed') return { kind: 'down', reason: event.reason };
  const { inRecovery, versionNumber, version } = event;
  return { kind: 'up', role: inRecovery ? 'standby' : 'primary', versionNumber, version };
}

function sameHealth(a: PostgresHealth, b: PostgresHealth): boolean {
  if (a.kind === 'down' && b.kind === 'down') return a.reason === b.reason;
  if (a.kind === 'up' && b.kind === 'up') return a.role === b.role && a.versionNumber === b.versionNumber;
  return a.kind === b.kind;
}
