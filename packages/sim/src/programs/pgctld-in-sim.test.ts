import { defaultLimits, startPgctld, type Pgctld } from '@multigres/pgctld';
import { NetworkTransport } from '@multigres/rpc';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadGrammar } from '../model/postgres/sql/parser.ts';
import { calmWeather } from '../world/link.ts';
import { Weather, type SimNode } from '../world/weather.ts';
import { installPostgres } from './install.ts';
import type { PostgresSite } from './postmaster.ts';

beforeAll(loadGrammar);

interface Scene {
  readonly weather: Weather;
  readonly site: PostgresSite;
  readonly node: SimNode;
  pgctld: Pgctld | undefined;
  sleep(ms: number): Promise<void>;
  hands(): Promise<Pgctld['hands']>;
}

function scene(seed: string): Scene {
  const weather = new Weather({ seed, limitMs: 600_000, network: calmWeather });
  const site = installPostgres(weather, {
    onUnsupported: (text) => weather.kernel.fail('model', text),
    authentication: 'trust',
    startDelayMs: { least: 50, greatest: 100 },
  });
  let pid = 10;
  const made: Scene = {
    weather,
    site,
    pgctld: undefined,
    node: weather.node('pgctld-1', async (world) => {
      made.pgctld = await startPgctld(
        { world, rpc: new NetworkTransport(world) },
        {
          id: 'cell1/pg-1',
          pid: (pid += 1),
          binDirectory: '/usr/lib/postgresql/17/bin',
          directory: '/var/lib/multigres',
          socketDirectory: '/run/multigres',
          port: 5432,
          listenAddresses: ['*'],
          maxConnections: 100,
          keepRunning: true,
          limits: defaultLimits,
        },
        { kind: 'tcp', host: '0.0.0.0', port: 7000 },
      );
    }),
    sleep: (ms) => new Promise((resolve) => void weather.kernel.in(ms * 1000, 10, weather.kernel.god, resolve)),
    hands: async () => {
      made.pgctld = undefined;
      made.node.start();
      while (made.pgctld === undefined && weather.kernel.failures.length === 0) await made.sleep(10);
      return (made.pgctld as unknown as Pgctld).hands;
    },
  };
  return made;
}

async function run(seed: string, story: (made: Scene) => Promise<void>): Promise<void> {
  const made = scene(seed);
  let ended = false;
  await made.weather.kernel.run(async () => {
    await story(made);
    ended = true;
  });
  expect(made.weather.kernel.failures).toEqual([]);
  expect(ended).toBe(true);
}

const options = { superuser: 'postgres', encoding: 'UTF8', locale: undefined };

describe('the real pgctld on a simulated machine', () => {
  it('makes a data directory, starts a server on it, and finds it again after its own death', () =>
    run('life', async (made) => {
      const hands = await made.hands();
      expect(await hands.initDb(options)).toBe(true);
      await hands.start();
      const { pid } = await hands.status();
      made.node.kill();
      const again = await made.hands();
      expect((await again.status()).pid).toBe(pid);
      await again.stop('fast');
      expect(made.site.servers.size).toBe(0);
    }));

  it('starts a server again that was killed', () =>
    run('killed', async (made) => {
      const hands = await made.hands();
      await hands.initDb(options);
      await hands.start();
      const first = made.site.servers.get('pgctld-1');
      made.weather.machine('pgctld-1').processes.send(first?.pid ?? 0, 'SIGKILL');
      await made.sleep(5000);
      const second = made.site.servers.get('pgctld-1');
      expect(second?.pid).not.toBe(first?.pid);
      expect(second?.model.phase).toBe('up');
    }));

  it('is whole again after the power was lost at any moment', async () => {
    for (let at = 0; at < 40; at++) {
      await run(`power ${at}`, async (made) => {
        void made.hands().then(async (hands) => {
          await hands.initDb(options);
          await hands.start();
        });
        await made.sleep(at * 20);
        made.weather.powerOff('pgctld-1');
        made.weather.powerOn('pgctld-1');
        const hands = await made.hands();
        await hands.initDb(options);
        await hands.start();
        expect(made.site.servers.get('pgctld-1')?.model.phase).toBe('up');
      });
    }
  });
});
