import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { formatEndpoint } from '@multigres/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { freePort, ServingProcess } from '../testing/serving-process.ts';
import { SqlClient, type SqlLogin } from '../testing/sql-client.ts';

describe('rules and limits in the configuration of a proxy', () => {
  let postgres: OwnPostgres;
  let folder: string;
  let port: number;
  let proxy: ServingProcess;
  const open: SqlClient[] = [];

  beforeAll(async () => {
    postgres = await OwnPostgres.make();
    const client = await SqlClient.connect({ port: postgres.endpoint.port });
    await client.query("create role joe login password 'secret'");
    await client.end();
  });

  beforeEach(async () => {
    folder = mkdtempSync('/tmp/multigres-test-');
    port = await freePort();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.end().catch(() => {})));
    await proxy?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  afterAll(async () => await postgres?.remove());

  function write(name: string, text: string): void {
    writeFileSync(`${folder}/${name}`, text);
  }

  async function start(): Promise<void> {
    const where = ['--to', formatEndpoint(postgres.endpoint), '--listen', String(port)];
    proxy = new ServingProcess(['proxy', '--config', `${folder}/mg.toml`, ...where]);
    await proxy.logged('proxy is ready');
  }

  async function connect(login: Partial<SqlLogin>): Promise<SqlClient> {
    const client = await SqlClient.connect({ port, ...login });
    open.push(client);
    return client;
  }

  const verdict = (login: Partial<SqlLogin>): Promise<string> =>
    connect(login).then(
      () => 'in',
      (error: Error) => error.message,
    );
  const joe = { user: 'joe', password: 'secret' };

  it('are read again on SIGHUP, and a bad line changes nothing', async () => {
    write('mg.toml', '[auth]\nhba_file = "hba.conf"\n[postgres]\nadmin_user = "postgres"');
    write('hba.conf', 'host all all all scram-sha-256');
    await start();
    expect(await verdict(joe)).toBe('in');
    write('hba.conf', 'host all joe all reject\nhost all all all trust');
    proxy.signal('SIGHUP');
    await proxy.logged('configuration reloaded');
    const rejected =
      'pg_hba.conf rejects connection for host "127.0.0.1", user "joe", database "postgres", no encryption';
    expect(await verdict(joe)).toBe(rejected);
    expect(await open[0]?.value('select session_user')).toBe('joe');
    write('hba.conf', 'host all all all trust\nhost all all 10.0.0.0/99 trust');
    proxy.signal('SIGHUP');
    expect(await proxy.logged('not reloaded')).toContain('hba.conf:2: invalid CIDR mask in address \\"10.0.0.0/99\\"');
    expect(await verdict(joe)).toBe(rejected);
  });

  it('let as many sessions in as there may be, by user and by database', async () => {
    write(
      'mg.toml',
      `[auth]
       method = "scram"
       [postgres]
       admin_user = "postgres"
       [users.joe]
       sessions_max = 2
       [databases.shop]
       database = "postgres"
       sessions_max = 1`,
    );
    await start();
    expect(await verdict({ ...joe, database: 'shop' })).toBe('in');
    expect(await open[0]?.value('select current_database()')).toBe('postgres');
    expect(await verdict({ ...joe, database: 'shop' })).toBe('too many connections for database "shop"');
    expect(await verdict({ ...joe, password: 'wrong' })).toBe('password authentication failed for user "joe"');
    expect(await verdict(joe)).toBe('in');
    expect(await verdict(joe)).toBe('too many connections for role "joe"');
    await open.pop()?.end();
    while ((await verdict(joe)) !== 'in');
  });
});
