import { pgbench, type PgbenchProgram } from '../load/pgbench.ts';
import type { Peer } from '../peers/peer.ts';

const trials = [
  { workload: 'select', mode: 'extended', clients: 64, seconds: 1 },
  { workload: 'tpcb', mode: 'extended', clients: 64, seconds: 1 },
] as const;
/** A larger pool has to earn its backends. */
const betterFrom = 1.03;

/**
 * Starts a pooler with the size that serves 64 clients best, reading and writing alike (geometric mean of both); with a single size there is
 * nothing to try. What it answers has just been started.
 */
export async function tunedPool(
  title: string,
  program: PgbenchProgram,
  sizes: readonly number[],
  start: (size: number) => Promise<Peer>,
  say: (line: string) => void,
): Promise<{ readonly peer: Peer; readonly size: number }> {
  let [best, bestScore] = [sizes[0] as number, 0];
  if (sizes.length === 1) return { peer: await start(best), size: best };
  for (const size of sizes) {
    const peer = await start(size);
    const rates = await tried(program, peer);
    await peer.stop();
    say(`${title} with a pool of ${size}: ${rates.map(Math.round).join(' selects/s, ')} writing transactions/s`);
    const score = rates.reduce((product, rate) => product * rate, 1) ** (1 / rates.length);
    if (score > bestScore * betterFrom) [best, bestScore] = [size, score];
  }
  return { peer: await start(best), size: best };
}

async function tried(program: PgbenchProgram, peer: Peer): Promise<readonly number[]> {
  const rates: number[] = [];
  await pgbench({ program, address: peer.address, ...trials[0] });
  for (const trial of trials) rates.push((await pgbench({ program, address: peer.address, ...trial })).tps);
  return rates;
}
