import { pgbench } from '../load/pgbench.ts';
import type { Peer } from '../peers/peer.ts';

const trial = { workload: 'select', mode: 'extended', clients: 64, seconds: 1 } as const;
/** A larger pool has to earn its backends. */
const betterFrom = 1.03;

/** Starts a pooler with the size that serves 64 clients best; with a single size there is nothing to try. */
export async function tunedPool(
  title: string,
  bin: string,
  sizes: readonly number[],
  start: (size: number) => Promise<Peer>,
  say: (line: string) => void,
): Promise<Peer> {
  let [best, bestTps] = [sizes[0] as number, 0];
  if (sizes.length === 1) return start(best);
  for (const size of sizes) {
    const peer = await start(size);
    await pgbench({ bin, address: peer.address, ...trial });
    const { tps } = await pgbench({ bin, address: peer.address, ...trial });
    say(`${title} with a pool of ${size}: ${Math.round(tps)} tps`);
    await peer.stop();
    if (tps > bestTps * betterFrom) [best, bestTps] = [size, tps];
  }
  return start(best);
}
