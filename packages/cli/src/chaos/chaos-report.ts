import { median, quantile } from './numbers.ts';
import { madeText, type ChaosResult } from './chaos-run.ts';

/** Whether nothing happened that must not. */
export function isClean({ ledger, stale, stuck, crashed }: ChaosResult): boolean {
  return ledger.lost.length + ledger.ghosts.length + stale.length + stuck.length + crashed.length === 0;
}

/** For programs: one line. */
export function chaosJson(result: ChaosResult): string {
  const { ledger, stale, stuck, crashed, traffic, injuries, failovers, ranMs, seed } = result;
  return JSON.stringify({
    minutes: Math.round(ranMs / 6000) / 10,
    failovers,
    acknowledged: ledger.acknowledged,
    unknown: ledger.unknown,
    lostWrites: ledger.lost.length,
    staleReads: stale.length,
    clientErrors: Object.fromEntries(traffic.errors),
    seed,
    injuries: injuries.filter(({ how }) => how === 'done').length,
    wrongErrors: ledger.ghosts.length,
    stuck: stuck.length,
    crashed: crashed.length,
  });
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** For people: Markdown. `picture`: the file with the timeline, beside the report. */
export function chaosMarkdown(result: ChaosResult, picture: string): string {
  const { ledger, stale, stuck, crashed, traffic, injuries, failovers, seed, ranMs, registerOps, judgedOn } = result;
  const pauses = traffic.pauses.map(({ fromMs, toMs }) => toMs - fromMs);
  return [
    `# Chaos, seed ${seed}`,
    '',
    isClean(result) ? '**Clean**: nothing happened that must not.' : '**Not clean**: see below.',
    '',
    `![timeline](${picture})`,
    '',
    '|                                                        |           |',
    '| ------------------------------------------------------ | --------: |',
    `| ran                                                    | ${Math.round(ranMs / 1000)} s |`,
    `| injuries made                                          | ${injuries.filter(({ how }) => how === 'done').length} |`,
    `| changes of the leader                                  | ${failovers} |`,
    `| acknowledged rows                                      | ${ledger.acknowledged} |`,
    `| rows of unknown outcome                                | ${ledger.unknown} |`,
    `| rows that failed                                       | ${ledger.failed} |`,
    `| strict reads and writes of keys, judged                | ${registerOps} |`,
    `| **lost writes**                                        | ${ledger.lost.length} |`,
    `| **rows that are there though their writer was told not** | ${ledger.ghosts.length} |`,
    `| **keys with a stale or impossible read**               | ${stale.length} |`,
    `| **times that the cluster did not come back**           | ${stuck.length} |`,
    `| **components that ended by themselves**                | ${crashed.length} |`,
    `| pauses of all writes over 200 ms: how many             | ${pauses.length} |`,
    `| median / p99 / longest pause                           | ${seconds(median(pauses))} / ${seconds(quantile(pauses, 0.99))} / ${seconds(Math.max(0, ...pauses))} |`,
    '',
    judgedOn.length === 0 ? '' : `The rows were read again from ${judgedOn.join(', ')}, each as the leader.`,
    '',
    ...section('What must not happen', [
      ...ledger.lost.slice(0, 20).map((row) => `row ${row} was acknowledged and is not there`),
      ...ledger.ghosts.slice(0, 20).map((row) => `row ${row} is there, and its writer was told that it is not`),
      ...stale.slice(0, 20).map(({ sentence }) => sentence),
      ...stuck,
      ...crashed.map((name) => `${name} ended by itself`),
    ]),
    ...section(
      'Errors that clients saw',
      [...traffic.errors].toSorted(([, a], [, b]) => b - a).map(([kind, count]) => `${count} times: ${kind}`),
    ),
    ...section(
      'Injuries, in the order in which they had healed',
      injuries.map((made) => madeText(made).trim()),
    ),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return [`## ${title}`, '', ...(lines.length === 0 ? ['None.'] : lines.map((line) => `- ${line}`)), ''];
}
