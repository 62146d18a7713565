import { utf8 } from '@multigres/core';
import type { Store } from '../store.ts';
import { eventually, expect, expectCode, expectSame, Follower, soonEnough, textAt, withStores } from './expect.ts';
import type { StoreContractTest } from './store-contract.ts';

const ttlMs = 2000;

export const leaseTests: readonly StoreContractTest[] = [
  {
    name: 'revoking a lease takes all its entries at once and leaves the others',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const lease = await store.lease(ttlMs, soonEnough);
        expect(lease.ttlMs >= ttlMs, `${lease.ttlMs} ms were granted`);
        for (const key of ['p/a', 'p/b']) await store.put(key, utf8('x'), { ...soonEnough, lease });
        const last = await store.put('p/c', utf8('stays'), soonEnough);
        const follower = new Follower(store, 'p/', last);
        await lease.revoke(soonEnough);
        await eventually(subject.clock, () => follower.heard.length >= 2, 'the deletes');
        expectSame(follower.heard.toSorted(), ['delete p/a', 'delete p/b'], 'what was heard');
        expectSame(follower.batches, [2], 'the calls');
        expectSame(
          (await store.list('p/', soonEnough)).entries.map((entry) => entry.key),
          ['p/c'],
          'what is left',
        );
        expectSame(lease.lost, false, 'a revoked lease was not lost');
      }),
  },
  {
    name: 'a lease is kept while its client lives',
    run: (subject) =>
      withStores(subject, 2, async (one: Store, two: Store) => {
        const lease = await one.lease(ttlMs, soonEnough);
        await one.put('a', utf8('x'), { ...soonEnough, lease });
        const follower = new Follower(two, '', (await two.list('', soonEnough)).revision);
        await subject.clock.sleep(2.5 * lease.ttlMs);
        expectSame(await textAt(two, 'a'), 'x', 'the entry');
        expectSame([follower.heard, lease.lost], [[], false], 'what happened');
      }),
  },
  {
    name: 'the entries of a client that is gone go with its lease, not before',
    run: (subject) =>
      withStores(subject, 2, async (one: Store, two: Store) => {
        const lease = await one.lease(ttlMs, soonEnough);
        const startMs = subject.clock.nowMs();
        await one.put('a', utf8('x'), { ...soonEnough, lease });
        const follower = new Follower(two, '', (await two.list('', soonEnough)).revision);
        one.close();
        await eventually(subject.clock, () => follower.heard.length > 0, 'the delete');
        expectSame(follower.heard, ['delete a'], 'what was heard');
        expect(subject.clock.nowMs() - startMs >= ttlMs - 50, 'the entry was kept for its time');
      }),
  },
  {
    name: 'a put without the lease keeps an entry beyond it',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const lease = await store.lease(ttlMs, soonEnough);
        await store.put('a', utf8('x'), { ...soonEnough, lease });
        await store.put('a', utf8('y'), soonEnough);
        await lease.revoke(soonEnough);
        expectSame(await textAt(store, 'a'), 'y', 'the entry');
      }),
  },
  {
    name: 'a put with a lease that has ended is refused and was not applied',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const lease = await store.lease(ttlMs, soonEnough);
        await lease.revoke(soonEnough);
        await lease.revoke(soonEnough);
        const error = await expectCode(store.put('a', utf8('x'), { ...soonEnough, lease }), ['leaseLost'], 'the put');
        expectSame(error.fate, 'notApplied', 'its fate');
        expectSame(await textAt(store, 'a'), undefined, 'the entry');
      }),
  },
  {
    name: 'a lease that the store has ended is lost, and says so once',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const lease = await store.lease(ttlMs, soonEnough);
        let told = 0;
        lease.onLost(() => (told += 1));
        await subject.endLease(lease.id);
        await eventually(subject.clock, () => lease.lost, 'the loss');
        await eventually(subject.clock, () => told === 1, 'the news');
        let late = 0;
        lease.onLost(() => (late += 1));
        await eventually(subject.clock, () => late === 1, 'the news for a late listener');
        expectSame(told, 1, 'how often it was told');
      }),
  },
];
