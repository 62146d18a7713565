import { Command } from 'commander';
import { exitCode } from '../errors.ts';
import type { Cluster } from './cluster.ts';
import { connectionString, firstGateway } from './connection-string.ts';
import { durationText } from './duration-text.ts';
import { existingCluster } from './existing-cluster.ts';
import { aligned } from './table.ts';
import { dirOption } from './options.ts';
import { readPassword } from './password.ts';
import type { GatewayRecord } from './record.ts';
import { stateOf, survey, type ClusterState, type ComponentSurvey } from './survey.ts';

interface Flags {
  readonly dir: string;
  readonly json: boolean;
  readonly showPassword: boolean;
}

const exitCodes: Readonly<Record<ClusterState, number>> = {
  running: exitCode.ok,
  degraded: exitCode.failure,
  stopped: exitCode.stopped,
};

/** `multigres status`: exit code 0 if all of it runs, 3 if nothing does, 1 in between. */
export function statusCommand(): Command {
  return new Command('status')
    .description('Show what runs where. Exit code: 0 running, 1 degraded, 3 stopped.')
    .addOption(dirOption())
    .option('--json', 'one line of JSON, for programs', false)
    .option('--show-password', 'with the password in the connection string', false)
    .action((flags: Flags) => status(flags));
}

async function status(flags: Flags): Promise<void> {
  const { cluster } = existingCluster(flags.dir);
  const components = cluster === undefined ? [] : await survey(cluster);
  const overall: ClusterState = cluster === undefined ? 'stopped' : stateOf(components);
  const lines = flags.json
    ? [jsonLine(overall, cluster, components, flags)]
    : table(overall, cluster, components, flags);
  process.stdout.write(`${lines.join('\n')}\n`);
  process.exitCode = exitCodes[overall];
}

function stringOf(cluster: Cluster, flags: Flags): string {
  return connectionString(cluster.record, flags.showPassword ? readPassword(cluster.folder) : undefined);
}

const addressOf = ({ host, port }: GatewayRecord): { readonly host: string; readonly port: number } => ({ host, port });

function jsonLine(
  state: ClusterState,
  cluster: Cluster | undefined,
  components: readonly ComponentSurvey[],
  flags: Flags,
): string {
  return JSON.stringify({
    state,
    gateway: cluster === undefined ? null : addressOf(firstGateway(cluster.record)),
    gateways: cluster?.record.gateways.map(addressOf) ?? [],
    connectionString: cluster === undefined ? null : stringOf(cluster, flags),
    components: components.map(({ name, cell, pid, state: own, endpoint, version, sinceMs, reason }) => ({
      name,
      cell: cell ?? null,
      state: own,
      pid: pid ?? null,
      endpoint: endpoint ?? null,
      version: version ?? null,
      since: sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
      ...(reason === undefined ? {} : { reason }),
    })),
  });
}

function table(
  state: ClusterState,
  cluster: Cluster | undefined,
  components: readonly ComponentSurvey[],
  flags: Flags,
): readonly string[] {
  if (cluster === undefined) return ['stopped: there is no cluster in this folder'];
  const now = Date.now();
  const rows = components.map(({ name, cell, state: own, pid, version, sinceMs, endpoint }) => [
    name,
    cell ?? '-',
    own,
    String(pid ?? '-'),
    version ?? '-',
    sinceMs === undefined ? '-' : durationText(now - sinceMs),
    endpoint ?? '-',
  ]);
  const reasons = components
    .filter(({ reason }) => reason !== undefined)
    .map(({ name, reason }) => `${name}: ${reason}`);
  const all = [['COMPONENT', 'CELL', 'STATE', 'PID', 'VERSION', 'SINCE', 'ENDPOINT'], ...rows];
  return [...aligned(all), ...reasons, '', `${state}: ${stringOf(cluster, flags)}`];
}
