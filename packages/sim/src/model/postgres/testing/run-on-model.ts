import { quietWorld } from '@multigres/core/quiet';

import type { PostgresOptions } from '../server/options.ts';
import { startPostgres } from '../postgres.ts';
import { RawClient } from './raw-client.ts';
import type { Step } from './script.ts';
import { normalStory } from './story.ts';

const endpoint = { kind: 'tcp', host: 'db', port: 5432 } as const;

/** The longest that a step may take, in the world's time. */
const patienceMs = 10_000;

/** Runs a script on a fresh model; answers what each step's session heard. */
export async function runOnModel(script: readonly Step[], options: Partial<PostgresOptions>): Promise<string[][]> {
  const world = quietWorld();
  const unsupported: string[] = [];
  const postgres = startPostgres(world, { endpoint, onUnsupported: (text) => unsupported.push(text), ...options });
  await world.until(postgres.ready);
  const clients = new Map<string, RawClient>();
  const heard: string[][] = [];
  for (const step of script) {
    const client = clients.get(step.session) ?? (await connect());
    clients.set(step.session, client);
    if (step.kind === 'leave') client.leave();
    else if (step.kind !== 'await') client.send(step.write);
    await world.settle();
    const readies = step.kind === 'send' ? step.readies : step.kind === 'await' ? 1 : 0;
    for (let waited = 0; client.readies < readies && !client.closed && waited < patienceMs; waited += 100)
      await world.advance(100);
    heard.push(normalStory(client.take()));
  }
  for (const client of clients.values()) client.leave();
  await world.advance(1000);
  if (unsupported.length > 0) throw new Error(`not modelled: ${unsupported.join('; ')}`);
  return heard;

  async function connect(): Promise<RawClient> {
    const client = await world.until(RawClient.connect(world, endpoint));
    await world.settle();
    client.take();
    return client;
  }
}
