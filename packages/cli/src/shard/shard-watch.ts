import { setTimeout as sleep } from 'node:timers/promises';
import { GrpcTransport, HostClock } from '@multigres/host';
import { client, PoolerService, type PoolerStatus } from '@multigres/rpc';
import { orchAnswersAt } from '../cluster/calls.ts';
import { shardText, type Reachable, type ShardFlags, type ShardParts } from './shard-access.ts';
import type { AskedOrchestrator, ShardReport } from './shard-table.ts';
import { componentName, shardView } from './shard-view.ts';
import { Lines, Screen } from './shard-picture.ts';

/** How often a pooler speaks at least; it speaks at once when something changes. */
const heartbeatMs = 1_000;
const silenceMs = 3_000;
const retryMs = 500;
const orchestratorsMs = 2_000;
/** Drawn no more often than this. */
const frameMs = 200;

interface Heard {
  status: PoolerStatus | undefined;
}

/** Follows what poolers say until interrupted. On a terminal one picture that is drawn again; else a line for each change. */
export async function watchShard(flags: ShardFlags & { readonly json: boolean }, parts: ShardParts): Promise<void> {
  const over = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => over.abort());
  process.stdout.once('error', () => over.abort());
  const heard = parts.poolers.map((pooler) => ({ pooler, now: { status: undefined } as Heard }));
  const orchestrators: AskedOrchestrator[] = [];
  const following = [
    ...heard.map(({ pooler, now }) => followPooler(pooler, now, over.signal)),
    askOrchestrators(parts.orchestrators, orchestrators, over.signal),
  ];
  const report = (): ShardReport => ({
    shard: shardText(flags.shard),
    view: shardView(heard.map(({ pooler, now }) => ({ id: pooler.id, status: now.status }))),
    orchestrators,
  });
  const picture = flags.json || !process.stdout.isTTY ? new Lines(flags.json) : new Screen();
  while (!over.signal.aborted) {
    picture.show(report());
    await pause(frameMs, over.signal);
  }
  picture.close();
  await Promise.all(following);
}

/** Resolves when the time is over or the watch is. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

const transport = new GrpcTransport({ clock: new HostClock() });

/** Follows the health of one pooler; whoever says nothing for a while is forgotten until it speaks again. */
async function followPooler({ endpoint }: Reachable, now: Heard, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const channel = transport.connect(endpoint);
    const stream = client(PoolerService, channel).watchHealth({ heartbeatMs }, { idleMsMax: silenceMs });
    const end = (): void => stream.cancel();
    signal.addEventListener('abort', end, { once: true });
    try {
      for await (const { status } of stream) {
        now.status = status;
      }
    } catch {
      // It is silent then, which is what we tell.
    }
    signal.removeEventListener('abort', end);
    channel.close();
    now.status = undefined;
    await pause(retryMs, signal);
  }
}

async function askOrchestrators(
  all: readonly Reachable[],
  into: AskedOrchestrator[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const asked = await Promise.all(
      all.map(async ({ id, endpoint }) => ({ name: componentName(id), answers: await orchAnswersAt(endpoint) })),
    );
    into.splice(0, into.length, ...asked);
    await pause(orchestratorsMs, signal);
  }
}
