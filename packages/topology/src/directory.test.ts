import { utf8 } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { Directory } from './directory.ts';
import { keyOf } from './keys.ts';
import { MemoryTopology } from './memory-topology.ts';
import { noRevision } from './store.ts';

interface Cluster {
  readonly world: QuietWorld;
  readonly memory: MemoryTopology;
  readonly directory: Directory;
}

function cluster(): Cluster {
  const world = quietWorld();
  const memory = new MemoryTopology(world.clock, ['cell1', 'cell2']);
  return { world, memory, directory: new Directory(world, memory.connect(world.clock)) };
}

const pooler = (name: string, reason = 'app'): { id: { cell: string; name: string }; databases: string[] } => ({
  id: { cell: 'cell1', name },
  databases: [reason],
});

describe('the directory', () => {
  it('shows a registered pooler to those who watch its cell, and to no other cell', async () => {
    const { world, directory } = cluster();
    const here = directory.watchPoolers('cell1');
    const elsewhere = directory.watchPoolers('cell2');
    const registration = directory.registerPooler(pooler('p1'));
    expect(await world.until(registration.whenRegistered(1000))).toBe(true);
    await world.settle();
    expect([...here.records.keys()]).toEqual(['p1']);
    expect(here.records.get('p1')?.databases).toEqual(['app']);
    expect([elsewhere.records.size, elsewhere.synced]).toEqual([0, true]);
    await world.until(registration.close({ deadlineMs: 1000 }));
    await world.settle();
    expect(here.records.size).toBe(0);
  });

  it('keeps what it knows while the store is away, and catches up when it is back', async () => {
    const { world, memory, directory } = cluster();
    const view = directory.watchPoolers('cell1');
    const first = directory.registerPooler(pooler('p1'));
    await world.until(first.whenRegistered(1000));
    await world.settle();
    const server = memory.cells.get('cell1');
    if (server === undefined) throw new Error('cell1 exists');
    server.outage = 'refusing';
    await world.advance(120_000);
    expect([view.connected, view.synced, [...view.records.keys()]]).toEqual([false, true, ['p1']]);
    const second = directory.registerPooler(pooler('p2'));
    expect(await world.until(second.whenRegistered(10_000))).toBe(false);
    server.outage = 'none';
    expect(await world.until(second.whenRegistered(10_000))).toBe(true);
    await world.settle();
    expect([view.connected, [...view.records.keys()]]).toEqual([true, ['p1', 'p2']]);
  });

  it('starts without the store and is synced when it comes', async () => {
    const { world, memory, directory } = cluster();
    memory.global.outage = 'silent';
    const view = directory.databases.watch();
    expect(await world.until(view.whenSynced(20_000))).toBe(false);
    memory.global.outage = 'none';
    expect(await world.until(view.whenSynced(20_000))).toBe(true);
  });

  it('lists again when the history was compacted during an outage, and forgets what went meanwhile', async () => {
    const { world, memory, directory } = cluster();
    const deadline = { deadlineMs: 1000 };
    const view = directory.databases.watch();
    await world.until(directory.databases.put({ name: 'old' }, deadline));
    await world.settle();
    expect([...view.records.keys()]).toEqual(['old']);
    memory.global.outage = 'refusing';
    await world.settle();
    memory.global.delete('databases/old', undefined);
    memory.global.put('databases/new', utf8(''), undefined, undefined);
    memory.global.compact();
    memory.global.outage = 'none';
    await world.advance(10_000);
    expect([...view.records.keys()]).toEqual(['new']);
  });

  it('registers again when its lease was lost', async () => {
    const { world, memory, directory } = cluster();
    const registration = directory.registerPooler(pooler('p1'));
    await world.until(registration.whenRegistered(1000));
    memory.cells.get('cell1')?.revoke('1');
    const view = directory.watchPoolers('cell1');
    await world.settle();
    expect(view.records.size).toBe(0);
    await world.advance(30_000);
    expect([view.records.size, registration.registered]).toEqual([1, true]);
  });

  it('removes a component that has died when its lease ends', async () => {
    const { world, memory, directory } = cluster();
    const dying = memory.connect(world.clock);
    const registration = new Directory(world, dying).registerPooler(pooler('p1'), { leaseTtlMs: 5000 });
    await world.until(registration.whenRegistered(1000));
    const view = directory.watchPoolers('cell1');
    await world.until(view.whenSynced(1000));
    dying.close();
    await world.advance(4000);
    expect(view.records.size).toBe(1);
    await world.advance(2000);
    expect(view.records.size).toBe(0);
  });

  it('shows an update of a registered record', async () => {
    const { world, directory } = cluster();
    const registration = directory.registerPooler(pooler('p1', 'one'));
    const view = directory.watchPoolers('cell1');
    await world.until(registration.whenRegistered(1000));
    registration.update({
      ...(view.records.get('p1') as NonNullable<ReturnType<typeof view.records.get>>),
      databases: ['two'],
    });
    await world.settle();
    expect(view.records.get('p1')?.databases).toEqual(['two']);
  });

  it('keeps the last readable record when one cannot be read, and says so', async () => {
    const { world, memory, directory } = cluster();
    const view = directory.databases.watch();
    await world.until(directory.databases.put({ name: 'app', defaultTableGroup: 'tg' }, { deadlineMs: 1000 }));
    await world.settle();
    memory.global.put('databases/app', Uint8Array.of(0xff, 0xff), undefined, undefined);
    memory.global.put('databases/bad', Uint8Array.of(0xff, 0xff), undefined, undefined);
    await world.settle();
    expect([...view.records.values()].map((record) => record.defaultTableGroup)).toEqual(['tg']);
    expect(world.lines.filter((line) => line.message.includes('cannot be read'))).toHaveLength(2);
    await expect(world.until(directory.databases.get('bad', { deadlineMs: 1000 }))).rejects.toMatchObject({
      code: 'other',
    });
  });

  it('does not let one administrator overwrite what another has changed', async () => {
    const { world, directory } = cluster();
    const deadlineMs = 1000;
    const version = await world.until(directory.cells.put({ name: 'c' }, { deadlineMs, expectedVersion: noRevision }));
    await world.until(directory.cells.put({ name: 'c', storeRoot: '/x' }, { deadlineMs, expectedVersion: version }));
    const late = directory.cells.put({ name: 'c', storeRoot: '/y' }, { deadlineMs, expectedVersion: version });
    await expect(world.until(late)).rejects.toMatchObject({ code: 'versionMismatch' });
    expect((await world.until(directory.cells.get('c', { deadlineMs })))?.record.storeRoot).toBe('/x');
  });

  it('refuses a cell that is not configured', () => {
    const { directory } = cluster();
    expect(() => directory.watchPoolers('nowhere')).toThrow('cell "nowhere" is not configured');
  });

  it('makes a key of any name', () => {
    expect(keyOf('a/b', 'ü', '')).toBe('a%2Fb/%C3%BC/%');
    expect(keyOf('a%2Fb')).not.toBe(keyOf('a/b'));
  });
});
