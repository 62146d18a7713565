import {
  defaultConsoleConfig,
  defaultGatewayLimits,
  startGateway,
  type AuthPolicy,
  type Gateway,
  type GatewayLimits,
} from '@multigres/gateway';
import { defaultPoolerLimits, noShares, startPooler, type Pooler } from '@multigres/pooler';
import type { AssembleCluster, Cluster, ClusterSpec } from '../cluster.ts';
import { eventKind } from '../kernel/kernel.ts';
import { metricsAtRest } from '../check/metrics-oracle.ts';
import type { SimNode, Weather } from '../world/weather.ts';
import { askingPolicy, guestSessionsMax, guestUser } from './accounts.ts';
import { clientTls, drawInnerEncryption, postgresTls, relayTls, type InnerEncryption } from './encryption.ts';
import { backendLeaks } from './leaks.ts';
import { PoolOperator } from './pool-operator.ts';
import { PostgresNode, databaseName, postgresPort } from './postgres-node.ts';
import { makeSchema } from './schema.ts';
import { waitUntil } from './wait-until.ts';

const relayPort = 6543;
const gatewayPort = 5433;
/** Pinned sessions keep their backends: there must be one for each user and some to share. */
const backendsMax = 12;

class PoolerNode {
  readonly node: SimNode;
  readonly backends: NonNullable<Cluster['backends']>;
  pooler: Pooler | undefined;

  constructor(
    weather: Weather,
    name: string,
    postgresMachine: string,
    knobs: NonNullable<ClusterSpec['pooler']>,
    inner: InnerEncryption,
  ) {
    const random = weather.kernel.random.fork(`pooler/${name}`);
    const limits = {
      ...defaultPoolerLimits,
      backendsMax: random.pick(knobs.backendsMax ?? [backendsMax]),
      // Often fewer than there are users, so that they have to share.
      poolBackendsMax: random.pick(knobs.poolBackendsMax ?? [3, 4, 5, 6, 7, 8]),
      sharedBackendsMax: random.pick(knobs.sharedBackendsMax ?? [1, 2, 3, 4]),
      sharedGroupsMax: random.pick(knobs.sharedGroupsMax ?? [2, 4, 32]),
      slowMs: random.pick(knobs.slowMs ?? [2, 10, 1_000_000]),
      statementsMax: random.pick(knobs.statementsMax ?? [3, 10, 500]),
      idleMs: random.pick(knobs.idleMs ?? [1000, 600_000]),
      lifetimeMs: random.pick([2000, 3_600_000]),
      checkMs: random.pick([500, 30_000]),
      waitMs: random.pick(knobs.waitMs ?? [2000, 30_000]),
    };
    this.backends = limits;
    this.node = weather.node(name, async (world) => {
      this.pooler = await startPooler(world, {
        id: `cell1/${name}`,
        relay: { kind: 'tcp', host: '0.0.0.0', port: relayPort },
        postgres: { kind: 'tcp', host: postgresMachine, port: postgresPort },
        limits,
        ...relayTls(inner, world, name),
        ...postgresTls(inner, world),
        shares: { ...noShares, users: new Map([[guestUser, { sessionsMax: guestSessionsMax }]]) },
        admin: { user: 'postgres', database: 'postgres' },
      });
    });
  }
}

class GatewayNode {
  readonly node: SimNode;
  gateway: Gateway | undefined;

  constructor(
    weather: Weather,
    name: string,
    poolerMachine: string,
    auth: AuthPolicy,
    limits: Partial<GatewayLimits>,
    inner: InnerEncryption,
  ) {
    weather.drains.set(name, (deadlineMs, awayMs) => this.#drain(weather, deadlineMs, awayMs));
    // Small enough for messages to come in parts.
    const wholeMessageBytesMax = weather.kernel.random.fork(`gateway/${name}`).pick([2_000, 20_000, 1_000_000]);
    this.node = weather.node(name, async (world) => {
      this.gateway = await startGateway(
        world,
        {
          id: `cell1/${name}`,
          listen: [{ kind: 'tcp', host: '0.0.0.0', port: gatewayPort }],
          auth,
          ...clientTls(world),
          ...relayTls(inner, world, name),
          console: { ...defaultConsoleConfig, trustAnywhere: true },
          limits: { ...defaultGatewayLimits, poolerWaitMs: 5000, wholeMessageBytesMax, ...limits },
        },
        { kind: 'tcp', host: poolerMachine, port: relayPort },
      );
    });
  }

  /** As SIGTERM does, and whoever starts processes afterwards. */
  #drain({ kernel }: Weather, deadlineMs: number, awayMs: number): void {
    const { life } = this.node;
    if (life === undefined || !life.alive || this.gateway === undefined) return;
    void this.gateway.drain(deadlineMs).then(() => {
      kernel.in(0, eventKind.story, kernel.god, () => {
        if (this.node.life !== life) return;
        this.node.kill();
        kernel.in(awayMs * 1000, eventKind.story, kernel.god, () => {
          if (this.node.life?.alive !== true) this.node.start();
        });
      });
    });
  }
}

/** Users, gateways, a pooler and a Postgres model, each on a machine of its own: the code that runs in production. */
export const assembleProxy: AssembleCluster = (weather, spec) => {
  const postgres = new PostgresNode(weather, 'postgres-1');
  const inner = drawInnerEncryption(weather);
  const pooler = new PoolerNode(weather, 'pooler-1', 'postgres-1', spec.pooler ?? {}, inner);
  const random = weather.kernel.random.fork('accounts');
  const asks = random.chance(0.5);
  const auth: AuthPolicy = asks ? askingPolicy() : { kind: 'trust' };
  const limits = { ...spec.gateway, verifierMs: random.pick([0, 500, 1e9]) };
  weather.operators.set(pooler.node.name, new PoolOperator(weather, pooler.node, () => pooler.pooler, postgres));
  const gateways = Array.from(
    { length: spec.gateways },
    (_, i) => new GatewayNode(weather, `gateway-${i + 1}`, 'pooler-1', auth, limits, inner),
  );
  const nodes = [postgres.node, pooler.node, ...gateways.map(({ node }) => node)];
  return {
    endpoints: gateways.map(({ node }) => ({ kind: 'tcp', host: node.machine.name, port: gatewayPort })),
    database: databaseName,
    hasConsole: true,
    isModern: true,
    backends: pooler.backends,
    accounts: { asks, password: () => postgres.password, changePassword: () => postgres.changePassword() },
    parts: {
      nodes: nodes.map(({ name, machine }) => ({ node: name, machine: machine.name })),
      links: [['postgres-1', 'pooler-1'], ...gateways.map(({ node }) => ['pooler-1', node.machine.name] as const)],
      disks: [],
      servers: [postgres.node.name],
      drainable: gateways.map(({ node }) => node.name),
      stores: [],
      poolers: [pooler.node.name],
    },
    start: async () => {
      for (const node of nodes) node.start();
      await waitUntil(weather, 'Postgres is up', () => postgres.isReady);
      await makeSchema(weather, { kind: 'tcp', host: 'postgres-1', port: postgresPort });
      await waitUntil(weather, 'gateways reach the pooler', () =>
        gateways.every(({ gateway }) => gateway?.status().poolerIsUp),
      );
    },
    committedKeys: () => postgres.committed('ledger', 'k'),
    leaks: () => [
      ...sessionLeaks(pooler, gateways),
      ...backendLeaks(postgres, backendsMax),
      ...nodes.flatMap((node) => wrongMetrics(weather, node)),
    ],
  };
};

/** What the life that a node has now counts wrongly. */
function wrongMetrics(weather: Weather, { name, life }: SimNode): string[] {
  const mine = weather.moments.metrics.find((entry) => entry.life === life);
  return mine === undefined ? [] : metricsAtRest(name, mine.metrics);
}

function sessionLeaks({ pooler }: PoolerNode, gateways: readonly GatewayNode[]): string[] {
  const leaks: string[] = [];
  for (const { node, gateway } of gateways) {
    const { sessions = 0, logins = 0 } = gateway?.status() ?? {};
    if (sessions + logins > 0) leaks.push(`${node.name} still has ${sessions} sessions and ${logins} logins`);
  }
  const status = pooler?.status();
  if (status === undefined) return [...leaks, 'there is no pooler'];
  if (status.sessions > 0) leaks.push(`the pooler still has ${status.sessions} sessions`);
  for (const pool of status.pools) {
    if (pool.leased > 0) leaks.push(`the pool of ${pool.user} still has ${pool.leased} backends leased`);
    if (pool.waiting > 0) leaks.push(`the pool of ${pool.user} still has ${pool.waiting} sessions waiting`);
  }
  return leaks;
}
