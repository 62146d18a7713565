import { describeAction } from '../fault/inject.ts';
import type { Fault } from '../fault/plan.ts';
import type { SeedResult } from '../explore/messages.ts';

/** A run in a few sentences. */
export function story(result: SeedResult): string {
  const { operations, plan } = result;
  const lines = [
    `scenario ${result.scenario}, seed ${result.seed}: ${result.users} users, ${plan.faults.length} faults planned, ${result.faults} struck, all healed at ${plan.healMs / 1000} s`,
    ...plan.faults.map((fault) => `  ${describeFault(fault)}`),
    `${result.clusterSeconds} simulated seconds, ${result.events} events; operations: ${operations.ok} ok, ${operations.failed} failed, ${operations.unknown} of unknown fate; ${result.acknowledgedWrites} writes acknowledged`,
  ];
  return lines.join('\n');
}

function describeFault({ when, do: action }: Fault): string {
  const trigger =
    'atMs' in when ? `at ${when.atMs / 1000} s` : `${when.delayMs} ms after "${when.moment}" no. ${when.count}`;
  return `${trigger}: ${describeAction(action)}`;
}

/** What a failing run says: everything that is needed to see it again. */
export function failureReport(result: SeedResult, replay: string): string {
  const lines = [`FAILED  seed ${result.seed}  hash ${result.hash}  scenario ${result.scenario}`];
  for (const { oracle, sentence, atMs, stack } of result.failures) {
    lines.push(`  ${oracle} at ${(atMs / 1000).toFixed(3)} s: ${sentence}`);
    if (stack !== undefined)
      lines.push(
        ...stack
          .split('\n')
          .slice(1, 8)
          .map((line) => `    ${line.trim()}`),
      );
  }
  lines.push(`  replay: ${replay}`);
  return lines.join('\n');
}
