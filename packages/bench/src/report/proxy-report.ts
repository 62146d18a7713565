import type { Machine } from '../machine/machine.ts';
import { pgbenchArguments } from '../load/pgbench.ts';
import type { Peer, PeerId } from '../peers/peer.ts';
import type { ProxyOutcome } from '../suites/proxy.ts';
import { loadsOf, type Load, type ProxyPlan } from '../suites/proxy-plan.ts';
import type { Sample } from '../suites/sample.ts';
import { markdownTable } from './markdown-table.ts';
import { machineSection } from './machine-section.ts';
import { agreementSection, openSection } from './open-section.ts';
import { peerSection } from './peer-section.ts';
import { profileSection } from './profile-section.ts';
import { duration, fixed, median, spread, whole } from './numbers.ts';

/** The whole report of `bench proxy`. */
export function proxyReport(machine: Machine, plan: ProxyPlan, outcome: ProxyOutcome, command: string): string {
  const { peers, skipped, samples, open, agreement, profiles } = outcome;
  const tables = [...new Set(loadsOf(plan).map(titleOf))].map((title) => loadSection(title, plan, peers, samples));
  return [
    '# Through a proxy: throughput, latency and CPU',
    intro(plan),
    ...tables,
    openSection(peers, open),
    agreementSection(agreement),
    profileSection(profiles),
    '## What was measured with what',
    machineSection(
      machine,
      samples.map(({ cpu }) => cpu.othersCores),
    ),
    peerSection(peers, skipped),
    commandSection(plan, command),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function intro({ transport, rounds, seconds }: ProxyPlan): string {
  const over = transport === 'tcp' ? 'TCP on the loopback' : 'Unix sockets';
  return [
    `Plain pgbench, all connections over ${over}, also those from a proxy to Postgres. Each number is the median of ${rounds} runs`,
    `of ${seconds} s, or of 3 s if longer with 128 clients and more; the peers ran in turn, A B C D A B C D, and ratios are medians of pairs of neighbours, so that a machine that`,
    'gets slower meets them all alike. The spread is half of the distance between the slowest and the fastest run. CPU is user and',
    'system time per transaction of each group of processes, from /proc. Everything shares the same processors.',
  ].join('\n');
}

const titleOf = ({ workload, mode }: Load): string =>
  workload === 'select' ? `Point select, ${mode} protocol` : `TPC-B-like writes, ${mode} protocol`;

const head = [
  '',
  'tps',
  'spread',
  'x PgBouncer',
  'x direct',
  'mean',
  'p50',
  'p99',
  'CPU us: proxy',
  'Postgres',
  'pgbench',
];

function loadSection(title: string, plan: ProxyPlan, peers: readonly Peer[], samples: readonly Sample[]): string {
  const loads = loadsOf(plan).filter((load) => titleOf(load) === title);
  const rows = loads.flatMap((load) => {
    const runs = samples.filter(
      (s) => s.workload === load.workload && s.mode === load.mode && s.clients === load.clients,
    );
    return peers.map((peer) => row(load.clients, peer, runs));
  });
  return `## ${title}\n\n${markdownTable(head, rows)}`;
}

function row(clients: number, peer: Peer, runs: readonly Sample[]): string[] {
  const own = runs.filter((sample) => sample.peer === peer.id);
  const of = (pick: (sample: Sample) => number): number => median(own.map(pick));
  const ratio = (to: PeerId): string => (to === peer.id ? '1' : fixed(ratioTo(own, runs, to), 2));
  const tps = own.map((sample) => sample.tps);
  return [
    `${clients} client${clients === 1 ? '' : 's'}: ${peer.title}`,
    whole(median(tps)),
    spread(tps),
    ratio('pgbouncer'),
    ratio('direct'),
    duration(of((s) => s.meanUs)),
    duration(of((s) => s.p50Us)),
    duration(of((s) => s.p99Us)),
    peer.rootPid === undefined
      ? ''
      : fixed(
          of((s) => s.cpu.proxyUs / s.transactions),
          1,
        ),
    fixed(
      of((s) => s.cpu.postgresUs / s.transactions),
      1,
    ),
    fixed(
      of((s) => s.cpu.clientUs / s.transactions),
      1,
    ),
  ];
}

/** Median of the ratios within each round. */
function ratioTo(own: readonly Sample[], runs: readonly Sample[], to: PeerId): number {
  const ratios = own.flatMap((sample) => {
    const other = runs.find((run) => run.peer === to && run.round === sample.round);
    return other === undefined ? [] : [sample.tps / other.tps];
  });
  return median(ratios);
}

function commandSection(plan: ProxyPlan, command: string): string {
  const [load] = loadsOf(plan);
  if (load === undefined) return '';
  const args = pgbenchArguments({ ...load, seconds: plan.seconds });
  return `The whole run: \`${command}\`. One of the loads: \`pgbench ${args.join(' ')} -l\` (percentiles from its log).`;
}
