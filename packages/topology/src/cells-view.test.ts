import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { Directory } from './directory.ts';
import { MemoryTopology } from './memory-topology.ts';

interface Cluster {
  readonly world: QuietWorld;
  readonly memory: MemoryTopology;
  readonly directory: Directory;
}

function cluster(): Cluster {
  const world = quietWorld();
  const memory = new MemoryTopology(world.clock, ['one', 'two']);
  return { world, memory, directory: new Directory(world, memory.connect(world.clock)) };
}

const shard = {
  $typeName: 'multigres.common.v1.ShardKey',
  database: 'app',
  tableGroup: 'default',
  shard: '0',
} as const;
const soon = { deadlineMs: 1000 };

async function writeCells({ world, directory }: Cluster, ...names: readonly string[]): Promise<void> {
  for (const name of names) await world.until(directory.cells.put({ name, storeEndpoints: ['127.0.0.1:1'] }, soon));
}

async function register({ world, directory }: Cluster, cell: string, name: string, at = '0'): Promise<void> {
  const registration = directory.registerPooler({ id: { cell, name }, shard: { ...shard, shard: at } });
  await world.until(registration.whenRegistered(1000));
}

describe('the view of all cells', () => {
  it("shows a shard's poolers of every cell, and no other shard's", async () => {
    const stage = cluster();
    await writeCells(stage, 'one', 'two');
    const view = stage.directory.watchShardPoolers(shard, []);
    await register(stage, 'one', 'p1');
    await register(stage, 'two', 'p1');
    await register(stage, 'two', 'p2', '80-');
    await stage.world.settle();
    expect([...view.records.keys()]).toEqual(['one/p1', 'two/p1']);
    expect([view.synced, view.connected]).toEqual([true, true]);
  });

  it('watches a known cell before the list of cells was ever read', async () => {
    const stage = cluster();
    stage.memory.global.outage = 'refusing';
    const view = stage.directory.watchShardPoolers(shard, ['one']);
    await register(stage, 'one', 'p1');
    await stage.world.settle();
    expect([[...view.records.keys()], view.synced, view.connected]).toEqual([['one/p1'], false, false]);
  });

  it('takes up a cell that is added, and forgets one that is removed', async () => {
    const stage = cluster();
    await writeCells(stage, 'one');
    const view = stage.directory.watchShardPoolers(shard, []);
    await register(stage, 'one', 'p1');
    await register(stage, 'two', 'p2');
    await stage.world.settle();
    expect([...view.records.keys()]).toEqual(['one/p1']);
    await writeCells(stage, 'two');
    await stage.world.settle();
    expect([...view.records.keys()]).toEqual(['one/p1', 'two/p2']);
    await stage.world.until(stage.directory.cells.remove('one', soon));
    await stage.world.settle();
    expect([...view.records.keys()]).toEqual(['two/p2']);
  });

  it('keeps what it knows of a cell whose store is away, and follows the others', async () => {
    const stage = cluster();
    await writeCells(stage, 'one', 'two');
    const view = stage.directory.watchShardPoolers(shard, []);
    await register(stage, 'one', 'p1');
    await register(stage, 'two', 'p1');
    await stage.world.settle();
    const away = stage.memory.cells.get('one');
    if (away === undefined) throw new Error('cell one exists');
    away.outage = 'silent';
    await register(stage, 'two', 'p2');
    await stage.world.advance(60_000);
    expect([[...view.records.keys()], view.connected]).toEqual([['one/p1', 'two/p1', 'two/p2'], false]);
    away.outage = 'none';
    await stage.world.advance(60_000);
    expect(view.connected).toBe(true);
  });

  it('tells of each change, and of none after it was closed', async () => {
    const stage = cluster();
    await writeCells(stage, 'one');
    const view = stage.directory.watchShardPoolers(shard, []);
    let told = 0;
    view.onChange(() => (told += 1));
    await register(stage, 'one', 'p1');
    await stage.world.settle();
    expect(told).toBeGreaterThan(0);
    view.close();
    told = 0;
    await register(stage, 'one', 'p2');
    await stage.world.settle();
    expect([told, [...view.records.keys()]]).toEqual([0, ['one/p1']]);
  });

  it('watches a cell anew when its store has moved, but not one that is configured here', async () => {
    const { world, memory } = cluster();
    const topology = memory.connect(world.clock);
    const opened: string[] = [];
    const directory = new Directory(world, {
      ...topology,
      cell: (name, place) => {
        opened.push(`${name} at ${place?.storeEndpoints.join() ?? 'its own place'}`);
        return topology.cell(name);
      },
    });
    const view = directory.watchShardPoolers(shard, ['one']);
    for (const [name, at] of [
      ['one', 'a:1'],
      ['two', 'a:1'],
      ['two', 'b:1'],
    ] as const) {
      await world.until(directory.cells.put({ name, storeEndpoints: [at] }, soon));
      await world.settle();
    }
    expect(opened).toEqual(['one at its own place', 'two at a:1', 'two at b:1']);
    view.close();
  });
});

describe('the claim of a bootstrap', () => {
  const claim = (name: string): object => ({ shard, orchestrator: { cell: 'one', name } });

  it('is had by one at a time, and free again when its holder is gone', async () => {
    const { world, memory, directory } = cluster();
    const holder = memory.connect(world.clock);
    const first = new Directory(world, holder);
    await world.until(first.claimBootstrap(claim('o1'), { ...soon, ttlMs: 5000 }));
    const second = directory.claimBootstrap(claim('o2'), { ...soon, ttlMs: 5000 });
    await expect(world.until(second)).rejects.toMatchObject({ code: 'versionMismatch' });
    const [held] = await world.until(directory.bootstrapClaims.list(soon));
    expect(held?.record.orchestrator?.name).toBe('o1');
    holder.close();
    await world.advance(10_000);
    const lease = await world.until(directory.claimBootstrap(claim('o2'), { ...soon, ttlMs: 5000 }));
    await world.until(lease.revoke(soon));
    expect(await world.until(directory.bootstrapClaims.list(soon))).toEqual([]);
  });
});
