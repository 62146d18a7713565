import { utf8 } from '@multigres/core';
import { noRevision, type Revision, type Store } from '../store.ts';
import { eventually, expectSame, Follower, soonEnough, withStores } from './expect.ts';
import type { StoreContractTest } from './store-contract.ts';

export const watchTests: readonly StoreContractTest[] = [
  {
    name: 'a watch hears puts and deletes under its prefix, of all clients, in order',
    run: (subject) =>
      withStores(subject, 2, async (one: Store, two: Store) => {
        await one.put('p/before', utf8('0'), soonEnough);
        const { revision } = await one.list('p/', soonEnough);
        const follower = new Follower(one, 'p/', revision);
        await two.put('p/a', utf8('1'), soonEnough);
        await one.put('q/a', utf8('2'), soonEnough);
        await two.put('p/a', utf8('3'), soonEnough);
        await one.delete('p/before', soonEnough);
        const last = await two.put('p/end', utf8('4'), soonEnough);
        await eventually(subject.clock, () => follower.revision >= last, 'the last change');
        const wanted = ['put p/a=1', 'put p/a=3', 'delete p/before', 'put p/end=4'];
        expectSame(follower.heard, wanted, 'what was heard');
        expectSame(follower.connected, true, 'connected');
      }),
  },
  {
    name: 'a watch after an old revision hears what happened since',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const first = await store.put('p/a', utf8('1'), soonEnough);
        await store.put('p/a', utf8('2'), soonEnough);
        const last = await store.put('p/b', utf8('3'), soonEnough);
        const follower = new Follower(store, 'p/', first);
        await eventually(subject.clock, () => follower.revision >= last, 'the last change');
        expectSame(follower.heard, ['put p/a=2', 'put p/b=3'], 'what was heard');
      }),
  },
  {
    name: 'a watch of everything hears everything',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const { revision } = await store.list('', soonEnough);
        const follower = new Follower(store, '', revision);
        for (let i = 0; i < 100; i++) await store.put(`k${i}`, utf8(String(i)), soonEnough);
        await eventually(subject.clock, () => follower.heard.length >= 100, 'all changes');
        expectSame(
          follower.heard,
          Array.from({ length: 100 }, (_, i) => `put k${i}=${i}`),
          'what was heard',
        );
      }),
  },
  {
    name: 'a watch hears nothing before the call that made it returns, and nothing after it is closed',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const first = await store.put('p/a', utf8('1'), soonEnough);
        const open = new Follower(store, 'p/', (first - 1n) as Revision);
        expectSame(open.heard, [], 'what was heard at once');
        const closed = new Follower(store, 'p/', (first - 1n) as Revision);
        closed.watch.close();
        closed.watch.close();
        await store.put('p/b', utf8('2'), soonEnough);
        await eventually(subject.clock, () => open.heard.length >= 2, 'the changes');
        expectSame(closed.heard, [], 'what the closed one heard');
      }),
  },
  {
    name: 'a watch whose history was compacted ends, and a listing starts over',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const first = await store.put('p/a', utf8('1'), soonEnough);
        for (let i = 0; i < 5; i++) await store.put('p/a', utf8(`again ${i}`), soonEnough);
        await subject.compact();
        const follower = new Follower(store, 'p/', first);
        await eventually(subject.clock, () => follower.ended !== undefined, 'the end');
        expectSame([follower.ended, follower.heard], ['compacted', []], 'the end');
        const { revision, entries } = await store.list('p/', soonEnough);
        expectSame(entries.length, 1, 'the entries');
        const second = new Follower(store, 'p/', revision);
        await store.put('p/b', utf8('2'), soonEnough);
        await eventually(subject.clock, () => second.heard.length > 0, 'a change');
        expectSame(second.heard, ['put p/b=2'], 'what the second one heard');
      }),
  },
  {
    name: 'a watch that is up to date is not disturbed by a compaction',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const first = await store.put('p/a', utf8('1'), soonEnough);
        const follower = new Follower(store, 'p/', (first - 1n) as Revision);
        await eventually(subject.clock, () => follower.revision >= first, 'the first change');
        await subject.compact();
        await store.put('p/b', utf8('2'), soonEnough);
        await eventually(subject.clock, () => follower.heard.length >= 2, 'the second change');
        expectSame([follower.ended, follower.heard], [undefined, ['put p/a=1', 'put p/b=2']], 'what was heard');
      }),
  },
  {
    name: 'a watch on a closed store is silent',
    run: (subject) =>
      withStores(subject, 2, async (one: Store, two: Store) => {
        const open = new Follower(one, '', noRevision);
        one.close();
        const late = new Follower(one, '', noRevision);
        const witness = new Follower(two, '', (await two.list('', soonEnough)).revision);
        await two.put('a', utf8('1'), soonEnough);
        await eventually(subject.clock, () => witness.heard.length > 0, 'the change');
        expectSame([open.heard, late.heard], [[], []], 'what was heard');
      }),
  },
];
