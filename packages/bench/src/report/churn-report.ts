import type { Machine } from '../machine/machine.ts';
import type { Peer } from '../peers/peer.ts';
import type { ChurnOutcome, ChurnPlan, ChurnSample, Holding } from '../suites/churn.ts';
import { machineSection } from './machine-section.ts';
import { markdownTable } from './markdown-table.ts';
import { duration, fixed, median, spread, whole } from './numbers.ts';
import { peerSection } from './peer-section.ts';

const head = ['', 'connections/s', 'spread', 'x PgBouncer', 'mean', 'p99', 'CPU us: proxy', 'Postgres', 'failed'];
const titles = { trust: 'Without a password', scram: 'With a password (SCRAM-SHA-256)' } as const;

/** The whole report of `bench churn`. */
export function churnReport(machine: Machine, plan: ChurnPlan, outcome: ChurnOutcome, command: string): string {
  const { peers, skipped, samples, holdings } = outcome;
  const sections = (['trust', 'scram'] as const).flatMap((auth) => {
    const runs = samples.filter((sample) => sample.auth === auth);
    const rows = peers.filter(({ id }) => runs.some(({ peer }) => peer === id)).map((peer) => row(peer, runs));
    return [`## ${titles[auth]}`, markdownTable(head, rows)];
  });
  return [
    '# Churn: clients that come and go',
    intro(plan),
    ...sections,
    ...(holdings.length === 0 ? [] : holdingSection(holdings)),
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

function intro({ transport, rounds, seconds, clients }: ChurnPlan): string {
  const over = transport === 'tcp' ? 'TCP on the loopback' : 'Unix sockets';
  return [
    `\`pgbench -C\`: ${clients} clients at a time connect over ${over}, send one point select and leave, for ${seconds} s; medians of ${rounds} runs, peers in`,
    'turn. CPU per connection, its statement included.',
  ].join('\n');
}

function row(peer: Peer, all: readonly ChurnSample[]): string[] {
  const runs = all.filter((sample) => sample.peer === peer.id);
  const tps = runs.map(({ result }) => result.tps);
  const bouncer = all.filter((sample) => sample.peer === 'pgbouncer');
  const ratios = runs.flatMap(({ round, result }) =>
    bouncer.filter((b) => b.round === round).map((b) => result.tps / b.result.tps),
  );
  const of = (pick: (sample: ChurnSample) => number): number => median(runs.map(pick));
  return [
    peer.title,
    whole(median(tps)),
    spread(tps),
    fixed(median(ratios), 2),
    duration(of(({ result }) => result.meanUs)),
    duration(of(({ result }) => result.p99Us)),
    peer.rootPid === undefined ? '' : whole(of(({ cpu, result }) => cpu.proxyUs / result.transactions)),
    whole(of(({ cpu, result }) => cpu.postgresUs / result.transactions)),
    whole(runs.reduce((sum, { result }) => sum + result.failed, 0)),
  ];
}

const places = [0, 0.25, 0.5, 0.75, 1];

function holdingSection(holdings: readonly Holding[]): string[] {
  const shown = [...new Set(places.map((place) => Math.round(place * (holdings.length - 1))))].map(
    (at) => holdings[at] as Holding,
  );
  return [
    '## What trouble leaves behind',
    [
      'Ours in two processes, while short sessions come and go, and among them some that leave in the middle of a login, a statement or a transaction, cancel, fail, or send garbage.',
      'Resident memory and open file descriptors of both processes, each time when everybody has left.',
    ].join('\n'),
    markdownTable(
      ['', 'sessions so far', 'resident', 'descriptors'],
      shown.map(({ minutes, sessions, residentBytes, descriptors }) => [
        `after ${fixed(minutes, 1)} min`,
        whole(sessions),
        `${whole(residentBytes / 2 ** 20)} MiB`,
        whole(descriptors),
      ]),
    ),
  ];
}
