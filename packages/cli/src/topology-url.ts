import { parseEndpoint, type Clock, type Endpoint, type Random } from '@multigres/core';
import { etcdTopology } from '@multigres/host';
import type { Topology } from '@multigres/topology';
import { CliError, exitCode } from './errors.ts';

/** The members of an etcd: `etcd://HOST:PORT[,HOST:PORT...]`. */
export function etcdMembers(url: string): readonly Endpoint[] {
  const match = /^etcd:\/\/([^/]+)\/?$/.exec(url);
  const members = (match?.[1] ?? '').split(',').map((text) => parseEndpoint(text));
  const good = members.filter((endpoint) => endpoint?.kind === 'tcp');
  if (good.length === 0 || good.length < members.length) {
    throw new CliError(`"${url}" is not the address of an etcd`, {
      hint: 'Write etcd://HOST:PORT, with more members after commas.',
      exitCode: exitCode.usage,
    });
  }
  return good;
}

/** The topology that `--topology-global` and `--topology-cell` name, for components of one cell. */
export function openTopology(
  world: { readonly clock: Clock; readonly random: Random },
  flags: { readonly cell: string; readonly topologyGlobal: string; readonly topologyCell: string },
): Topology {
  return etcdTopology(world, {
    global: etcdMembers(flags.topologyGlobal),
    cells: { [flags.cell]: etcdMembers(flags.topologyCell) },
  });
}
