import { client, PgctldService } from '@multigres/rpc';
import type { AssembleCluster } from '../cluster.ts';
import { installPostgres } from '../programs/install.ts';
import { GatewayMachine } from './shard/gateway-machine.ts';
import { ListeningGod } from './shard/listening-god.ts';
import { PostgresMachine } from './shard/postgres-machine.ts';
import { at, ports } from './shard/ports.ts';
import { cellNames, ShardSite } from './shard/shard-site.ts';
import { makeSchema, shardSchema } from './schema.ts';
import { waitUntil } from './wait-until.ts';

/** A whole shard: cells with etcd, machines with Postgres, pgctld and pooler, orchestrators, gateways; every role is the code that runs in production. */
export const assembleShard: AssembleCluster = (weather, spec, checks) => {
  const random = weather.kernel.random.fork('shard');
  const god = new ListeningGod(weather, checks, random.pick(spec.shard?.againShares ?? [0, 0, 0.05]));
  const site = new ShardSite(weather, god);
  const slow = random.pick([0, 0.2, 2]);
  const postgres = installPostgres(
    weather,
    {
      onUnsupported: (text) => weather.kernel.fail('model', `the Postgres model cannot do this: ${text}`),
      authentication: 'trust',
      scramIterations: 2,
      statementDelayMs: { least: 0.02, greatest: 0.05 + slow },
      flushDelayMs: { least: 0.1, greatest: 0.5 + slow * 5 },
      startDelayMs: { least: 50, greatest: 500 },
      reloadDelayMs: { least: 0.1, greatest: random.pick([1, 20, 200]) },
      checkpointDelayMs: { least: 5, greatest: random.pick([20, 2000]) },
    },
    { roles: [{ name: 'postgres', superuser: true }, { name: 'app' }] },
  );
  const machines = Array.from(
    { length: spec.shard?.members ?? cellNames.length },
    (_, i) => new PostgresMachine(site, postgres, `pg-${i + 1}`, cellNames[i % cellNames.length] as string),
  );
  const gateways = Array.from(
    { length: spec.gateways },
    (_, i) => new GatewayMachine(site, `gateway-${i + 1}`, cellNames[i % cellNames.length] as string),
  );
  const nodes = [...machines.flatMap((machine) => machine.nodes), ...gateways.map(({ node }) => node)];
  const names = [...machines.map(({ name }) => name), ...gateways.map(({ name }) => name)];
  return {
    endpoints: gateways.map(({ name }) => at(name, ports.gateway)),
    database: 'postgres',
    hasConsole: true,
    isModern: false,
    countsFromStart: true,
    parts: {
      nodes: nodes.map(({ name, machine }) => ({ node: name, machine: machine.name })),
      links: names.flatMap((one, i) => names.slice(i + 1).map((other) => [one, other] as const)),
      disks: machines.map(({ name }) => name),
      servers: [],
      drainable: gateways.map(({ name }) => name),
      poolers: [],
      stores: [...weather.stores].map(([store]) => ({
        store,
        nodes: site.etcdNodes.map(({ name }) => name).filter((name) => name.startsWith(`${store}@`)),
      })),
    },
    verdict: (healMs) => {
      const storm = checks.ballots.storm(healMs, spec.shard?.ballotsMax ?? 8);
      return storm === undefined ? [] : [storm];
    },
    start: async () => {
      site.start();
      for (const node of nodes) node.start();
      const [first] = machines;
      if (first === undefined) return;
      await waitUntil(weather, 'a pgctld is up', () => first.pooler !== undefined);
      const world = weather.world(weather.life('operator'), weather.machine('operator'));
      const hands = client(PgctldService, site.transport(world, first.pgctld).connect(at(first.name, ports.pgctld)));
      await hands.initDb({}, { deadlineMs: 30_000 });
      await hands.start({}, { deadlineMs: 30_000 });
      await waitUntil(weather, 'Postgres is up', () => first.server?.model.phase === 'up');
      await makeSchema(weather, at(first.name, ports.postgres), shardSchema);
      await waitUntil(weather, 'gateways reach a pooler', () =>
        gateways.every(({ gateway }) => gateway?.status().poolerIsUp),
      );
    },
    committedKeys: () =>
      machines.flatMap(({ server }) =>
        (server?.model.inspect.rows('postgres', 'ledger') ?? []).map((row) => String(row['k'])),
      ),
    leaks: () => [],
  };
};
