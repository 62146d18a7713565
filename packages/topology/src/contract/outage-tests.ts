import { utf8 } from '@multigres/core';
import type { Store } from '../store.ts';
import { eventually, expect, expectCode, expectSame, Follower, soonEnough, textAt, withStores } from './expect.ts';
import type { StoreContractSubject, StoreContractTest } from './store-contract.ts';

/** Resolves when the store answers again. */
function answers(subject: StoreContractSubject, store: Store): Promise<void> {
  const asks = (): Promise<boolean> =>
    store.list('', { deadlineMs: 1000 }).then(
      () => true,
      () => false,
    );
  return eventually(subject.clock, asks, 'an answer after the outage');
}

const short = { deadlineMs: 500 } as const;

async function refusedCalls(subject: StoreContractSubject, store: Store): Promise<void> {
  await store.put('a', utf8('1'), soonEnough);
  await subject.outage('refusing');
  await expectCode(store.get('a', short), ['unavailable', 'timeout'], 'get');
  await expectCode(store.put('a', utf8('2'), short), ['unavailable', 'timeout'], 'put');
  const error = await expectCode(store.put('a', utf8('2'), short), ['unavailable', 'timeout'], 'put, again');
  expect(error.fate !== 'applied', 'a failed put is not called applied');
  await expectCode(store.lease(2000, short), ['unavailable', 'timeout'], 'lease');
  await subject.outage('none');
  await answers(subject, store);
  if (error.fate === 'notApplied') expectSame(await textAt(store, 'a'), '1', 'the value');
}

async function silentCalls(subject: StoreContractSubject, store: Store): Promise<void> {
  await store.put('a', utf8('1'), soonEnough);
  await subject.outage('silent');
  const startMs = subject.clock.nowMs();
  const read = expectCode(store.get('a', short), ['unavailable', 'timeout'], 'get');
  const change = expectCode(store.put('b', utf8('2'), short), ['unavailable', 'timeout'], 'put');
  const [{ fate }] = [await change, await read];
  const tookMs = subject.clock.nowMs() - startMs;
  expect(tookMs < 3000, `a call with a deadline of 500 ms took ${tookMs} ms`);
  expectSame(fate, 'unknown', 'the fate of a put that may have arrived');
  await subject.outage('none');
  await answers(subject, store);
  expectSame(await textAt(store, 'a'), '1', 'the value');
}

function watchThrough(kind: 'refusing' | 'silent'): StoreContractTest['run'] {
  return (subject) =>
    withStores(subject, 2, async (one: Store, two: Store) => {
      const { revision } = await one.list('', soonEnough);
      const follower = new Follower(one, 'p/', revision);
      await one.put('p/a', utf8('1'), soonEnough);
      await eventually(subject.clock, () => follower.heard.length === 1, 'the change before');
      await subject.outage(kind);
      await eventually(subject.clock, () => !follower.connected, 'the news of the outage');
      await subject.outage('none');
      await answers(subject, two);
      await two.put('p/b', utf8('2'), soonEnough);
      await two.delete('p/a', soonEnough);
      await eventually(subject.clock, () => follower.heard.length >= 3, 'the changes after');
      expectSame(follower.heard, ['put p/a=1', 'put p/b=2', 'delete p/a'], 'what was heard');
      expectSame([follower.connected, follower.ended], [true, undefined], 'the watch');
    });
}

export const outageTests: readonly StoreContractTest[] = [
  {
    name: 'calls to a store that refuses connections fail, and work again when it is back',
    run: (subject) => withStores(subject, 1, (store: Store) => refusedCalls(subject, store)),
  },
  {
    name: 'calls to a silent store end at their deadline, with an honest fate, and work again when it is back',
    run: (subject) => withStores(subject, 1, (store: Store) => silentCalls(subject, store)),
  },
  { name: 'a watch survives a restart, without loss or repetition', run: watchThrough('refusing') },
  { name: 'a watch survives a silence, without loss or repetition', run: watchThrough('silent') },
  {
    name: 'a watch that is opened during an outage starts when it is over',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const { revision } = await store.list('', soonEnough);
        await subject.outage('refusing');
        const follower = new Follower(store, '', revision);
        await subject.outage('none');
        await answers(subject, store);
        await store.put('a', utf8('1'), soonEnough);
        await eventually(subject.clock, () => follower.heard.length > 0, 'the change');
        expectSame([follower.heard, follower.connected], [['put a=1'], true], 'what was heard');
      }),
  },
  {
    name: 'a lease survives an outage that is longer than its time',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        const lease = await store.lease(2000, soonEnough);
        await store.put('a', utf8('x'), { ...soonEnough, lease });
        await subject.outage('refusing');
        await subject.clock.sleep(lease.ttlMs + 500);
        await subject.outage('none');
        await answers(subject, store);
        await subject.clock.sleep(1.5 * lease.ttlMs);
        expectSame([await textAt(store, 'a'), lease.lost], ['x', false], 'the entry and its lease');
      }),
  },
  {
    name: 'a lease whose client has gone during an outage ends after it',
    run: (subject) =>
      withStores(subject, 2, async (one: Store, two: Store) => {
        const lease = await one.lease(2000, soonEnough);
        await one.put('a', utf8('x'), { ...soonEnough, lease });
        await subject.outage('refusing');
        one.close();
        await subject.outage('none');
        await answers(subject, two);
        await eventually(subject.clock, async () => (await textAt(two, 'a')) === undefined, 'the end of the entry');
      }),
  },
  {
    name: 'a store that is closed during an outage ends its calls by their deadlines',
    run: (subject) =>
      withStores(subject, 1, async (store: Store) => {
        await store.put('a', utf8('1'), soonEnough);
        await subject.outage('silent');
        const call = expectCode(store.get('a', short), ['unavailable', 'timeout', 'closed'], 'get');
        store.close();
        await call;
        await subject.outage('none');
      }),
  },
];
