import type { Counter, Histogram, Metrics } from '@multigres/core';

/** What an orchestrator counts. Made once. */
export class OrchMetrics {
  readonly recruitTime: Histogram;
  readonly promoteTime: Histogram;
  readonly failoverTime: Histogram;
  readonly switchoverPause: Histogram;
  readonly failovers: (outcome: string) => Counter;
  readonly actions: (action: string) => Counter;
  readonly failures: (action: string) => Counter;
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    const phase = (name: string): Histogram =>
      metrics.histogram(
        'multigres_orch_failover_phase_seconds',
        'Parts of a change of leader. recruit: until enough members have promised; promote: until the rule is decided.',
        { phase: name },
      );
    this.recruitTime = phase('recruit');
    this.promoteTime = phase('promote');
    this.failoverTime = metrics.histogram(
      'multigres_orch_failover_duration_seconds',
      'From the first sight of a lost leader to a new one that serves.',
    );
    this.switchoverPause = metrics.histogram(
      'multigres_orch_switchover_pause_seconds',
      'Planned changes of leader: how long no transaction could begin.',
    );
    this.failovers = metrics.counters(
      'multigres_orch_failovers_total',
      'Attempts to change a leader by how they came out: led, outbid, notEnough, notPromoted.',
      'outcome',
    );
    this.actions = metrics.counters('multigres_orch_actions_total', 'Actions begun, by kind.', 'action');
    this.failures = metrics.counters('multigres_orch_action_failures_total', 'Actions that failed, by kind.', 'action');
  }

  /** `read`: how many problems of which kind there are now. */
  observeProblems(read: () => Iterable<readonly [kind: string, count: number]>): void {
    this.#metrics.observe(
      'gauge',
      'multigres_orch_problems',
      'Problems of shards that are seen now, by kind.',
      (report) => {
        for (const [kind, count] of read()) report(count, { kind });
      },
    );
  }
}
