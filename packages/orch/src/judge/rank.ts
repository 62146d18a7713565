import type { ComponentIdMessage } from '@multigres/rpc';
import type { ShardView } from '../observe/shard-view.ts';
import { poolerKey } from '../observe/snapshot.ts';

/**
 * How many other orchestrators come first: those of the leader's cell are last, because what took the leader may have taken them; else by name. It only
 * spares them treading on each other's feet: ballots arbitrate.
 */
export function rankOf(view: ShardView): number {
  const leaderCell = view.live[0]?.leader?.pooler?.cell;
  const place = (id: ComponentIdMessage): string => `${id.cell === leaderCell ? 1 : 0} ${poolerKey(id)}`;
  const own = place(view.self);
  return view.orchestrators.filter((other) => place(other) < own).length;
}

/** How long this orchestrator leaves a change of leader to those before it. */
export function staggerMs(view: ShardView): number {
  return rankOf(view) * view.tuning.staggerMs;
}

/** How long it leaves work on single members to the others: the first does it, the rest only if it does not. */
export function patienceMs(view: ShardView): number {
  return rankOf(view) * Math.max(2_000, 4 * view.tuning.heartbeatMs);
}
