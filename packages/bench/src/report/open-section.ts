import { openClients, openMode, type Agreement, type OpenSample } from '../suites/open-loop.ts';
import type { Peer } from '../peers/peer.ts';
import { markdownTable } from './markdown-table.ts';
import { duration, fixed, median, whole } from './numbers.ts';

const head = ['', 'p50', 'p99', 'p99.9', 'failed', 'unanswered', 'generator late, p99'];

/** What users feel who come at a rate of their own. */
export function openSection(peers: readonly Peer[], samples: readonly OpenSample[]): string {
  if (samples.length === 0) return '';
  const rates = [...new Set(samples.map(({ perSecond }) => perSecond))];
  const rows = rates.flatMap((rate) =>
    peers.map((peer) =>
      row(
        rate,
        peer,
        samples.filter((s) => s.perSecond === rate && s.peer === peer.id),
      ),
    ),
  );
  return [
    '## Latency at a constant rate (open loop)',
    [
      `Point selects in the ${openMode} protocol arrive at the same constant rate for all, whether or not the server keeps up, over`,
      `${openClients} connections of our own generator. Latency counts from the time of arrival, so that a stall is seen by all whom it`,
      'would have hit. The last column is how late the generator itself woke up: what is below it cannot be told apart.',
    ].join('\n'),
    markdownTable(head, rows),
  ].join('\n\n');
}

function row(rate: number, { title }: Peer, runs: readonly OpenSample[]): string[] {
  const of = (pick: (sample: OpenSample) => number): number => median(runs.map(pick));
  return [
    `${whole(rate)}/s: ${title}`,
    duration(of((s) => s.p50Us)),
    duration(of((s) => s.p99Us)),
    duration(of((s) => s.p999Us)),
    whole(of((s) => s.failed)),
    whole(of((s) => s.unanswered)),
    duration(of((s) => s.latenessP99Us)),
  ];
}

/** A line on whether our generator can be believed. */
export function agreementSection(pairs: readonly Agreement[]): string {
  if (pairs.length === 0) return '';
  const ratio = median(pairs.map(({ pgbenchTps, ownTps }) => ownTps / pgbenchTps));
  const [own, theirs] = [median(pairs.map((pair) => pair.ownTps)), median(pairs.map((pair) => pair.pgbenchTps))];
  return `Our own generator beside pgbench, both in a closed loop of ${openClients} clients against Postgres alone: ${whole(own)} and ${whole(theirs)} statements a second, ${fixed(ratio, 2)} of pgbench's. Where they differ, believe pgbench: the tables of throughput are its.`;
}
