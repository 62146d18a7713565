import { utf8, utf8Text } from '@multigres/core';
import { noRevision } from '@multigres/topology';
import { storeContract } from '@multigres/topology/contract';
import { describe, expect, it } from 'vitest';
import { calmWeather, type NetworkWeather } from '../../world/link.ts';
import { Weather } from '../../world/weather.ts';
import { EtcdModel } from './etcd-model.ts';
import { EtcdStore } from './etcd-store.ts';

const soon = { deadlineMs: 3000 } as const;

interface Scene {
  readonly weather: Weather;
  readonly model: EtcdModel;
  connect(): EtcdStore;
}

function scene(seed: string, members: number, network: NetworkWeather = calmWeather): Scene {
  const weather = new Weather({ seed, limitMs: 600_000, network });
  const machines = Array.from({ length: members }, (_, i) => `etcd-${i + 1}`);
  const model = new EtcdModel(weather, 'etcd', machines);
  const machine = weather.machine('client');
  const life = weather.life('client');
  const { clock, random } = weather.world(life, machine);
  model.start();
  return {
    weather,
    model,
    connect: () => new EtcdStore(model, { life, machine: 'client', clock, random }, 'root/'),
  };
}

async function run(seed: string, members: number, story: (scene: Scene) => Promise<void>): Promise<void> {
  const made = scene(seed, members);
  let ended = false;
  await made.weather.kernel.run(async () => {
    await story(made);
    ended = true;
  });
  expect(made.weather.kernel.failures).toEqual([]);
  expect(ended).toBe(true);
}

const weathers: Record<string, NetworkWeather> = {
  calm: calmWeather,
  'slow and jittery': { ...calmWeather, delayUs: 2000, jitterUs: 3000, turnUs: 1000 },
};

for (const [kind, network] of Object.entries(weathers)) {
  for (const members of [1, 3]) {
    describe(`the contract of the store, on ${members} simulated etcd, ${kind}`, () => {
      it.each(storeContract.map((test) => ({ name: test.name, test })))('$name', async ({ test, name }) => {
        const { weather, model, connect } = scene(name, members, network);
        const { kernel } = weather;
        const { clock } = weather.world(weather.life('test'), weather.machine('client'));
        await kernel.run(() =>
          test.run({
            clock,
            connect,
            compact: async () => model.core.compact(),
            endLease: async (id) => model.core.revoke(id),
            outage: async (outage) => {
              for (const { node } of model.members) {
                if (outage === 'refusing') node.kill();
                if (outage === 'silent' && node.life) kernel.pause(node.life, Number.POSITIVE_INFINITY);
                if (outage !== 'none') continue;
                if (node.life?.alive) kernel.resume(node.life);
                else node.start();
              }
            },
          }),
        );
        expect(kernel.failures).toEqual([]);
      });
    });
  }
}

describe('simulated etcd', () => {
  it('serves while a majority is there, and nobody without one', () =>
    run('majority', 3, async ({ model, connect }) => {
      const store = connect();
      model.members[0]?.node.kill();
      await store.put('a', utf8('1'), soon);
      model.members[1]?.node.kill();
      await expect(store.put('a', utf8('2'), { deadlineMs: 500 })).rejects.toMatchObject({ code: 'timeout' });
      await expect(store.get('a', { deadlineMs: 500 })).rejects.toMatchObject({ code: 'timeout' });
      model.members[1]?.node.start();
      let text: string | undefined;
      for (let tries = 0; text === undefined && tries < 5; tries++) {
        text = await store
          .get('a', soon)
          .then((entry) => utf8Text(entry?.value ?? new Uint8Array(0)))
          .catch(() => undefined);
      }
      expect(text).toBe('1');
    }));

  it('has no use for a member that is cut off from the others', () =>
    run('cut off', 3, async ({ weather, model, connect }) => {
      for (const other of ['etcd-2', 'etcd-3']) {
        weather.network.links.cut('etcd-1', other);
        weather.network.links.cut(other, 'etcd-1');
      }
      expect(model.members.map((member) => model.hasQuorum(member))).toEqual([false, true, true]);
      const store = connect();
      let acknowledged = 0;
      for (let i = 0; i < 4; i++) {
        await store.put(`k${i}`, utf8('x'), { deadlineMs: 500 }).then(
          () => (acknowledged += 1),
          () => undefined,
        );
      }
      expect(acknowledged).toBeGreaterThanOrEqual(3);
    }));

  it('answers with what was, where it is told to be stale, and changes nothing by it', () =>
    run('stale', 1, async ({ model, connect }) => {
      const store = connect();
      const old = await store.put('a', utf8('old'), soon);
      const [member] = model.members;
      if (member === undefined) throw new Error('no member');
      model.freeze(member, true);
      await store.put('a', utf8('new'), soon);
      expect((await store.get('a', soon))?.version).toBe(old);
      await expect(store.put('a', utf8('newer'), { ...soon, expectedVersion: old })).rejects.toMatchObject({
        code: 'versionMismatch',
      });
      model.freeze(member, false);
      expect(utf8Text((await store.get('a', soon))?.value ?? new Uint8Array(0))).toBe('new');
    }));

  it('ends leases late when told so, and never early', () =>
    run('late leases', 1, async ({ weather, model, connect }) => {
      const keeper = connect();
      const other = connect();
      model.leasesLateMs = 60_000;
      const lease = await keeper.lease(2000, soon);
      await keeper.put('a', utf8('x'), { ...soon, lease });
      keeper.close();
      const startMs = weather.kernel.nowMs;
      while ((await other.get('a', soon)) !== undefined) {
        await new Promise<void>((resolve) => void weather.kernel.in(200_000, 1, weather.kernel.god, resolve));
      }
      expect(weather.kernel.nowMs - startMs).toBeGreaterThan(2000);
    }));

  it('lets watches go on elsewhere after it has cancelled them', () =>
    run('cancelled', 3, async ({ weather, model, connect }) => {
      const store = connect();
      const heard: string[] = [];
      const news: boolean[] = [];
      store.watch('', noRevision, {
        changed: (changes) => heard.push(...changes.map((change) => (change.kind === 'put' ? change.entry.key : '-'))),
        connected: (yes) => news.push(yes),
        ended: () => heard.push('ended'),
      });
      const pause = (): Promise<void> =>
        new Promise((resolve) => void weather.kernel.in(4_000_000, 1, weather.kernel.god, resolve));
      await store.put('a', utf8('1'), soon);
      await pause();
      model.cancelWatches();
      await store.put('b', utf8('1'), soon);
      await pause();
      expect(heard).toEqual(['a', 'b']);
      expect(news).toEqual([true, false, true]);
    }));
});
