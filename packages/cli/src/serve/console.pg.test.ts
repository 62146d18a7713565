import { execFile } from 'node:child_process';
import path from 'node:path';
import { pipe } from '@multigres/core';
import { defaultConsoleConfig, defaultGatewayLimits, startGateway, type Gateway } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { SqlClient } from '../testing/sql-client.ts';

interface Said {
  readonly out: string;
  readonly complaint: string;
  readonly code: number | null;
}

const views = [
  'clients',
  'servers',
  'pools',
  'stats',
  'stats_totals',
  'stats_averages',
  'totals',
  'databases',
  'users',
  'config',
  'lists',
  'mem',
  'version',
  'state',
  'pins',
  'gateways',
  'workers',
  'poolers',
  'help',
];

describe('the admin console, with psql', () => {
  let postgres: OwnPostgres;
  let pooler: Pooler;
  const gateways: Gateway[] = [];
  const open: SqlClient[] = [];

  const target = async (): Promise<ReturnType<typeof pipe>[0]> => {
    const [ours, theirs] = pipe();
    pooler.accept(theirs);
    return ours;
  };

  beforeAll(async () => {
    postgres = await OwnPostgres.make();
    const world = hostWorld();
    pooler = await startPooler(world, {
      id: 'pooler',
      relay: undefined,
      postgres: postgres.endpoint,
      limits: defaultPoolerLimits,
    });
    for (const id of ['here', 'there']) {
      const config = {
        id,
        listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
        auth: { kind: 'trust' },
        limits: defaultGatewayLimits,
        console: { ...defaultConsoleConfig, statsUsers: ['watcher'] },
      } as const;
      gateways.push(await startGateway(world, config, target));
    }
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.end().catch(() => {})));
  });

  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await pooler?.stop();
    await postgres?.remove();
  });

  const portOf = (at: number): number => {
    const endpoint = gateways[at]?.endpoints[0];
    return endpoint?.kind === 'tcp' ? endpoint.port : 0;
  };
  const here = (): number => portOf(0);
  const there = (): number => portOf(1);

  function psql(args: readonly string[], user = 'postgres', input = ''): Promise<Said> {
    const all = ['-X', '-h', '127.0.0.1', '-p', String(here()), '-U', user, '-d', 'multigres', ...args];
    return new Promise((resolve) => {
      const child = execFile(path.join(postgres.bin, 'psql'), all, { env: {} }, (_error, out, complaint) =>
        resolve({ out, complaint, code: child.exitCode }),
      );
      child.stdin?.end(input);
    });
  }

  /** The rows of a view as records; whatever it complains about fails the test. */
  async function rows(view: string): Promise<Record<string, string>[]> {
    const { out, complaint } = await psql(['-A', '-F', '\t', '-P', 'footer=off', '-c', `SHOW ${view}`]);
    expect(complaint).toBe('');
    const [header = '', ...lines] = out.trimEnd().split('\n');
    const names = header.split('\t');
    return lines.map((line) => Object.fromEntries(line.split('\t').map((value, at) => [names[at] ?? '', value])));
  }

  async function sqlClient(port = here()): Promise<SqlClient> {
    const made = await SqlClient.connect({ port, parameters: [['application_name', 'tested']] });
    open.push(made);
    return made;
  }

  /** Asks until it is so; the test's time limit ends a wait in vain. */
  async function until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds()));
  }

  it.each(views)('SHOW %s has the same columns in every form', async (view) => {
    await sqlClient();
    const { out, complaint, code } = await psql(['-A', '-F', '\t', '-c', `show ${view};`]);
    expect([complaint, code]).toEqual(['', 0]);
    const lines = out.trimEnd().split('\n');
    const columns = (lines[0] as string).split('\t').length;
    expect(lines.at(-1)).toMatch(/^\(\d+ rows?\)$/);
    for (const line of lines.slice(0, -1)) expect(line.split('\t')).toHaveLength(columns);
    const extended = await psql(['-A', '-F', '\t'], 'postgres', `show ${view} \\bind \\g\n`);
    expect(extended.out.split('\n')[0]).toBe(lines[0]);
  });

  it('begins the rows that monitoring reads as PgBouncer does', async () => {
    await sqlClient();
    const [pool] = await rows('pools');
    expect(
      Object.keys(pool ?? {})
        .slice(0, 16)
        .join(),
    ).toBe(
      'database,user,cl_active,cl_waiting,cl_active_cancel_req,cl_waiting_cancel_req,sv_active,sv_active_cancel,sv_being_canceled,' +
        'sv_idle,sv_used,sv_tested,sv_login,maxwait,maxwait_us,pool_mode',
    );
    const [stats] = await rows('stats');
    expect(stats).toMatchObject({ database: 'postgres' });
    expect(Object.values(stats ?? {}).slice(1)).toEqual(
      Object.values(stats ?? {})
        .slice(1)
        .map((value) => String(Number(value))),
    );
  });

  it('shows clients of all gateways, with where they are, and who is pinned why', async () => {
    await sqlClient(here());
    const pinned = await sqlClient(there());
    await pinned.query('listen news');
    const clients = (await rows('clients')).filter((row) => row['application_name'] === 'tested');
    expect(clients.map((row) => [row['gateway'], row['type'], row['user'], row['addr']])).toEqual([
      ['here', 'C', 'postgres', '127.0.0.1'],
      ['there', 'C', 'postgres', '127.0.0.1'],
    ]);
    expect(await rows('pins')).toMatchObject([{ gateway: 'there', reasons: 'listen', application_name: 'tested' }]);
    expect((await rows('gateways')).map((row) => [row['name'], row['this']])).toEqual([
      ['here', '1'],
      ['there', '0'],
    ]);
  });

  it('is closed to who is not named, and only shows things to who may only look', async () => {
    const nobody = await psql(['-c', 'show version'], 'nobody');
    expect(nobody.code).toBe(2);
    expect(nobody.complaint).toContain('FATAL:  permission denied for database "multigres"');
    expect((await psql(['-At', '-c', 'show state'], 'watcher')).out).toContain('active|yes');
    for (const command of ['pause', 'resume', 'kill', 'kill client 1', 'reconnect', 'reload', 'drain', 'shutdown']) {
      const { complaint } = await psql(['-v', 'VERBOSITY=sqlstate', '-c', command], 'watcher');
      expect(complaint).toBe('ERROR:  42501\n');
    }
  });

  it('says what it does not understand', async () => {
    const { complaint, code } = await psql(['-c', 'frobnicate pools']);
    expect(code).toBe(1);
    expect(complaint).toContain('ERROR:  syntax error at or near "frobnicate"');
    expect(complaint).toContain('SHOW HELP');
  });

  it('answers several statements in one query, and the chatter of drivers', async () => {
    const chatter =
      "begin; set extra_float_digits = 3; select 1; set application_name to 'x'; show application_name; commit";
    expect((await psql(['-Atq', '-c', chatter])).out).toBe('1\nx\n');
  });

  it('PAUSE lets running transactions end and keeps others waiting until RESUME', async () => {
    const busy = await sqlClient(there());
    await busy.query('begin');
    const paused = psql(['-c', 'pause postgres']);
    await until(async () => (await rows('databases')).some((row) => row['paused'] === '1'));
    const waiting = await sqlClient();
    const answer = waiting.query('select 42');
    await until(async () => (await rows('pools')).some((row) => row['cl_waiting'] === '1' && row['paused'] === '1'));
    expect((await rows('databases')).map((row) => [row['name'], row['paused']])).toEqual([['postgres', '1']]);
    await busy.query('commit');
    expect((await paused).out).toBe('PAUSE\n');
    expect((await rows('servers')).length).toBe(0);
    expect((await psql(['-c', 'RESUME "postgres"'])).out).toBe('RESUME\n');
    expect(await answer).toEqual([['42']]);
    expect((await psql(['-v', 'VERBOSITY=sqlstate', '-c', 'resume'])).complaint).toBe('ERROR:  55000\n');
  });

  it('KILL CLIENT ends one session, at whichever gateway it is', async () => {
    const [one, other] = [await sqlClient(here()), await sqlClient(there())];
    const [victim] = (await rows('clients')).filter((row) => row['gateway'] === 'there');
    expect((await psql(['-c', `kill client ${victim?.['id']}`])).out).toBe('KILL\n');
    expect((await other.ended)?.sqlstate).toBe('57P01');
    expect(await one.value('select 1')).toBe('1');
    const again = await psql(['-v', 'VERBOSITY=sqlstate', '-c', `kill_client ${victim?.['id']}`]);
    expect(again.complaint).toBe('ERROR:  42704\n');
  });

  it('KILL ends every session of a database, and RESUME lets new ones in', async () => {
    const [one, other] = [await sqlClient(here()), await sqlClient(there())];
    expect((await psql(['-c', 'kill postgres'])).out).toBe('KILL\n');
    expect([(await one.ended)?.sqlstate, (await other.ended)?.sqlstate]).toEqual(['57P01', '57P01']);
    await psql(['-c', 'resume postgres']);
    expect(await (await sqlClient()).value('select 1')).toBe('1');
  });

  it('RECONNECT replaces backends', async () => {
    const one = await sqlClient();
    const before = await one.value('select pg_backend_pid()');
    expect((await psql(['-c', 'reconnect'])).out).toBe('RECONNECT\n');
    expect(await one.value('select pg_backend_pid()')).not.toBe(before);
    expect((await psql(['-v', 'VERBOSITY=sqlstate', '-c', 'reconnect nowhere'])).complaint).toBe('ERROR:  3D000\n');
  });

  it('what the process around it cannot do is refused', async () => {
    const { complaint } = await psql(['-v', 'VERBOSITY=sqlstate', '-c', 'drain']);
    expect(complaint).toBe('ERROR:  0A000\n');
  });

  it('a cancel reaches its session through the other gateway, and a command at the console, too', async () => {
    const one = await sqlClient(here());
    const asleep = one.query('select pg_sleep(60)').catch((error: unknown) => error);
    await until(async () => (await rows('clients')).some((row) => row['state'] === 'active'));
    await one.cancel(there());
    expect(await asleep).toMatchObject({ sqlstate: '57014' });
    const admin = await SqlClient.connect({ port: there(), database: 'multigres' });
    open.push(admin);
    const held = await sqlClient();
    await held.query('begin');
    const pause = admin.query('pause').catch((error: unknown) => error);
    await until(async () => (await rows('databases')).some((row) => row['paused'] === '1'));
    await admin.cancel(here());
    expect(await pause).toMatchObject({ sqlstate: '57014' });
    await admin.query('resume');
    await held.query('commit');
  });

  it('is open while the gateway has no room for another session, and so are cancels', async () => {
    const config = {
      id: 'full',
      listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
      auth: { kind: 'trust' },
    } as const;
    const limits = { ...defaultGatewayLimits, sessionsMax: 1 };
    gateways.push(await startGateway(hostWorld(), { ...config, limits }, target));
    const full = portOf(gateways.length - 1);
    const only = await sqlClient(full);
    const asleep = only.query('select pg_sleep(60)').catch((error: unknown) => error);
    await expect(SqlClient.connect({ port: full })).rejects.toMatchObject({ sqlstate: '53300' });
    const admin = await SqlClient.connect({ port: full, database: 'multigres' });
    open.push(admin);
    while ((await admin.query('show clients')).every((row) => row[4] !== 'active' || row.at(-2) !== 'full'));
    await only.cancel();
    expect(await asleep).toMatchObject({ sqlstate: '57014' });
  });
});
