import type { AssembleCluster } from '../cluster.ts';
import { eventKind } from '../kernel/kernel.ts';
import type { Weather } from '../world/weather.ts';
import { installPostgres } from '../programs/install.ts';
import { describeShard } from './shard/describe-shard.ts';
import { GatewayMachine } from './shard/gateway-machine.ts';
import { ListeningGod } from './shard/listening-god.ts';
import { Operator } from './shard/operator.ts';
import { OrchMachine } from './shard/orch-machine.ts';
import { PostgresMachine } from './shard/postgres-machine.ts';
import { at, ports } from './shard/ports.ts';
import { cellNames, ShardSite } from './shard/shard-site.ts';
import { SeeingGod } from './shard/seeing-god.ts';
import { makeSchema, shardSchema } from './schema.ts';
import { waitUntil } from './wait-until.ts';

/** A whole shard: cells with etcd, machines with Postgres, pgctld and pooler, orchestrators, gateways; every role is the code that runs in production. */
export const assembleShard: AssembleCluster = (weather, spec, checks) => {
  const random = weather.kernel.random.fork('shard');
  const god = new ListeningGod(weather, checks, random.pick(spec.shard?.againShares ?? [0, 0, 0.05]));
  const site = new ShardSite(weather, god);
  const slow = random.pick([0, 0.2, 2]);
  const reloadMs = random.pick([1, 20, 200]);
  const checkpointMs = random.pick([20, 2000]);
  const seen: { god?: SeeingGod } = {};
  const names = new Map<string, string | undefined>();
  const postgres = installPostgres(
    weather,
    (machine) => ({
      onUnsupported: (text) => weather.kernel.fail('model', `the Postgres model cannot do this: ${text}`),
      authentication: 'local',
      scramIterations: 2,
      statementDelayMs: { least: 0.02, greatest: 0.05 + slow },
      flushDelayMs: { least: 0.1, greatest: 0.5 + slow * 5 },
      startDelayMs: { least: 50, greatest: 500 },
      reloadDelayMs: { least: 0.1, greatest: reloadMs },
      checkpointDelayMs: { least: 5, greatest: checkpointMs },
      onCommit: (lsn, what) => seen.god?.committed(machine, lsn, what),
      onLog: (_level, message) => {
        if (message.startsWith('selected new timeline')) seen.god?.promoted(machine);
      },
      onAlterSystem: async (settings) => {
        const wanted = settings.get('synchronous_standby_names');
        if (names.get(machine) !== wanted) seen.god?.renamed(machine);
        names.set(machine, wanted);
      },
    }),
    { roles: [{ name: 'postgres', superuser: true }, { name: 'app' }] },
  );
  const policy = spec.shard?.policy ?? { name: 'AT_LEAST_N', n: 2 };
  const machines = Array.from(
    { length: spec.shard?.members ?? cellNames.length },
    (_, i) => new PostgresMachine(site, postgres, `pg-${i + 1}`, cellNames[i % cellNames.length] as string),
  );
  for (const machine of machines) {
    weather.backendEnds.set(machine.postgres.name, (nth, politely) => machine.endBackend(nth, politely));
  }
  seen.god = new SeeingGod(weather, checks, machines, policy.n);
  const gateways = Array.from(
    { length: spec.gateways },
    (_, i) => new GatewayMachine(site, `gateway-${i + 1}`, cellNames[i % cellNames.length] as string),
  );
  const orchs = Array.from(
    { length: spec.shard?.orchestrators ?? cellNames.length },
    (_, i) => new OrchMachine(site, `orch-${i + 1}`, cellNames[i % cellNames.length] as string),
  );
  const operator = new Operator(weather, orchs, new Map(machines.map(({ name, cell }) => [name, cell])));
  const nodes = [
    ...machines.flatMap((machine) => machine.nodes),
    ...orchs.map(({ node }) => node),
    ...gateways.map(({ node }) => node),
  ];
  const places = [...machines, ...orchs, ...gateways].map(({ name }) => name);
  return {
    endpoints: gateways.map(({ name }) => at(name, ports.gateway)),
    database: 'postgres',
    hasConsole: true,
    isModern: false,
    countsFromStart: true,
    parts: {
      nodes: nodes.map(({ name, machine }) => ({ node: name, machine: machine.name })),
      links: places.flatMap((one, i) => places.slice(i + 1).map((other) => [one, other] as const)),
      disks: machines.map(({ name }) => name),
      servers: [],
      drainable: gateways.map(({ name }) => name),
      poolers: [],
      stores: [...weather.stores].map(([store]) => ({
        store,
        nodes: site.etcdNodes.map(({ name }) => name).filter((name) => name.startsWith(`${store}@`)),
      })),
    },
    verdict: async (healMs) => {
      const problems = await waitForPeace(weather, operator);
      const storm = checks.ballots.storm(healMs, spec.shard?.ballotsMax ?? 4);
      return [...problems, ...(storm === undefined ? [] : [storm])];
    },
    start: async () => {
      site.start();
      await describeShard(site, policy);
      for (const node of nodes) node.start();
      await waitUntil(weather, 'a leader serves', () =>
        gateways.every(({ gateway: made }) => made?.status().poolerIsUp),
      );
      await makeSchema(weather, at(gateways[0]?.name ?? '', ports.gateway), shardSchema);
      await waitForCohort(weather, operator, machines.length, policy.n);
      if (seen.god) seen.god.policyHolds = true;
    },
    committedKeys: () =>
      (
        machines.find(({ name }) => name === seen.god?.leader)?.server?.model.inspect.rows('postgres', 'ledger') ?? []
      ).map((row) => String(row['k'])),
    leaks: () => [],
  };
};

const cohortMs = 60_000;

/** Long after everything has healed no orchestrator may see anything wrong: sentences about what it sees still. */
async function waitForPeace(weather: Weather, operator: Operator): Promise<readonly string[]> {
  const { kernel } = weather;
  const deadlineMs = kernel.nowMs + cohortMs;
  let wrong = ['no orchestrator explains the shard, long after everything has healed'];
  while (wrong.length > 0 && kernel.nowMs < deadlineMs && kernel.failures.length === 0) {
    const problems = (await operator.explain())?.problems;
    if (problems !== undefined)
      wrong = problems.map(
        ({ kind, explanation, remedy }) => `long after everything has healed: ${kind}: ${explanation} ${remedy}`,
      );
    if (wrong.length > 0) await pause(weather);
  }
  return kernel.failures.length > 0 ? [] : wrong;
}

function pause({ kernel }: Weather): Promise<void> {
  return new Promise((resolve) => {
    kernel.in(200_000, eventKind.story, kernel.god, resolve);
  });
}

/** Before anything breaks everybody votes, and the policy is the one that is wanted: what breaks before is another scenario's business. */
async function waitForCohort(weather: Weather, operator: Operator, voters: number, n: number): Promise<void> {
  const { kernel } = weather;
  const deadlineMs = kernel.nowMs + cohortMs;
  while (kernel.nowMs < deadlineMs && kernel.failures.length === 0) {
    const rule = (await operator.explain())?.rule;
    if (rule?.voters.length === voters && rule.policy?.n === n) return;
    await pause(weather);
  }
  kernel.fail('set-up', 'it never happened that all members vote under the policy that is wanted');
}
