import { setTimeout as sleep } from 'node:timers/promises';
import { DataState, MemberRole, type PoolerStatus } from '@multigres/rpc';
import { CliError } from '../errors.ts';
import { gatewayStatus, poolerStatus } from './calls.ts';
import { grpcSocket, nodeNames, type Cluster } from './cluster.ts';
import type { NodeRecord } from './record.ts';

/** A data directory may have to be made and copied twice, on a slow disk. */
const leaderMsMax = 120_000;
/** With a leader the cluster works; that all members count is worth a little patience. */
const membersMsMax = 60_000;
const lookMs = 100;

interface Seen {
  readonly node: NodeRecord;
  readonly status: PoolerStatus | undefined;
}

export interface ShardReady {
  readonly said: string;
  readonly leader: NodeRecord;
}

/** Waits until the shard has an open leader that a gateway sends queries to, and then, less patiently, until all members are voters. */
export async function awaitShard(
  cluster: Cluster,
  signal: AbortSignal,
  report: (line: string) => void,
): Promise<ShardReady> {
  const begunMs = performance.now();
  let told = '';
  for (;;) {
    signal.throwIfAborted();
    const seen = await look(cluster);
    const state = judge(seen);
    if (state.doing !== told) report(state.doing);
    told = state.doing;
    const tookMs = performance.now() - begunMs;
    if (state.leader !== undefined && (await isRouted(cluster))) {
      if (state.voters === seen.length || tookMs > membersMsMax) {
        return {
          said: `${nodeNames(state.leader).pooler} leads, ${state.voters} of ${seen.length} vote`,
          leader: state.leader,
        };
      }
    } else if (tookMs > leaderMsMax) {
      throw new CliError(`the shard has no leader after ${leaderMsMax / 1000} s: ${state.doing}`, {
        hint: 'See what the orchestrators think of it: ./mg shard explain.',
      });
    }
    await sleep(lookMs, undefined, { signal });
  }
}

async function look({ folder, record }: Cluster): Promise<readonly Seen[]> {
  return Promise.all(
    record.nodes.map(async (node) => ({
      node,
      status: await poolerStatus(grpcSocket(folder, nodeNames(node).pooler)),
    })),
  );
}

async function isRouted({ folder, record }: Cluster): Promise<boolean> {
  const statuses = await Promise.all(record.gateways.map(({ name }) => gatewayStatus(grpcSocket(folder, name))));
  return statuses.every((status) => status?.poolers.some(({ eligible }) => eligible) === true);
}

interface Judged {
  /** The node of the open leader. */
  readonly leader: NodeRecord | undefined;
  readonly voters: number;
  readonly doing: string;
}

function judge(seen: readonly Seen[]): Judged {
  const leading = seen.find(({ status }) => status?.member?.role === MemberRole.LEADER && status.member.open);
  const rule = leading?.status?.member?.position?.rule;
  const voters = (rule?.voters ?? []).length;
  const busy = seen.flatMap(({ node, status }) => {
    const doing = status?.member?.busy ?? '';
    return doing === '' ? [] : [`${nodeNames(node).pooler}: ${doing}`];
  });
  if (leading !== undefined) {
    return { leader: leading.node, voters, doing: [`${voters} of ${seen.length} vote`, ...busy].join('; ') };
  }
  const isNew = seen.every(({ status }) => (status?.member?.data ?? DataState.NONE) === DataState.NONE);
  const waiting = isNew ? 'waiting for the first data directory' : 'waiting for a leader';
  return { leader: undefined, voters, doing: busy.length > 0 ? busy.join('; ') : waiting };
}
