import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from 'node:net';
import { utf8, type Child, type Endpoint } from '@multigres/core';
import { Directory } from '@multigres/topology';
import { storeContract, type StoreContractSubject } from '@multigres/topology/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureTool } from '../toolbox/toolbox.ts';
import { hostWorld } from '../world.ts';
import { EtcdClient } from './etcd-client.ts';
import { EtcdStore } from './etcd-store.ts';
import { etcdTopology } from './etcd-topology.ts';
import { KV, Lease } from './gen/etcdserverpb/rpc_pb.ts';

const world = hostWorld();
const fetchMsMax = 180_000;

type TcpEndpoint = Extract<Endpoint, { kind: 'tcp' }>;

async function freePort(): Promise<TcpEndpoint> {
  const any = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const listener = await world.network.listen(any, (connection) => connection.destroy());
  await listener.close();
  return listener.endpoint as TcpEndpoint;
}

function listens(endpoint: TcpEndpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(endpoint.port, endpoint.host);
    const end = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}

/** An etcd of the test's own, on free ports in a folder of its own. */
class Etcd {
  readonly endpoint: TcpEndpoint;
  readonly #program: string;
  readonly #args: readonly string[];
  #child: Child | undefined;
  #stopped = false;

  constructor(program: string, folder: string, endpoint: TcpEndpoint, peer: TcpEndpoint, more: readonly string[] = []) {
    this.endpoint = endpoint;
    this.#program = program;
    const url = (at: TcpEndpoint): string => `http://${at.host}:${at.port}`;
    this.#args = [
      ['--name', 'test'],
      ['--data-dir', path.join(folder, 'data')],
      ['--listen-client-urls', url(endpoint)],
      ['--advertise-client-urls', url(endpoint)],
      ['--listen-peer-urls', url(peer)],
      ['--initial-advertise-peer-urls', url(peer)],
      ['--initial-cluster', `test=${url(peer)}`],
      ['--log-level', 'error'],
      ['--unsafe-no-fsync'],
      more,
    ].flat();
  }

  async start(): Promise<void> {
    const child = await world.processes.spawn({ program: this.#program, args: this.#args });
    this.#child = child;
    let ended = false;
    void child.exited.then(() => (ended = true));
    const lateMs = world.clock.nowMs() + 20_000;
    while (!(await listens(this.endpoint))) {
      if (ended || world.clock.nowMs() > lateMs) throw new Error('etcd did not start');
      await world.clock.sleep(20);
    }
  }

  async kill(): Promise<void> {
    this.#child?.signal('SIGKILL');
    await this.#child?.exited;
    this.#child = undefined;
    this.#stopped = false;
  }

  async outage(kind: 'none' | 'refusing' | 'silent'): Promise<void> {
    if (kind === 'refusing') await this.kill();
    if (kind === 'silent') {
      this.#child?.signal('SIGSTOP');
      this.#stopped = true;
      await silence();
    }
    if (kind !== 'none') return;
    if (this.#stopped) this.#child?.signal('SIGCONT');
    this.#stopped = false;
    if (this.#child === undefined) await this.start();
  }
}

/** A signal takes effect a little later than it is sent: resolves when etcd has twice not answered. */
async function silence(): Promise<void> {
  const probe = { deadlineMs: 300, kind: 'read' } as const;
  for (let unanswered = 0; unanswered < 2;) {
    const answered = await admin.unary(KV.method.range, { key: utf8('x') }, probe).then(
      () => true,
      () => false,
    );
    unanswered = answered ? 0 : unanswered + 1;
  }
}

let program = '';
let folder = '';
let etcd: Etcd;
let admin: EtcdClient;

beforeAll(async () => {
  program = path.join((await ensureTool('etcd')).bin, 'etcd');
  folder = await mkdtemp(path.join(tmpdir(), 'mg-etcd-'));
  etcd = new Etcd(program, path.join(folder, 'main'), await freePort(), await freePort());
  await etcd.start();
  admin = new EtcdClient(world.clock, [etcd.endpoint]);
}, fetchMsMax);

afterAll(async () => {
  admin.close();
  await etcd.kill();
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
    outage: (kind) => etcd.outage(kind),
  };
}

describe('the contract of the store, on etcd', () => {
  storeContract.forEach((test, i) => {
    it(test.name, { timeout: 60_000 }, () => test.run(subjectFor(`/contract/${i}/`)));
  });
});

describe('etcd', () => {
  it('is reached through the next member when the first does not answer', { timeout: 30_000 }, async () => {
    const nobody = await freePort();
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
    const small = new Etcd(program, path.join(folder, 'small'), await freePort(), await freePort(), quota);
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
      await small.kill();
    }
  });

  it('tells at once, and honestly, when nobody is there', async () => {
    const store = new EtcdStore(world, { endpoints: [await freePort()], root: '/none/' });
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
