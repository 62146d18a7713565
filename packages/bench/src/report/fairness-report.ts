import type { Machine } from '../machine/machine.ts';
import type { Peer } from '../peers/peer.ts';
import { neighbourhoods, type FairnessOutcome, type FairnessPlan, type FairnessSample } from '../suites/fairness.ts';
import { machineSection } from './machine-section.ts';
import { markdownTable } from './markdown-table.ts';
import { duration, fixed, median, whole } from './numbers.ts';
import { peerSection } from './peer-section.ts';

const head = ['', 'fast p50', 'fast p99', 'x its p99 alone', 'fast/s', 'slow/s', 'failed'];

/** The whole report of `bench fairness`. */
export function fairnessReport(
  machine: Machine,
  plan: FairnessPlan,
  outcome: FairnessOutcome,
  command: string,
): string {
  const { peers, skipped, samples } = outcome;
  const alone = (peer: Peer): number => p99(samples.filter((s) => s.peer === peer.id && s.neighbours === 'none'));
  const sections = neighbourhoods.flatMap(({ id, title }) => [
    `## Fast statements ${title}`,
    markdownTable(
      head,
      peers.map((peer) =>
        row(
          peer,
          samples.filter((s) => s.peer === peer.id && s.neighbours === id),
          alone(peer),
        ),
      ),
    ),
  ]);
  return [
    '# Fairness: fast statements beside slow ones',
    intro(plan),
    ...sections,
    '## What was measured with what',
    machineSection(
      machine,
      samples.map((s) => s.othersCores),
    ),
    peerSection(peers, skipped),
    `The whole run: \`${command}\`.`,
  ]
    .join('\n\n')
    .concat('\n');
}

function intro({ transport, rounds, seconds, fastClients, fastPerSecond, poolSize }: FairnessPlan): string {
  const over = transport === 'tcp' ? 'TCP on the loopback' : 'Unix sockets';
  return [
    `pgbench sends ${whole(fastPerSecond)} point selects a second over ${fastClients} connections (extended protocol, \`--rate\`, ${over}); latency counts from the`,
    `planned time. A second pgbench runs the neighbours. ${poolSize} backends for each pooler; medians of ${rounds} runs of ${seconds} s, peers in turn. Every commit`,
    'waits for the synchronous standby; the reads do not.',
  ].join('\n');
}

const p99 = (runs: readonly FairnessSample[]): number => median(runs.map(({ fast }) => fast.p99Us));

function row({ title }: Peer, runs: readonly FairnessSample[], aloneUs: number): string[] {
  const slow = runs.flatMap((run) => (run.slow === undefined ? [] : [run.slow]));
  return [
    title,
    duration(median(runs.map(({ fast }) => fast.p50Us))),
    duration(p99(runs)),
    fixed(p99(runs) / aloneUs, 2),
    whole(median(runs.map(({ fast }) => fast.tps))),
    slow.length === 0 ? '' : whole(median(slow.map(({ tps }) => tps))),
    whole(runs.reduce((sum, { fast, slow: beside }) => sum + fast.failed + (beside?.failed ?? 0), 0)),
  ];
}
