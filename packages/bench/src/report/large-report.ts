import type { Machine } from '../machine/machine.ts';
import type { Peer } from '../peers/peer.ts';
import { largeKinds, type LargeOutcome, type LargePlan, type LargeSample } from '../suites/large.ts';
import { machineSection } from './machine-section.ts';
import { markdownTable } from './markdown-table.ts';
import { fixed, median, spread, whole } from './numbers.ts';
import { peerSection } from './peer-section.ts';

const head = ['', 'MiB/s', 'spread', 'x PgBouncer', 'CPU ms per MiB: proxy', 'memory grew by'];

/** The whole report of `bench large`. */
export function largeReport(machine: Machine, plan: LargePlan, outcome: LargeOutcome, command: string): string {
  const { peers, skipped, samples } = outcome;
  const over = plan.transport === 'tcp' ? 'TCP on the loopback' : 'Unix sockets';
  const sections = largeKinds.flatMap(({ id, title }) => {
    const runs = samples.filter(({ kind }) => kind === id);
    return [
      `## ${whole(plan.mebibytes)} MiB in ${title}`,
      markdownTable(
        head,
        peers.map((peer) => row(peer, runs)),
      ),
    ];
  });
  return [
    '# Large results',
    `One client reads one result over ${over} and keeps none of it; medians of ${plan.rounds} runs, peers in turn. Memory is the most that the proxy's processes held meanwhile, above what they held before.`,
    ...sections,
    '## What was measured with what',
    machineSection(
      machine,
      samples.map(({ cpu }) => cpu.othersCores),
    ),
    peerSection(peers, skipped),
    `The whole run: \`${command}\`.`,
  ]
    .join('\n\n')
    .concat('\n');
}

const rate = ({ bytes, seconds }: LargeSample): number => bytes / 2 ** 20 / seconds;

function row(peer: Peer, all: readonly LargeSample[]): string[] {
  const runs = all.filter((sample) => sample.peer === peer.id);
  const bouncer = all.filter((sample) => sample.peer === 'pgbouncer');
  const ratios = runs.flatMap((run) =>
    bouncer.filter(({ round }) => round === run.round).map((b) => rate(run) / rate(b)),
  );
  const isProxy = peer.rootPid !== undefined;
  return [
    peer.title,
    whole(median(runs.map(rate))),
    spread(runs.map(rate)),
    fixed(median(ratios), 2),
    isProxy ? fixed(median(runs.map(({ cpu, bytes }) => cpu.proxyUs / 1000 / (bytes / 2 ** 20))), 2) : '',
    isProxy
      ? `${whole(Math.max(...runs.map(({ mostBytes, beforeBytes }) => mostBytes - beforeBytes)) / 2 ** 20)} MiB`
      : '',
  ];
}
