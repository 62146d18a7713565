import { existsSync } from 'node:fs';
import path from 'node:path';
import { ensureTool } from '@multigres/host';
import { CliError } from '../errors.ts';
import { changePassword } from './change-password.ts';
import { checkConnection } from './check-connection.ts';
import type { Start } from './begin-component.ts';
import { beginEtcd, beginGateway, beginOrch, beginPgctld, beginPooler } from './begin-ours.ts';
import { main, nodeNames, postgresDirectory, type Tools } from './cluster.ts';
import { warmCompileCache } from './compile-cache.ts';
import { startPostgres } from './start-postgres.ts';
import { together, type Step } from './steps.ts';
import { prepareTopology } from './topology.ts';
import { isShard, type NodeRecord } from './record.ts';
import { awaitShard } from './await-shard.ts';

/**
 * From the inside outward; what is of one kind is started at once. A single Postgres is ready before its pooler, and that before the gateway. In a
 * shard nobody waits for anybody: poolers, orchestrators and gateways find each other, and the orchestrators make or find the leader.
 */
export function startSteps(start: Start): readonly Step[] {
  const { cluster, signal } = start;
  const { record } = cluster;
  let tools: Tools | undefined;
  const found = (): Tools => {
    if (tools === undefined) throw new CliError('the programs have not been looked for');
    return tools;
  };
  const programs: Step = {
    title: 'programs',
    run: async (report) => {
      tools = { postgres: await ensureTool('postgres-17', report), etcd: await ensureTool('etcd', report) };
      signal.throwIfAborted();
      return `PostgreSQL ${tools.postgres.version}, etcd ${tools.etcd.version}`;
    },
  };
  const firstQuery: Step = {
    title: 'first query',
    run: () => checkConnection(cluster, start.password, found().postgres.bin, signal),
  };
  return [
    programs,
    { title: 'etcd', run: () => startEtcds(start, found()) },
    { title: 'topology', run: () => prepareTopology(record) },
    ...(isShard(record) ? shardSteps(start, found) : singleSteps(start, found)),
    firstQuery,
  ];
}

async function startEtcds(start: Start, tools: Tools): Promise<string> {
  const warm = warmCompileCache(main, 'gateway');
  const said = await together(
    start.cluster.record.etcds.map((etcd) => ({ name: etcd.name, run: () => beginEtcd(start, etcd, tools) })),
  );
  await warm;
  const { etcds } = start.cluster.record;
  return etcds.length === 1 ? said : etcds.map(({ name }) => name).join(', ');
}

function singleSteps(start: Start, found: () => Tools): readonly Step[] {
  const { nodes, gateways } = start.cluster.record;
  const each = (run: (node: NodeRecord) => Promise<string>) => (): Promise<string> =>
    together(nodes.map((node) => ({ name: `postgres${node.suffix}`, run: () => run(node) })));
  return [
    { title: 'pgctld', run: each((node) => beginPgctld(start, node, found())) },
    { title: 'postgres', run: each((node) => startPostgres(start, node, found().postgres.bin)) },
    { title: 'pooler', run: each((node) => beginPooler(start, node)) },
    {
      title: 'gateway',
      run: () => together(gateways.map((gateway) => ({ name: gateway.name, run: () => beginGateway(start, gateway) }))),
    },
  ];
}

function shardSteps(start: Start, found: () => Tools): readonly Step[] {
  const { nodes, orchestrators, gateways } = start.cluster.record;
  const hadData = nodes.some((node) => existsSync(path.join(postgresDirectory(start.cluster, node), 'data')));
  const processes = async (): Promise<string> => {
    const tools = found();
    const parts = [
      ...nodes.map((node) => ({ name: nodeNames(node).pgctld, run: () => beginPgctld(start, node, tools) })),
      ...nodes.map((node) => ({ name: nodeNames(node).pooler, run: () => beginPooler(start, node) })),
      ...orchestrators.map((orch) => ({ name: orch.name, run: () => beginOrch(start, orch) })),
      ...gateways.map((gateway) => ({ name: gateway.name, run: () => beginGateway(start, gateway) })),
    ];
    await together(parts);
    return [
      ...[`${nodes.length} pgctld`, `${nodes.length} pooler`],
      ...[`${orchestrators.length} orch`, `${gateways.length} gateway`],
    ].join(', ');
  };
  return [
    { title: 'processes', run: processes },
    {
      title: 'shard',
      run: async (report) => {
        const { said, leader } = await awaitShard(start.cluster, start.signal, report);
        if (start.isNewPassword && hadData)
          await changePassword(start.cluster, leader, start.password, found().postgres.bin);
        return said;
      },
    },
  ];
}
