import { assembleDirect } from './assembly/direct.ts';
import { assembleProxy } from './assembly/proxy.ts';
import { assembleShard } from './assembly/shard.ts';
import type { AssembleCluster, ClusterSpec } from './cluster.ts';
import { loadGrammar } from './model/postgres/sql/parser.ts';

/** To be awaited once before the first run: what takes real time must not happen inside simulated time. */
export async function prepareModels(): Promise<void> {
  await loadGrammar();
}

/** Builds the kind of cluster that a scenario asks for. */
export const assembleCluster: AssembleCluster = (weather, spec, checks) => kinds[spec.kind](weather, spec, checks);

const kinds: Readonly<Record<ClusterSpec['kind'], AssembleCluster>> = {
  direct: assembleDirect,
  proxy: assembleProxy,
  shard: assembleShard,
};
