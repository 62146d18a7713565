import { utf8 } from '@multigres/core';
import { noRevision, type Revision, type Store } from '../store.ts';
import { expect, expectCode, expectSame, soonEnough, textAt, withStores } from './expect.ts';
import type { StoreContractTest } from './store-contract.ts';

export const entryTests: readonly StoreContractTest[] = [
  {
    name: 'what is put is got, every byte of it, by every client',
    run: (subject) =>
      withStores(subject, 2, async (one: Store, two: Store) => {
        const value = Uint8Array.from({ length: 256 }, (_, i) => i);
        const version = await one.put('a/b', value, soonEnough);
        const entry = await two.get('a/b', soonEnough);
        expectSame([entry?.key, entry?.version, [...(entry?.value ?? [])]], ['a/b', version, [...value]], 'the entry');
        await two.put('a/empty', new Uint8Array(), soonEnough);
        expectSame((await one.get('a/empty', soonEnough))?.value.length, 0, 'the length of an empty value');
        expectSame(await one.get('a', soonEnough), undefined, 'a key that nobody has put');
      }),
  },
  {
    name: 'the bytes are copied: changing them later changes nothing',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const value = utf8('given');
        const put = store.put('a', value, soonEnough);
        value.fill(0);
        await put;
        (await store.get('a', soonEnough))?.value.fill(0);
        expectSame(await textAt(store, 'a'), 'given', 'the value');
      }),
  },
  {
    name: 'each change gives a higher version',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        let last: Revision = noRevision;
        for (const key of ['a', 'b', 'a', 'a']) {
          const version = await store.put(key, utf8('x'), soonEnough);
          expect(version > last, `${version} is higher than ${last}`);
          last = version;
        }
        const { revision } = await store.list('', soonEnough);
        expect(revision >= last, `the revision ${revision} covers ${last}`);
      }),
  },
  {
    name: 'list answers the entries under a prefix, sorted by key, and nothing else',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        for (const key of ['p/c', 'p/a', 'p', 'pa', 'p/b/d', 'q/x']) await store.put(key, utf8(key), soonEnough);
        const keys = async (prefix: string): Promise<string[]> =>
          (await store.list(prefix, soonEnough)).entries.map((entry) => entry.key);
        expectSame(await keys('p/'), ['p/a', 'p/b/d', 'p/c'], 'under p/');
        expectSame(await keys(''), ['p', 'p/a', 'p/b/d', 'p/c', 'pa', 'q/x'], 'everything');
        expectSame(await keys('r'), [], 'under a prefix that nobody uses');
      }),
  },
  {
    name: 'a listing of many entries is complete',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const keys = Array.from({ length: 500 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
        await Promise.all(keys.map((key) => store.put(key, utf8(key), soonEnough)));
        const { entries } = await store.list('many/', soonEnough);
        expectSame(
          entries.map((entry) => entry.key),
          keys,
          'the keys',
        );
      }),
  },
  {
    name: 'a put that expects nothing there succeeds once',
    run: (subject) =>
      withStores(subject, 2, async (one: Store, two: Store) => {
        const options = { ...soonEnough, expectedVersion: noRevision };
        await one.put('a', utf8('first'), options);
        const error = await expectCode(two.put('a', utf8('second'), options), ['versionMismatch'], 'the second put');
        expectSame(error.fate, 'notApplied', 'its fate');
        expectSame(await textAt(two, 'a'), 'first', 'the value');
      }),
  },
  {
    name: 'a put that expects a version succeeds only at that version',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const first = await store.put('a', utf8('1'), soonEnough);
        const second = await store.put('a', utf8('2'), { ...soonEnough, expectedVersion: first });
        const late = store.put('a', utf8('3'), { ...soonEnough, expectedVersion: first });
        await expectCode(late, ['versionMismatch'], 'a put at an old version');
        const other = store.put('b', utf8('3'), { ...soonEnough, expectedVersion: second });
        await expectCode(other, ['versionMismatch'], 'a put of a key that is not there');
        expectSame(await textAt(store, 'a'), '2', 'the value');
      }),
  },
  {
    name: 'delete tells whether there was something, and expects a version if it is given one',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const version = await store.put('a', utf8('1'), soonEnough);
        const wrong = { ...soonEnough, expectedVersion: (version + 1n) as Revision };
        await expectCode(store.delete('a', wrong), ['versionMismatch'], 'a delete at another version');
        expectSame(await store.delete('a', { ...soonEnough, expectedVersion: version }), true, 'the delete');
        expectSame(await store.delete('a', soonEnough), false, 'the delete of nothing');
        expectSame(await textAt(store, 'a'), undefined, 'the value');
      }),
  },
  {
    name: 'of many clients that change one key at an expected version, one succeeds',
    run: (subject) =>
      withStores(subject, 4, async (...stores: Store[]) => {
        const version = await (stores[0] as Store).put('a', utf8('0'), soonEnough);
        const puts = stores.map((store, i) =>
          store.put('a', utf8(`by ${i}`), { ...soonEnough, expectedVersion: version }).then(
            () => i,
            () => undefined,
          ),
        );
        const winners = (await Promise.all(puts)).filter((i) => i !== undefined);
        expectSame(winners.length, 1, 'how many succeeded');
        expectSame(await textAt(stores[0] as Store, 'a'), `by ${winners[0]}`, 'the value');
      }),
  },
  {
    name: 'a closed store refuses calls',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        store.close();
        await expectCode(store.get('a', soonEnough), ['closed'], 'get');
        await expectCode(store.put('a', utf8(''), soonEnough), ['closed'], 'put');
        await expectCode(store.lease(2000, soonEnough), ['closed'], 'lease');
      }),
  },
];
