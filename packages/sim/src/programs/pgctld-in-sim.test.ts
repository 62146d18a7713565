import { utf8, type World } from '@multigres/core';
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
  const site = installPostgres(weather, () => ({
    onUnsupported: (text) => weather.kernel.fail('model', text),
    authentication: 'trust',
    startDelayMs: { least: 50, greatest: 100 },
  }));
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
      expect(made.site.servers.get('pgctld-1')?.life.alive).toBe(false);
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

describe('programs that copy', () => {
  it('clone a running server, and rewind what has gone another way', () =>
    run('copies', async ({ weather, site, sleep }) => {
      const worldOf = (name: string): World => weather.world(weather.life(name), weather.machine(name));
      const [one, two] = [worldOf('one'), worldOf('two')];
      const limits = { timeoutMs: 60_000 };
      const until = async (holds: () => boolean): Promise<void> => {
        for (let looks = 0; !holds() && looks < 500; looks++) await sleep(20);
      };
      const isUp = (name: string): boolean => site.servers.get(name)?.model.phase === 'up';
      for (const world of [one, two]) {
        await world.disk.makeDirectory('/d');
        await world.disk.makeDirectory('/run');
      }
      const server = ['-D', '/d/data', '-c', 'unix_socket_directories=/run', '-c', 'wal_retrieve_retry_interval=100ms'];
      const serve = (world: World): Promise<unknown> => world.processes.spawn({ program: 'postgres', args: server });
      await one.processes.run({ program: 'initdb', args: ['--pgdata=/d/data'] }, limits);
      await serve(one);
      await until(() => isUp('one'));
      const copy = await two.processes.run(
        { program: 'pg_basebackup', args: ['--pgdata=/d/data', '--dbname=host=one user=postgres'] },
        limits,
      );
      expect(copy.exit).toEqual({ kind: 'code', code: 0 });
      await two.disk.write('/d/data/standby.signal', new Uint8Array(0));
      await two.disk.write('/d/data/postgresql.auto.conf', utf8("primary_conninfo = 'host=one user=postgres'\n"));
      await serve(two);
      await until(() => isUp('two'));
      expect(site.servers.get('two')?.model.inspect.isInRecovery()).toBe(true);
      await two.disk.write('/d/data/promote', new Uint8Array(0));
      weather.machine('two').processes.send(site.servers.get('two')?.pid ?? 0, 'SIGUSR1');
      await until(() => site.servers.get('two')?.model.inspect.isInRecovery() === false);
      await sleep(100);
      expect(weather.machine('two').disk.hasFile('/d/data/standby.signal')).toBe(false);
      weather.machine('one').processes.send(site.servers.get('one')?.pid ?? 0, 'SIGINT');
      await until(() => site.servers.get('one')?.life.alive === false);
      const rewound = await one.processes.run(
        { program: 'pg_rewind', args: ['--target-pgdata=/d/data', '--source-server=host=two user=postgres'] },
        limits,
      );
      expect(`${rewound.stdout}${rewound.stderr}`).toContain('diverged at WAL location');
      expect(rewound.exit).toEqual({ kind: 'code', code: 0 });
    }));
});
