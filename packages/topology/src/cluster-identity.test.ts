import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { identified } from './cluster-identity.ts';
import { Directory } from './directory.ts';
import { MemoryTopology } from './memory-topology.ts';
import type { TopologyError } from './store.ts';

interface Stage {
  readonly world: QuietWorld;
  readonly memory: MemoryTopology;
  readonly foreign: TopologyError[];
  directoryOf(clusterId: string): Directory;
}

function stage(): Stage {
  const world = quietWorld();
  const memory = new MemoryTopology(world.clock, ['one', 'two']);
  const foreign: TopologyError[] = [];
  const directoryOf = (clusterId: string): Directory => {
    const options = { createdMs: () => 1, onForeign: (error: TopologyError) => foreign.push(error) };
    return new Directory(world, identified(memory.connect(world.clock), clusterId, options));
  };
  return { world, memory, foreign, directoryOf };
}

const soon = { deadlineMs: 1000 };

describe('the identity of a cluster', () => {
  it('lets its own components in, as often as they come', async () => {
    const { world, directoryOf, foreign } = stage();
    await world.until(directoryOf('a').databases.put({ name: 'app' }, soon));
    const again = directoryOf('a');
    expect(await world.until(again.databases.list(soon))).toHaveLength(1);
    expect((await world.until(again.identity.get('cluster', soon)))?.record.clusterId).toBe('a');
    expect(foreign).toEqual([]);
  });

  it('refuses another cluster on the same root with an explanation, once, and lets it change nothing', async () => {
    const { world, directoryOf, foreign } = stage();
    await world.until(directoryOf('a').databases.put({ name: 'app' }, soon));
    const other = directoryOf('b');
    for (const call of [
      () => other.databases.put({ name: 'app', defaultTableGroup: 'theirs' }, soon),
      () => other.databases.remove('app', soon),
      () => other.databases.list(soon),
      () => other.claimBootstrap({}, { ...soon, ttlMs: 5000 }),
    ]) {
      await expect(world.until<unknown>(call())).rejects.toMatchObject({ code: 'foreign', fate: 'notApplied' });
    }
    expect(foreign.map(({ message }) => message)).toEqual([
      expect.stringContaining('belongs to cluster a, not to cluster b'),
    ]);
    const [kept] = await world.until(directoryOf('a').databases.list(soon));
    expect(kept?.record.defaultTableGroup).toBe('');
  });

  it('keeps a pooler of another cluster from registering, in a store of a cell too', async () => {
    const { world, memory, directoryOf } = stage();
    const ours = directoryOf('a').registerPooler({ id: { cell: 'one', name: 'p1' }, databases: ['ours'] });
    await world.until(ours.whenRegistered(1000));
    memory.global.outage = 'refusing';
    const theirs = directoryOf('b').registerPooler({ id: { cell: 'one', name: 'p1' }, databases: ['theirs'] });
    expect(await world.until(theirs.whenRegistered(10_000))).toBe(false);
    const view = directoryOf('a').watchPoolers('one');
    await world.settle();
    expect(view.records.get('p1')?.databases).toEqual(['ours']);
  });

  it('keeps a pooler of another cluster out of a cell that nobody has used yet', async () => {
    const { world, directoryOf, foreign } = stage();
    await world.until(directoryOf('a').databases.put({ name: 'app' }, soon));
    const theirs = directoryOf('b').registerPooler({ id: { cell: 'two', name: 'p1' }, databases: [] });
    expect(await world.until(theirs.whenRegistered(10_000))).toBe(false);
    expect([foreign.length, await world.until(directoryOf('a').poolers('two').list(soon))]).toEqual([1, []]);
  });

  it('is decided once when two clusters come first at the same time', async () => {
    const { world, directoryOf } = stage();
    const both = ['a', 'b'].map((id) => directoryOf(id).databases.list(soon));
    const ends = await world.until(Promise.allSettled(both));
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('is asked for again after an outage, because nobody knows yet', async () => {
    const { world, memory, directoryOf } = stage();
    const directory = directoryOf('a');
    memory.global.outage = 'refusing';
    await expect(world.until(directory.databases.list(soon))).rejects.toMatchObject({ code: 'unavailable' });
    memory.global.outage = 'none';
    expect(await world.until(directory.databases.list(soon))).toEqual([]);
  });
});
