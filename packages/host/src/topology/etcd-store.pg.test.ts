import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { utf8 } from '@multigres/core';
import { Directory } from '@multigres/topology';
import { storeContract, type StoreContractSubject } from '@multigres/topology/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureTool } from '../toolbox/toolbox.ts';
import { hostWorld } from '../world.ts';
import { EtcdClient } from './etcd-client.ts';
import { EtcdStore } from './etcd-store.ts';
import { etcdTopology } from './etcd-topology.ts';
import { KV, Lease } from './gen/etcdserverpb/rpc_pb.ts';
import { freePort, OwnEtcd, type OwnEtcdPlace } from './testing/own-etcd.ts';

const world = hostWorld();
const fetchMsMax = 180_000;

let program = '';
let folder = '';
let etcd: OwnEtcd;
let admin: EtcdClient;

async function place(name: string): Promise<OwnEtcdPlace> {
  return { program, folder, name, client: await freePort(world), peer: await freePort(world) };
}

beforeAll(async () => {
  program = path.join((await ensureTool('etcd')).bin, 'etcd');
  folder = await mkdtemp(path.join(tmpdir(), 'mg-etcd-'));
  etcd = new OwnEtcd(world, await place('main'));
  await etcd.start();
  admin = new EtcdClient(world.clock, [etcd.endpoint]);
}, fetchMsMax);

afterAll(async () => {
  admin.close();
  await etcd.end();
  await rm(folder, { recursive: true, force: true });
});

const change = { deadlineMs: 5000, kind: 'change' } as const;

function subjectFor(root: string): StoreContractSubject {
  return {
    clock: world.clock,
    connect: () => new EtcdStore(world, { endpoints: [etcd.endpoint], root }),
    compact: async () => {
      const range = await admin.unary(KV.method.range, { key: utf8('x') }, { ...change, kind: 'read' });
      await admin.unary(KV.method.compact, { revision: range.header?.revision ?? 0n }, change);
    },
    endLease: async (id) => {
      await admin.unary(Lease.method.leaseRevoke, { ID: BigInt(id) }, change);
    },
    outage: async (kind) => {
      if (kind === 'refusing') await etcd.kill();
      if (kind === 'silent') await etcd.stop();
      if (kind !== 'none') return;
      etcd.continue();
      await etcd.start();
    },
  };
}

describe('the contract of the store, on etcd', () => {
  storeContract.forEach((test, i) => {
    it(test.name, { timeout: 60_000 }, () => test.run(subjectFor(`/contract/${i}/`)));
  });
});

describe('etcd', () => {
  it('is reached through the next member when the first does not answer', { timeout: 30_000 }, async () => {
    const nobody = await freePort(world);
    const store = new EtcdStore(world, { endpoints: [nobody, etcd.endpoint], root: '/second/' });
    await store.put('a', utf8('x'), { deadlineMs: 5000 });
    await store.put('b', new Uint8Array(1_000_000), { deadlineMs: 5000 });
    expect((await store.get('a', { deadlineMs: 5000 }))?.value).toEqual(utf8('x'));
    store.close();
  });

  it('refuses a value over its limit, and it was not applied', { timeout: 30_000 }, async () => {
    const store = new EtcdStore(world, { endpoints: [etcd.endpoint], root: '/large/' });
    for (const bytes of [1_600_000, 3_000_000]) {
      const put = store.put('a', new Uint8Array(bytes), { deadlineMs: 5000 });
      await expect(put).rejects.toMatchObject({ code: 'tooLarge', fate: 'notApplied' });
    }
    store.close();
  });

  it('says so when it is out of space, and still answers', { timeout: 60_000 }, async () => {
    const quota = ['--quota-backend-bytes', '1000000'];
    const at = await place('small');
    const small = new OwnEtcd(world, at, [at], quota);
    await small.start();
    const store = new EtcdStore(world, { endpoints: [small.endpoint], root: '/small/' });
    try {
      let refusal: unknown;
      for (let i = 0; refusal === undefined && i < 100; i++) {
        const put = store.put(`k${i}`, new Uint8Array(100_000), { deadlineMs: 5000 });
        refusal = await put.then(
          () => undefined,
          (error: unknown) => error,
        );
      }
      expect(refusal).toMatchObject({ code: 'full', fate: 'notApplied' });
      expect((await store.list('', { deadlineMs: 5000 })).entries.length).toBeGreaterThan(0);
    } finally {
      store.close();
      await small.end();
    }
  });

  it('tells at once, and honestly, when nobody is there', async () => {
    const store = new EtcdStore(world, { endpoints: [await freePort(world)], root: '/none/' });
    const put = store.put('a', utf8('x'), { deadlineMs: 60_000 });
    await expect(put).rejects.toMatchObject({ code: 'unavailable', fate: 'notApplied' });
    store.close();
  });

  it('keeps the records of a cluster, each cell apart from the others', { timeout: 30_000 }, async () => {
    const topology = etcdTopology(world, {
      root: '/cluster',
      global: [etcd.endpoint],
      cells: { one: [etcd.endpoint], two: [etcd.endpoint] },
    });
    const directory = new Directory(world, topology);
    const here = directory.watchPoolers('one');
    const elsewhere = directory.watchPoolers('two');
    const registration = directory.registerPooler({ id: { cell: 'one', name: 'p1' }, databases: ['app'] });
    expect(await registration.whenRegistered(10_000)).toBe(true);
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (here.records.size === 1) resolve();
      };
      here.onChange(look);
      look();
    });
    expect(await elsewhere.whenSynced(10_000)).toBe(true);
    expect([[...here.records.keys()], elsewhere.records.size]).toEqual([['p1'], 0]);
    await registration.close({ deadlineMs: 5000 });
    expect(await directory.poolers('one').get('p1', { deadlineMs: 5000 })).toBeUndefined();
    for (const view of [here, elsewhere]) view.close();
    topology.close();
  });
});
