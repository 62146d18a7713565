import { DataState } from '@multigres/rpc';
import type { ShardView } from '../observe/shard-view.ts';
import { poolerKey, type ObservedMember } from '../observe/snapshot.ts';
import { isWanted } from './cohort.ts';
import type { Finding } from './finding.ts';
import { staggerMs } from './rank.ts';

/**
 * The shard has no data anywhere. Who makes the first data directory is settled once, in the topology; another one is asked only if that one says itself that
 * it has none. Where anybody has data, nothing is made: that would be a second history.
 */
export function notBootstrapped(view: ShardView): Finding[] {
  if (view.systemIdentifier !== 0n || !view.isTopologyConnected || view.live.length > 0) return [];
  const problem = { kind: 'notBootstrapped', subject: '', explanation: 'The shard has no data yet.' } as const;
  const withData = view.members.find(({ status }) => hasData(status?.member?.data));
  if (withData !== undefined) {
    const remedy = `Nothing: ${withData.key} has data already, and does not say of which rule.`;
    return [{ ...problem, remedy }];
  }
  const unheard = view.members.find((at) => at.isRegistered && at.status?.member === undefined);
  if (unheard !== undefined)
    return [{ ...problem, remedy: `It waits for the word of ${unheard.key}, which may have data.` }];
  const settled = view.bootstrapPooler;
  const fit = view.heard.filter(
    (at) => at.isRegistered && at.status?.member?.data === DataState.NONE && isWanted(view, at),
  );
  const others = settled === undefined ? [] : view.heard.filter(({ key }) => key === poolerKey(settled));
  if (settled !== undefined && others.every(({ status }) => status?.member?.data !== DataState.NONE)) {
    return [
      { ...problem, remedy: `It waits for ${poolerKey(settled)}, which may have made the first data directory.` },
    ];
  }
  const pooler = choosePooler(view, fit);
  if (pooler === undefined) return [{ ...problem, remedy: 'It waits for a pooler.' }];
  if (pooler.status?.member?.busy !== '') return [{ ...problem, remedy: `${pooler.key} is busy.` }];
  const remedy = `${pooler.key} makes the first data directory.`;
  return [{ ...problem, remedy, action: { kind: 'bootstrap', pooler: pooler.key }, afterMs: staggerMs(view) * 4 }];
}

/** The data are there, and the topology does not say of which cluster: whoever made them was interrupted. */
export function notRecorded(view: ShardView): Finding[] {
  if (view.systemIdentifier !== 0n || !view.isTopologyConnected) return [];
  const identifier = view.head?.at.status?.member?.systemIdentifier ?? 0n;
  if (view.head?.isOpen !== true || identifier === 0n) return [];
  return [
    {
      ...{
        kind: 'notRecorded',
        subject: '',
        explanation: 'The topology does not say which Postgres cluster keeps the shard.',
      },
      remedy: `It is recorded: ${identifier}.`,
      action: { kind: 'recordBootstrap', systemIdentifier: identifier },
      afterMs: staggerMs(view) * 4,
    },
  ];
}

function hasData(data: DataState | undefined): boolean {
  return data === DataState.FINE || data === DataState.UNUSABLE;
}

/** The settled one if it is fit, else of the first wanted cell, by name: the same for every orchestrator. */
function choosePooler(view: ShardView, fit: readonly ObservedMember[]): ObservedMember | undefined {
  const settled = fit.find(({ key }) => key === poolerKey(view.bootstrapPooler));
  const rank = ({ id }: ObservedMember): number => {
    const at = view.cells.indexOf(id.cell);
    return at === -1 ? view.cells.length : at;
  };
  return settled ?? fit.toSorted((a, b) => rank(a) - rank(b) || (a.key < b.key ? -1 : 1))[0];
}
