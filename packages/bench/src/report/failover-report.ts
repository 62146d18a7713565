import type { Machine } from '../machine/machine.ts';
import type { FailoverPlan, FailoverRound, InjuryKind } from '../suites/failover.ts';
import { machineSection } from './machine-section.ts';
import { markdownTable } from './markdown-table.ts';
import { median, whole } from './numbers.ts';

const titles: Readonly<Record<InjuryKind, string>> = {
  postgres: "SIGKILL of the leader's Postgres",
  node: "SIGKILL of the leader's Postgres, pooler and pgctld at once",
  switchover: 'planned switchover',
  rolling: 'rolling restart of every process',
};

/** The smallest value that at least this share do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function failoverReport(
  machine: Machine,
  plan: FailoverPlan,
  rounds: readonly FailoverRound[],
  command: string,
): string {
  const rows = plan.kinds.map((kind) => {
    const own = rounds.filter((round) => round.kind === kind);
    const pauses = own.map(({ pauseMs }) => pauseMs);
    const errors = own.map((round) => sum([...round.errors.values()]));
    const clean = errors.filter((count) => count === 0).length;
    return [
      titles[kind],
      String(own.length),
      `${whole(median(pauses))} ms`,
      `${whole(quantile(pauses, 0.99))} ms`,
      `${whole(Math.max(...pauses))} ms`,
      whole(sum(errors)),
      `${clean} of ${own.length}`,
      whole(sum(own.map(({ reconnects }) => reconnects))),
    ];
  });
  const head = ['what happened', 'rounds', 'pause, median', 'p99', 'longest', 'errors', 'rounds without', 'reconnects'];
  return [
    '# Failover',
    '',
    `\`${command}\``,
    '',
    machineSection(machine, []),
    '',
    `Three members in three cells, everything on this machine. ${plan.connections} clients write all the time, each over its connection of a pool to one gateway. A pause is the longest time in`,
    'which no write of any client was acknowledged. An error is a statement that was answered with one, or whose connection was lost before an answer; a connection that was closed',
    'while it owed nothing is opened again, as pools do, and counted as a reconnect.',
    '',
    markdownTable(head, rows),
    '',
    '## Errors by kind',
    '',
    ...plan.kinds.flatMap((kind) => errorLines(kind, rounds)),
    '',
  ].join('\n');
}

function errorLines(kind: InjuryKind, rounds: readonly FailoverRound[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const round of rounds) {
    if (round.kind !== kind) continue;
    for (const [error, count] of round.errors) counts.set(error, (counts.get(error) ?? 0) + count);
  }
  const lines = [...counts].toSorted(([, a], [, b]) => b - a).map(([error, count]) => `  - ${count} times: ${error}`);
  return [`- ${titles[kind]}: ${lines.length === 0 ? 'none' : ''}`.trimEnd(), ...lines];
}
