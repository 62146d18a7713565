import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { utf8, utf8Text } from '@multigres/core';
import { storeContract, type StoreContractSubject } from '@multigres/topology/contract';
import { TopologyError, type Change } from '@multigres/topology';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ensureTool } from '../toolbox/toolbox.ts';
import { hostWorld } from '../world.ts';
import { EtcdClient } from './etcd-client.ts';
import { EtcdStore } from './etcd-store.ts';
import { KV, Lease } from './gen/etcdserverpb/rpc_pb.ts';
import { freePort, OwnEtcd, type OwnEtcdPlace } from './testing/own-etcd.ts';

const world = hostWorld();
const fetchMsMax = 180_000;
const change = { deadlineMs: 5000, kind: 'change' } as const;

let folder = '';
let members: readonly OwnEtcd[] = [];
let admin: EtcdClient;

async function allStarted(): Promise<void> {
  for (const member of members) member.continue();
  await Promise.all(members.map((member) => member.start()));
}

beforeAll(async () => {
  const program = path.join((await ensureTool('etcd')).bin, 'etcd');
  folder = await mkdtemp(path.join(tmpdir(), 'mg-etcd-'));
  const places: OwnEtcdPlace[] = [];
  for (const name of ['one', 'two', 'three']) {
    places.push({ program, folder, name, client: await freePort(world), peer: await freePort(world) });
  }
  members = places.map((place) => new OwnEtcd(world, place, places));
  await allStarted();
  admin = new EtcdClient(
    world.clock,
    members.map(({ endpoint }) => endpoint),
  );
}, fetchMsMax);

afterAll(async () => {
  admin.close();
  for (const member of members) await member.end();
  await rm(folder, { recursive: true, force: true });
});

const connect = (root: string): EtcdStore =>
  new EtcdStore(world, { endpoints: members.map(({ endpoint }) => endpoint), root });

/** An outage takes the quorum away: two members are killed and the third refuses, or all are stuck. */
function subjectFor(root: string): StoreContractSubject {
  return {
    clock: world.clock,
    connect: () => connect(root),
    compact: async () => {
      const range = await admin.unary(KV.method.range, { key: utf8('x') }, { ...change, kind: 'read' });
      await admin.unary(KV.method.compact, { revision: range.header?.revision ?? 0n }, change);
    },
    endLease: async (id) => {
      await admin.unary(Lease.method.leaseRevoke, { ID: BigInt(id) }, change);
    },
    outage: async (kind) => {
      if (kind === 'refusing') for (const member of members.slice(0, 2)) await member.kill();
      if (kind === 'silent') await Promise.all(members.map((member) => member.stop()));
      if (kind === 'none') await allStarted();
    },
  };
}

beforeEach(async () => {
  await allStarted();
  await expect
    .poll(() => Promise.all(members.map((member) => member.answers())), { timeout: 20_000 })
    .toEqual([true, true, true]);
}, 30_000);

describe('the contract of the store, on an etcd of three members', () => {
  storeContract.forEach((test, i) => {
    it(test.name, { timeout: 60_000 }, () => test.run(subjectFor(`/three/${i}/`)));
  });
});

/** Repeats a change until it is answered: while members vote, an answer may not come in time. */
async function putAgain(store: EtcdStore, key: string, value: string): Promise<void> {
  await expect
    .poll(
      () =>
        store.put(key, utf8(value), { deadlineMs: 1000 }).then(
          () => 'done',
          (error: unknown) => String(error),
        ),
      { timeout: 20_000, interval: 50 },
    )
    .toBe('done');
}

describe('an etcd of three members', () => {
  it('goes on without any one of them, loses nothing, and its watches miss nothing', { timeout: 60_000 }, async () => {
    const store = connect('/one-away/');
    const { revision } = await store.list('', { deadlineMs: 5000 });
    const heard: string[] = [];
    const note = (each: Change): void => void heard.push(each.kind === 'put' ? utf8Text(each.entry.value) : 'deleted');
    store.watch('', revision, { changed: (changes) => changes.forEach(note), connected: () => {}, ended: () => {} });
    for (const [i, member] of members.entries()) {
      await putAgain(store, 'a', `before ${i}`);
      await member.kill();
      await putAgain(store, 'b', `without ${i}`);
      const read = (key: string): Promise<string> =>
        store.get(key, { deadlineMs: 2000 }).then(
          (entry) => utf8Text(entry?.value ?? new Uint8Array()),
          () => 'nothing',
        );
      await expect.poll(() => read('a'), { timeout: 20_000 }).toBe(`before ${i}`);
      await expect.poll(() => read('b'), { timeout: 20_000 }).toBe(`without ${i}`);
      await member.start();
      await expect.poll(() => member.answers(), { timeout: 20_000 }).toBe(true);
    }
    const wanted = [0, 1, 2].flatMap((i) => [`before ${i}`, `without ${i}`]);
    await expect.poll(() => [...new Set(heard)], { timeout: 20_000 }).toEqual(wanted);
    store.close();
  });

  it('refuses honestly without two of them, and goes on when they are back', { timeout: 60_000 }, async () => {
    const store = connect('/two-away/');
    await putAgain(store, 'a', 'before');
    for (const member of members.slice(1)) await member.kill();
    const fates: string[] = [];
    for (let i = 0; i < 3; i++) {
      const startMs = world.clock.nowMs();
      const error: unknown = await store
        .put('a', utf8('meanwhile'), { deadlineMs: 1000 })
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TopologyError);
      fates.push((error as TopologyError).fate);
      expect(world.clock.nowMs() - startMs).toBeLessThan(3000);
    }
    await expect(store.get('a', { deadlineMs: 1000 })).rejects.toBeInstanceOf(TopologyError);
    await allStarted();
    const text = async (): Promise<string> => {
      const entry = await store.get('a', { deadlineMs: 1000 }).catch(() => undefined);
      return utf8Text(entry?.value ?? new Uint8Array());
    };
    const allowed = fates.includes('unknown') ? /^(?:before|meanwhile)$/ : /^before$/;
    await expect.poll(text, { timeout: 20_000 }).toMatch(allowed);
    expect(fates).not.toContain('applied');
    await putAgain(store, 'a', 'after');
    expect(await text()).toBe('after');
    store.close();
  });
});
