import type { Machine } from '../machine/machine.ts';
import type { Peer } from '../peers/peer.ts';
import type { CrowdOutcome, CrowdPlan, CrowdSample } from '../suites/crowd.ts';
import { machineSection } from './machine-section.ts';
import { markdownTable } from './markdown-table.ts';
import { duration, fixed, median, spread, whole } from './numbers.ts';
import { peerSection } from './peer-section.ts';

const head = [
  '',
  'memory per idle client',
  'spread',
  'in all',
  'logins/s',
  'login p99',
  'CPU us per login',
  'active p50',
  'active p99',
  'failed, unanswered',
];

/** The whole report of `bench crowd`. */
export function crowdReport(machine: Machine, plan: CrowdPlan, outcome: CrowdOutcome, command: string): string {
  const { peers, skipped, samples } = outcome;
  const generatorMiB = Math.max(...samples.map((s) => s.generatorBytes)) / 2 ** 20;
  const lateUs = median(samples.map((s) => s.latenessP99Us));
  return [
    `# A crowd of ${whole(plan.connections)} idle clients`,
    intro(plan),
    markdownTable(
      head,
      peers.map((peer) =>
        row(
          peer,
          samples.filter((s) => s.peer === peer.id),
        ),
      ),
    ),
    `The generator itself used ${whole(generatorMiB)} MiB in ${plan.processes} processes, and woke up ${duration(lateUs)} late (p99).`,
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

function intro({ transport, rounds, active, perSecond, seconds }: CrowdPlan): string {
  const over = transport === 'tcp' ? 'TCP on the loopback' : 'Unix sockets';
  return [
    `Clients log in over ${over} without a password and stay; then ${active} others send ${whole(perSecond)} point selects a second`,
    `(open loop, extended protocol, ${seconds} s). Memory is what the resident memory of the proxy's processes grew by, divided by the`,
    `clients; what the kernel holds for their sockets comes on top, for everybody. Each peer is started anew; medians of ${rounds}`,
    `round${rounds === 1 ? '' : 's'}.`,
  ].join('\n');
}

function row({ title }: Peer, runs: readonly CrowdSample[]): string[] {
  const of = (pick: (sample: CrowdSample) => number): number => median(runs.map(pick));
  const memory = runs.map((s) => s.perSessionBytes);
  return [
    title,
    `${fixed(median(memory) / 1024, 2)} KiB`,
    spread(memory),
    `${whole(of((s) => s.withCrowdBytes) / 2 ** 20)} MiB`,
    whole(of((s) => s.loginsPerSecond)),
    duration(of((s) => s.loginP99Us)),
    whole(of((s) => s.loginCpuUs)),
    duration(of((s) => s.p50Us)),
    duration(of((s) => s.p99Us)),
    `${whole(of((s) => s.failed))}, ${whole(of((s) => s.unanswered))}`,
  ];
}
