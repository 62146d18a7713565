import { rmSync } from 'node:fs';
import { grpcSocket, nodeNames, relaySocket, type Cluster } from './cluster.ts';
import { stopComponent } from './component.ts';
import type { ComponentName } from './folder.ts';
import { together, type Step } from './steps.ts';
import { stopPostgres } from './stop-postgres.ts';

/** What one step stops: all of a kind at once. */
interface Stage {
  readonly title: string;
  /** Names of what is stopped, Postgres servers included, and how. */
  readonly parts: ReadonlyMap<ComponentName, () => Promise<string>>;
}

/**
 * From the clients inward, so that nobody is asked for what is already gone; each with a deadline. Orchestrators go before poolers, so that none takes
 * a leader that is being stopped for one that was lost. `only`: nothing but these.
 */
export function stopSteps(cluster: Cluster, only?: ReadonlySet<ComponentName>): readonly Step[] {
  const stages = stagesOf(cluster).map(({ title, parts }) => ({
    title,
    parts: [...parts].filter(([name]) => only === undefined || only.has(name)),
  }));
  return stages
    .filter(({ parts }) => parts.length > 0)
    .map(({ title, parts }) => ({
      title,
      run: async () => {
        const said = await together(parts.map(([name, stop]) => ({ name, run: stop })));
        if (title === 'etcd') removeSockets(cluster);
        return said;
      },
    }));
}

function stagesOf(cluster: Cluster): readonly Stage[] {
  const { folder, record } = cluster;
  const nodes = record.nodes.map((node) => ({ node, names: nodeNames(node) }));
  const stage = (title: string, names: readonly ComponentName[], politeMs: number): Stage => ({
    title,
    parts: new Map(names.map((name) => [name, () => stopComponent(folder, name, politeMs)])),
  });
  const named = (parts: readonly { readonly name: string }[]): readonly string[] => parts.map(({ name }) => name);
  return [
    stage('gateway', named(record.gateways), 15_000),
    stage('orch', named(record.orchestrators), 10_000),
    stage(
      'pooler',
      nodes.map(({ names }) => names.pooler),
      15_000,
    ),
    {
      title: 'postgres',
      parts: new Map(nodes.map(({ node, names }) => [names.postgres, () => stopPostgres(cluster, node)])),
    },
    stage(
      'pgctld',
      nodes.map(({ names }) => names.pgctld),
      10_000,
    ),
    stage('etcd', named(record.etcds), 10_000),
  ];
}

/** Socket files outlive a process that was killed. */
export function removeSockets({ folder, record }: Cluster): void {
  const nodes = record.nodes.flatMap((node) => {
    const { pgctld, pooler } = nodeNames(node);
    return [grpcSocket(folder, pgctld), grpcSocket(folder, pooler), relaySocket(folder, node)];
  });
  const others = [...record.orchestrators, ...record.gateways].map(({ name }) => grpcSocket(folder, name));
  for (const socket of [...nodes, ...others]) rmSync(socket, { force: true });
}
