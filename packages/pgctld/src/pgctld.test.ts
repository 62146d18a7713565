import { utf8, utf8Text, type Endpoint, type PgError, type World } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { NetworkTransport, PgctldService, ServerState, client } from '@multigres/rpc';
import { describe, expect, test } from 'vitest';
import type { CloneOptions } from './clone.ts';
import { defaultLimits, type PgctldConfig } from './config.ts';
import type { SourceEndpoint } from './conninfo.ts';
import { fakePostgres, type FakePostgres } from './fake/fake-postgres.ts';
import { mortalWorld } from './fake/mortal-world.ts';
import { defaultInit } from './initialize.ts';
import { startPgctld, type Pgctld, type PostgresHands } from './pgctld.ts';

const listen: Endpoint = { kind: 'tcp', host: '127.0.0.1', port: 0 };

const config: PgctldConfig = {
  id: 'pg-1',
  pid: 1,
  binDirectory: '/bin17',
  directory: '/home',
  socketDirectory: '/run',
  port: 5432,
  listenAddresses: [],
  maxConnections: 100,
  superuserPassword: 'secret',
  keepRunning: false,
  member: false,
  limits: defaultLimits,
};

interface Stage {
  readonly world: QuietWorld;
  readonly fake: FakePostgres;
  start(over?: Partial<PgctldConfig>, world?: World): Promise<Pgctld>;
}

function stage(): Stage {
  const world = quietWorld();
  const fake = fakePostgres(world, config.binDirectory);
  const start = (over: Partial<PgctldConfig> = {}, mine: World = world): Promise<Pgctld> =>
    world.until(startPgctld({ world: mine, rpc: new NetworkTransport(mine) }, { ...config, ...over }, listen));
  return { world, fake, start };
}

const refused = (promise: Promise<unknown>): Promise<PgError> =>
  promise.then(
    () => Promise.reject(new Error('it was not refused')),
    (error: PgError) => error,
  );

describe('pgctld', () => {
  test('makes a data directory, starts, tells, stops, over RPC', async () => {
    const { world, start } = stage();
    const pgctld = await start();
    const calls = client(PgctldService, new NetworkTransport(world).connect(pgctld.endpoint));
    const patience = { deadlineMs: 60_000 };
    const made = await world.until(calls.initDb({}, patience));
    expect([made.created, made.status?.state]).toEqual([true, ServerState.STOPPED]);
    expect((await world.until(calls.initDb({}, patience))).created).toBe(false);
    const { status } = await world.until(calls.start({}, patience));
    expect(status).toMatchObject({
      state: ServerState.RUNNING,
      port: 5432,
      version: '17.5 (Fake)',
      versionNumber: 170_005,
      systemIdentifier: 7123456789012345678n,
      startedMs: 1_700_000_000_000n,
    });
    const stopped = await world.until(calls.stop({}, patience));
    expect(stopped.status?.state).toBe(ServerState.STOPPED);
  });

  test('leaves neither password nor half a directory behind', async () => {
    const { world, start } = stage();
    const pgctld = await start();
    await world.until(pgctld.hands.initDb(defaultInit));
    expect(await world.disk.list('/home')).toEqual(['data', 'pgctld.lock', 'server.json']);
  });

  test('quotes the log when the server would not start', async () => {
    const { world, fake, start } = stage();
    const pgctld = await start();
    await world.until(pgctld.hands.initDb(defaultInit));
    fake.refuses = 'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\nFATAL:  no sockets';
    const error = await world.until(refused(pgctld.hands.start()));
    expect(error.report).toMatchObject({
      message: 'Postgres cannot start: its address 127.0.0.1 is in use',
      detail: expect.stringContaining('FATAL:  no sockets'),
    });
    fake.refuses = undefined;
    await world.until(pgctld.hands.start());
    expect(fake.alive.size).toBe(1);
  });

  test('answers a start that takes too long, and does not disturb it', async () => {
    const { world, fake, start } = stage();
    const pgctld = await start();
    await world.until(pgctld.hands.initDb(defaultInit));
    fake.startMs = 90_000;
    expect((await world.until(refused(pgctld.hands.start()))).sqlstate).toBe('57P03');
    await world.until(pgctld.hands.start());
    expect(fake.starts).toBe(1);
  });

  test('grows forceful with a server that does not hear', async () => {
    const { world, fake, start } = stage();
    const pgctld = await start();
    await world.until(pgctld.hands.initDb(defaultInit));
    await world.until(pgctld.hands.start());
    fake.deaf = ['SIGINT', 'SIGQUIT'];
    const before = world.clock.nowMs();
    await world.until(pgctld.hands.stop('fast'));
    expect(world.clock.nowMs() - before).toBeGreaterThanOrEqual(70_000);
    const status = await world.until(pgctld.hands.status());
    expect(status.state).toBe(ServerState.CRASHED);
  });

  test('adopts a server that runs already, and can stop it', async () => {
    const { world, fake, start } = stage();
    const first = await start();
    await world.until(first.hands.initDb(defaultInit));
    await world.until(first.hands.start());
    await world.until(first.close());
    const second = await start({ pid: 2 });
    await world.until(second.hands.start());
    expect([fake.starts, fake.alive.size]).toEqual([1, 1]);
    await world.until(second.hands.stop('fast'));
    expect(fake.alive.size).toBe(0);
  });

  test('starts a crashed server again if it is to be kept running', async () => {
    const { world, fake, start } = stage();
    const pgctld = await start({ keepRunning: true });
    await world.until(pgctld.hands.initDb(defaultInit));
    await world.until(pgctld.hands.start());
    for (const pid of fake.alive) world.processes.signal(pid, 'SIGKILL');
    await world.advance(10_000);
    expect(fake.starts).toBe(2);
    expect((await world.until(pgctld.hands.status())).state).toBe(ServerState.RUNNING);
  });

  test('never touches a directory that is not a data directory', async () => {
    const { world, start } = stage();
    await world.disk.makeDirectory('/home/data');
    await world.disk.write('/home/data/letter.txt', utf8('dear mother'));
    const pgctld = await start();
    expect((await world.until(refused(pgctld.hands.initDb(defaultInit)))).sqlstate).toBe('55000');
    expect(utf8Text(await world.disk.read('/home/data/letter.txt'))).toBe('dear mother');
  });

  test('refuses data of another major version', async () => {
    const { world, fake, start } = stage();
    const pgctld = await start();
    await world.until(pgctld.hands.initDb(defaultInit));
    await world.until(pgctld.close());
    fake.version = '18.1';
    const newer = await start({ pid: 2 });
    const error = await world.until(refused(newer.hands.start()));
    expect(error.message).toBe(
      'data directory "/home/data" was made by PostgreSQL 17, which PostgreSQL 18 cannot read',
    );
  });

  test.each(['9.6.24', '14.12', '19.0'])('refuses PostgreSQL %s by name', async (version) => {
    const { fake, start } = stage();
    fake.version = version;
    expect((await refused(start())).message).toContain(`PostgreSQL version ${version}`);
  });

  test('gives way to another one that has the directory', async () => {
    const { world, start } = stage();
    world.program('other-pgctld', () => undefined);
    const other = await world.processes.spawn({ program: 'other-pgctld', args: [] });
    await start({ pid: other.pid });
    const error = await refused(start({ pid: 2 }));
    expect(error.message).toBe(`directory "/home" is in use by another pgctld (process ${other.pid})`);
  });

  test('starts nothing any more when another one has taken the directory over', async () => {
    const { world, fake, start } = stage();
    const first = await start();
    await world.until(first.hands.initDb(defaultInit));
    await start({ pid: 2 });
    expect((await world.until(refused(first.hands.start()))).sqlstate).toBe('55000');
    expect(fake.starts).toBe(0);
  });
});

const member = { member: true, keepRunning: true, replicationPassword: 'a:b' } as const;

describe('a member', () => {
  const roleOf = (fake: FakePostgres): string =>
    fake.alive.size === 0 ? 'none' : fake.standbys.size > 0 ? 'standby' : 'primary';
  const kill = (world: QuietWorld, fake: FakePostgres): void => {
    for (const pid of fake.alive) world.processes.signal(pid, 'SIGKILL');
    fake.alive.clear();
    fake.standbys.clear();
  };

  async function ledOnce(over: Partial<PgctldConfig> = member): Promise<Stage & { readonly pgctld: Pgctld }> {
    const place = stage();
    const pgctld = await place.start(over);
    await place.world.until(pgctld.hands.initDb({ ...defaultInit, incarnation: '00000000000000aa' }));
    await place.world.until(pgctld.hands.start());
    await place.world.until(pgctld.hands.promote());
    return { ...place, pgctld };
  }

  test('starts as a standby though nobody has said so, and is a primary when it was promoted', async () => {
    const { world, fake, start } = stage();
    const { hands } = await start(member);
    await world.until(hands.initDb(defaultInit));
    await world.until(hands.start());
    expect([roleOf(fake), (await world.until(hands.status())).standby]).toEqual(['standby', true]);
    await world.until(hands.promote());
    expect(roleOf(fake)).toBe('primary');
    await world.until(hands.promote());
    await world.until(hands.start({ standby: true }));
    expect(roleOf(fake)).toBe('primary');
  });

  test('is a standby again after its server was killed, and after a restart', async () => {
    const { world, fake, pgctld } = await ledOnce();
    kill(world, fake);
    await world.advance(2_000);
    expect([fake.starts, roleOf(fake)]).toEqual([2, 'standby']);
    await world.until(pgctld.hands.promote());
    await world.until(pgctld.hands.restart('fast'));
    expect(roleOf(fake)).toBe('standby');
  });

  test('is started again at once the first time', async () => {
    const { world, fake } = await ledOnce();
    await world.advance(20_000);
    kill(world, fake);
    await world.advance(fake.startMs + 50);
    expect(roleOf(fake)).toBe('standby');
  });

  test('that led forgets whom it followed and who had to acknowledge, and keeps what else was set', async () => {
    const { world, pgctld } = await ledOnce();
    const file = '/home/data/postgresql.auto.conf';
    const mine = "work_mem = '7MB'\n";
    await world.disk.write(file, utf8(`primary_conninfo = 'host=a'\n${mine}synchronous_standby_names = ''\n`));
    await world.until(pgctld.hands.restart('fast'));
    expect(utf8Text(await world.disk.read(file))).toBe(mine);
  });

  test('that follows still follows after a restart', async () => {
    const { world, start } = stage();
    const { hands } = await start(member);
    await world.until(hands.initDb(defaultInit));
    await world.until(hands.start());
    const following = "primary_conninfo = 'host=a'\n";
    await world.disk.write('/home/data/postgresql.auto.conf', utf8(following));
    await world.until(hands.restart('fast'));
    expect(utf8Text(await world.disk.read('/home/data/postgresql.auto.conf'))).toBe(following);
  });

  test('keeps its incarnation beside the data directory, where no backup brings another one', async () => {
    const { world, start, pgctld } = await ledOnce();
    expect((await world.until(pgctld.hands.status())).incarnation).toBe('00000000000000aa');
    await world.until(pgctld.hands.stop('fast'));
    await world.until(pgctld.close());
    const heir = await start({ ...member, pid: 2 });
    expect((await world.until(heir.hands.status())).incarnation).toBe('00000000000000aa');
    await world.disk.remove('/home/data', { recursive: true });
    const lost = await world.until(heir.hands.status());
    expect([lost.state, lost.incarnation]).toEqual([ServerState.NOT_INITIALIZED, '']);
  });

  test.each([
    ['has no mark, as from a base backup', undefined],
    ["has another one's mark", 'ffffffffffffffff\n'],
  ])('refuses a data directory that %s', async (_title, mark) => {
    const { world, pgctld } = await ledOnce();
    await world.until(pgctld.hands.stop('fast'));
    const file = '/home/data/pgsql_tmp.multigres-incarnation';
    if (mark === undefined) await world.disk.remove(file);
    else await world.disk.write(file, utf8(mark));
    const error = await world.until(refused(pgctld.hands.start()));
    expect([error.sqlstate, error.message]).toEqual([
      '55000',
      'data directory "/home/data" is not the one that this pgctld has made',
    ]);
  });

  test('refuses an incarnation that is none, and draws one if it is given none', async () => {
    const { world, start } = stage();
    const { hands } = await start(member);
    const error = await world.until(refused(hands.initDb({ ...defaultInit, incarnation: 'mine' })));
    expect(error.sqlstate).toBe('22023');
    await world.until(hands.initDb(defaultInit));
    expect((await world.until(hands.status())).incarnation).toMatch(/^[0-9a-f]{16}$/);
  });

  test('answers a promotion that takes too long, and one without a server', async () => {
    const { world, fake, start } = stage();
    const { hands } = await start(member);
    await world.until(hands.initDb(defaultInit));
    expect((await world.until(refused(hands.promote()))).sqlstate).toBe('55000');
    await world.until(hands.start());
    fake.promoteMs = 40_000;
    const error = await world.until(refused(hands.promote()));
    expect([error.sqlstate, error.fate]).toEqual(['57P03', 'unknown']);
    await world.until(hands.promote());
    expect(roleOf(fake)).toBe('primary');
  });

  test('is not promoted by chance when pgctld was killed while it promoted', async () => {
    for (const when of ['before', 'during'] as const) {
      const place = stage();
      const { world } = place;
      const first = await place.start(member);
      await world.until(first.hands.initDb(defaultInit));
      await world.until(first.hands.start());
      await world.until(first.close());
      const mortal = mortalWorld(world, ({ deed, target }) => deed === 'write' && target.endsWith('/promote'), when);
      const ports = { world: mortal.world, rpc: new NetworkTransport(world) };
      const doomed = startPgctld(ports, { ...config, ...member }, listen).then(({ hands }) => hands.promote());
      doomed.catch(() => undefined);
      await world.advance(1_000);
      expect(mortal.dead).toBe(true);
      await place.start({ ...member, pid: 2 });
      expect(await world.disk.list('/home/data')).not.toContain('promote');
    }
  });

  test('that an earlier pgctld has started is started again soon after its end, too', async () => {
    const { world, fake, start, pgctld } = await ledOnce();
    await world.until(pgctld.close());
    const heir = await start({ ...member, pid: 2 });
    await world.until(heir.hands.start());
    await world.advance(20_000);
    kill(world, fake);
    await world.advance(200 + fake.startMs + 50);
    expect(roleOf(fake)).toBe('standby');
  });

  test('has its password file in the words of libpq, and says where', async () => {
    const { world, pgctld } = await ledOnce();
    const { replicationPassfile } = await world.until(pgctld.hands.status());
    expect(utf8Text(await world.disk.read(replicationPassfile as string))).toBe('*:*:*:multigres_replication:a\\:b\n');
  });
});

/** A member with data of its own, known as aa, whose server is stopped. */
async function stoppedMember(over: Partial<PgctldConfig> = {}): Promise<Stage & { readonly pgctld: Pgctld }> {
  const place = stage();
  const pgctld = await place.start({ ...member, ...over });
  await place.world.until(pgctld.hands.initDb({ ...defaultInit, incarnation: '00000000000000aa' }));
  await place.world.until(pgctld.hands.start());
  await place.world.until(pgctld.hands.stop('fast'));
  return { ...place, pgctld };
}

const source: SourceEndpoint = { kind: 'tcp', host: 'pg-2', port: 5433 };
const cloneAs = (incarnation: string): CloneOptions => ({ source, incarnation, systemIdentifier: undefined });
const fileOf = async (world: QuietWorld, name: string): Promise<string> =>
  utf8Text(await world.disk.read(`/home/data/${name}`));
const homeOf = async (world: QuietWorld): Promise<readonly string[]> =>
  (await world.disk.list('/home')).filter((name) => name.startsWith('data'));
const login = "host=''pg-2'' port=''5433'' user=''multigres_replication'' passfile=''/home/etc/replication.pgpass''";
/** The leader's own settings stay, its place in the shard does not. */
const follows = `work_mem = '7MB'\nprimary_conninfo = '${login} connect_timeout=''5'''\n`;

describe('a clone', () => {
  test('replaces the data directory by a standby of the source, another member', async () => {
    const { world, fake, pgctld } = await stoppedMember();
    await world.until(pgctld.hands.clone(cloneAs('00000000000000bb')));
    expect([await homeOf(world), await fileOf(world, 'postgresql.auto.conf')]).toEqual([['data'], follows]);
    const status = await world.until(pgctld.hands.status());
    expect(status).toMatchObject({ incarnation: '00000000000000bb', standby: true, state: ServerState.STOPPED });
    await world.until(pgctld.hands.start());
    expect(fake.standbys.size).toBe(1);
  });

  test('needs no data directory', async () => {
    const { world, start } = stage();
    const { hands } = await start(member);
    await world.until(hands.clone({ source, incarnation: undefined, systemIdentifier: 7123456789012345678n }));
    expect((await world.until(hands.status())).incarnation).toMatch(/^[0-9a-f]{16}$/);
    await world.until(hands.start());
  });

  test('asked for again under the same incarnation is done already', async () => {
    const { world, fake, pgctld } = await stoppedMember();
    await world.until(pgctld.hands.clone(cloneAs('00000000000000bb')));
    await world.until(pgctld.hands.clone(cloneAs('00000000000000bb')));
    expect(fake.copies).toBe(1);
  });

  test.each<[string, (fake: FakePostgres) => void, Partial<CloneOptions>, string]>([
    ['another cluster', ({ source: other }) => (other.systemIdentifier = '5'), {}, 'a server of another cluster'],
    ['an unexpected cluster', () => undefined, { systemIdentifier: 5n }, 'a server of another cluster'],
    ['another major version', ({ source: other }) => (other.major = '16'), {}, 'from PostgreSQL 16 with the programs'],
    ['a server that goes away', (fake) => (fake.toolDies = (): boolean => true), {}, 'pg_basebackup failed'],
  ])('of %s is refused, and the old data directory is as it was', async (_title, spoil, over, said) => {
    const { world, fake, pgctld } = await stoppedMember();
    spoil(fake);
    const error = await world.until(refused(pgctld.hands.clone({ ...cloneAs('00000000000000bb'), ...over })));
    expect(error.message).toContain(said);
    const { incarnation } = await world.until(pgctld.hands.status());
    expect([await homeOf(world), incarnation]).toEqual([['data'], '00000000000000aa']);
    await world.until(pgctld.hands.start());
  });

  test('tells that it is under way, over RPC, and refuses a start meanwhile', async () => {
    const { world, pgctld } = await stoppedMember();
    const calls = client(PgctldService, new NetworkTransport(world).connect(pgctld.endpoint));
    const patience = { deadlineMs: 60_000 };
    const endpoint = { address: { case: 'tcp', value: { host: 'pg-2', port: 5433 } } } as const;
    const cloning = calls.clone({ source: { endpoint }, incarnation: '00000000000000bb' }, patience);
    await world.advance(100);
    const { status } = await world.until(calls.getStatus({}, patience));
    expect([status?.busy, status?.state]).toEqual(['cloning', ServerState.STOPPED]);
    const early = await world.until(refused(calls.start({}, patience)));
    expect(early.message).toBe('cannot start while Postgres is being cloned');
    expect((await world.until(cloning)).status?.incarnation).toBe('00000000000000bb');
    expect((await world.until(refused(calls.clone({}, patience)))).sqlstate).toBe('22023');
  });

  test('of a server that hangs is given up, and leaves the old data directory', async () => {
    const { world, fake, pgctld } = await stoppedMember();
    fake.copyMs = 3_600_000;
    const error = await world.until(refused(pgctld.hands.clone(cloneAs('00000000000000bb'))));
    expect(error.report.detail).toBe('it had said nothing after 600000 ms, and was ended');
    await world.until(pgctld.hands.start());
  });

  test('without a password is refused', async () => {
    const { world, start } = stage();
    const { hands } = await start();
    expect((await world.until(refused(hands.clone(cloneAs('00000000000000bb'))))).sqlstate).toBe('55000');
  });
});

describe('a rewind', () => {
  test('leaves a standby of the source, the same member, and tells where the histories parted', async () => {
    const { world, fake, pgctld } = await stoppedMember();
    const report = await world.until(pgctld.hands.rewind(source));
    expect(report).toMatchObject({ divergence: { timeline: 3, lsn: 0x1_0300_00d8n }, unchanged: false });
    expect([await homeOf(world), await fileOf(world, 'postgresql.auto.conf')]).toEqual([['data'], follows]);
    expect((await world.until(pgctld.hands.status())).incarnation).toBe('00000000000000aa');
    await world.until(pgctld.hands.start());
    expect(fake.standbys.size).toBe(1);
  });

  test('that finds nothing to do says so', async () => {
    const { world, fake, pgctld } = await stoppedMember();
    fake.rewind = 'unchanged';
    expect(await world.until(pgctld.hands.rewind(source))).toMatchObject({ divergence: undefined, unchanged: true });
    await world.until(pgctld.hands.start());
  });

  test('lets a server that was killed replay its log first, following nobody', async () => {
    const { world, fake, pgctld } = await stoppedMember({ keepRunning: false });
    await world.until(pgctld.hands.start());
    for (const pid of fake.alive) world.processes.signal(pid, 'SIGKILL');
    fake.alive.clear();
    fake.standbys.clear();
    const { starts } = fake;
    await world.until(pgctld.hands.rewind(source));
    expect([fake.starts - starts, fake.lastArgs.includes('primary_conninfo=')]).toEqual([1, true]);
    await world.until(pgctld.hands.start());
    expect(fake.lastArgs).not.toContain('primary_conninfo=');
  });

  test('that cannot reach the source has changed nothing', async () => {
    const { world, fake, pgctld } = await stoppedMember();
    fake.rewind = 'unreachable';
    const error = await world.until(refused(pgctld.hands.rewind(source)));
    expect([error.message, error.fate]).toEqual(['pg_rewind failed and has changed nothing', 'notApplied']);
    await world.until(pgctld.hands.start());
  });

  test('that ends half-way leaves a directory that is only good to be cloned, also for the next pgctld', async () => {
    const { world, fake, start, pgctld } = await stoppedMember();
    fake.rewind = 'breaks';
    expect((await world.until(refused(pgctld.hands.rewind(source)))).message).toBe('pg_rewind failed half-way');
    await world.until(pgctld.close());
    const { hands } = await start({ ...member, pid: 2 });
    const status = await world.until(hands.status());
    expect([status.unusable, status.incarnation]).toEqual([true, '00000000000000aa']);
    const deeds = [() => hands.start(), () => hands.rewind(source), () => hands.initDb(defaultInit)];
    for (const deed of deeds) expect((await world.until(refused(deed()))).message).toContain('is not complete');
    await world.until(hands.clone(cloneAs('00000000000000bb')));
    await world.until(hands.start());
    const after = await world.until(hands.status());
    expect([after.unusable, await homeOf(world)]).toEqual([false, ['data']]);
  });
});

test('a server alone comes up as it is, unless a standby was asked for', async () => {
  const { world, fake, start } = stage();
  const { hands } = await start();
  await world.until(hands.initDb(defaultInit));
  await world.until(hands.start());
  expect([fake.standbys.size, (await world.until(hands.status())).standby]).toEqual([0, false]);
  await world.until(hands.start({ standby: true }));
  await world.until(hands.restart('fast'));
  expect(fake.standbys.size).toBe(1);
});

/** How a pgctld dies, and whether the programs that it runs live on without it. */
interface Death {
  readonly when: 'before' | 'during';
  readonly alone: boolean;
}

/** Lets a pgctld do a deed, and die at a step. Answers whether it lived through it. */
async function dieAt(
  place: Stage,
  lastStep: number,
  how: Death,
  deed: (hands: PostgresHands) => Promise<unknown>,
  over: Partial<PgctldConfig> = {},
): Promise<'died' | 'lived'> {
  const mortal = mortalWorld(place.world, (step) => step.index >= lastStep, how.when);
  place.fake.toolDies = () => mortal.dead && !how.alone;
  void (async () => {
    const ports = { world: mortal.world, rpc: new NetworkTransport(place.world) };
    const doomed = await startPgctld(ports, { ...config, ...over }, listen);
    await deed(doomed.hands);
  })();
  // The heir may come while what the dead has begun still runs.
  for (let waitedMs = 0; waitedMs < 5_000 && !(mortal.dead && how.alone); waitedMs += 100) {
    await place.world.advance(100);
  }
  place.fake.toolDies = () => false;
  return mortal.dead ? 'died' : 'lived';
}

const deaths: readonly Death[] = [
  { when: 'before', alone: false },
  { when: 'during', alone: false },
  { when: 'during', alone: true },
];

describe.each(deaths)('killed at any step ($when it; its programs live on: $alone)', (how) => {
  test('what was begun is finished or undone at the next start', async () => {
    let lastStep = 0;
    for (; ; lastStep++) {
      const place = stage();
      const { world, fake } = place;
      const deed = async (hands: PostgresHands): Promise<void> => {
        await hands.initDb(defaultInit);
        await hands.start();
      };
      if ((await dieAt(place, lastStep, how, deed)) === 'lived') break;
      const heir = await place.start({ pid: 2 });
      await world.until(heir.hands.initDb(defaultInit));
      await world.until(heir.hands.start());
      expect([lastStep, fake.starts, fake.alive.size]).toEqual([lastStep, 1, 1]);
      await noLeftovers(place, heir);
    }
    expect(lastStep).toBeGreaterThan(20);
  });

  test('of a clone, the old data directory or the new one is there, whole', async () => {
    const found = new Set<string | undefined>();
    let lastStep = 0;
    for (; ; lastStep++) {
      const place = await stoppedMember();
      const { world } = place;
      await world.until(place.pgctld.close());
      const deed = (hands: PostgresHands): Promise<void> => hands.clone(cloneAs('00000000000000bb'));
      if ((await dieAt(place, lastStep, how, deed, member)) === 'lived') break;
      const heir = await place.start({ ...member, pid: 2 });
      const status = await world.until(heir.hands.status());
      expect([lastStep, status.unusable]).toEqual([lastStep, false]);
      found.add(status.incarnation);
      await world.until(heir.hands.start());
      await world.until(heir.hands.stop('fast'));
      await world.until(heir.hands.clone(cloneAs('00000000000000bb')));
      await comesBack(place, heir, '00000000000000bb');
    }
    expect([lastStep > 20, found]).toEqual([true, new Set(['00000000000000aa', '00000000000000bb'])]);
  });

  test('of a rewind, the data directory is whole or only good to be cloned', async () => {
    const found = new Set<boolean | undefined>();
    let lastStep = 0;
    for (; ; lastStep++) {
      const place = await stoppedMember();
      const { world } = place;
      await world.until(place.pgctld.close());
      if ((await dieAt(place, lastStep, how, (hands) => hands.rewind(source), member)) === 'lived') break;
      const heir = await place.start({ ...member, pid: 2 });
      const { unusable } = await world.until(heir.hands.status());
      found.add(unusable);
      if (unusable) {
        expect((await world.until(refused(heir.hands.start()))).sqlstate).toBe('55000');
        await world.until(heir.hands.clone(cloneAs('00000000000000bb')));
      } else await world.until(heir.hands.rewind(source));
      await comesBack(place, heir, unusable ? '00000000000000bb' : '00000000000000aa');
    }
    expect([lastStep > 15, found.size]).toEqual([true, 2]);
  });
});

/** The member follows the source under this incarnation. */
async function comesBack(place: Stage, heir: Pgctld, incarnation: string): Promise<void> {
  const { world, fake } = place;
  expect(await fileOf(world, 'postgresql.auto.conf')).toBe(follows);
  await world.until(heir.hands.start());
  const status = await world.until(heir.hands.status());
  expect([status.incarnation, fake.standbys.size, fake.alive.size]).toEqual([incarnation, 1, 1]);
  await noLeftovers(place, heir);
}

async function noLeftovers({ world, start }: Stage, heir: Pgctld): Promise<void> {
  // What a program that lived on has left goes at the next start.
  await world.advance(5_000);
  await world.until(heir.close());
  const last = await start({ ...member, pid: 3 });
  const names = await world.disk.list('/home');
  expect(names.filter((name) => name.startsWith('data.') || name.includes('password'))).toEqual([]);
  await world.until(last.close());
}
