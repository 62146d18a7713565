import { createServer, type AddressInfo } from 'node:net';
import { parseExposition } from '@multigres/host/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { OwnProxy } from '../testing/own-proxy.ts';
import { SqlClient } from '../testing/sql-client.ts';

/** Workers share a port that is named. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

describe.each([
  ['two processes', ['gateway', 'pooler'], []],
  ['one process', ['proxy'], ['--single-process']],
  ['two workers', ['gateway', 'pooler', 'gateway-1', 'gateway-2'], ['--workers', '2']],
])('the metrics of a proxy in %s', (_what, processes, args) => {
  const links = processes.includes('gateway-2') ? 2 : 1;
  let postgres: OwnPostgres;
  let proxy: OwnProxy;

  beforeAll(async () => {
    postgres = await OwnPostgres.make();
    const listen = links === 2 ? ['--listen', String(await freePort())] : [];
    proxy = await OwnProxy.start(postgres.endpoint, ['--metrics', '0', '--pool-size', '3', ...args, ...listen]);
  });

  afterAll(async () => {
    await proxy?.stop();
    await postgres?.remove();
  });

  /** Every series by its full name. */
  async function scrape(): Promise<Readonly<Record<string, number>>> {
    const answer = await fetch(`${proxy.metrics}/metrics`);
    const families = parseExposition(await answer.text());
    return Object.fromEntries([...families.values()].flatMap(({ values }) => [...values]));
  }

  it('count exactly what a client did', async () => {
    const user = 'user="postgres"';
    const client = await SqlClient.connect({ port: proxy.port });
    await client.query('create table t (a int)');
    await client.query('begin');
    const busy = await scrape();
    expect(busy).toMatchObject({
      'multigres_gateway_sessions{state="idleInTransaction"}': 1,
      [`multigres_pooler_backends{database="postgres",${user},state="leased"}`]: 1,
    });
    await client.query('insert into t values (1), (2)');
    await client.query('commit');
    await expect(client.query('select 1/0')).rejects.toMatchObject({ report: { sqlstate: '22012' } });
    await expect(client.query('select nope')).rejects.toMatchObject({ report: { sqlstate: '42703' } });
    for (let i = 0; i < 5; i++) await client.query('select a from t where a = 1');
    await client.query('create temporary table mine ()');
    const pinned = await scrape();
    expect(pinned).toMatchObject({
      'multigres_gateway_sessions{state="idle"}': 1,
      'multigres_pooler_pinned_sessions{reason="tempObject"}': 1,
      'multigres_pooler_pins_total{reason="tempObject"}': 1,
    });
    await client.end();
    await expect(SqlClient.connect({ port: proxy.port, database: 'nowhere' })).rejects.toMatchObject({
      report: { sqlstate: '3D000' },
    });
    const done = await scrape();
    expect(done).toMatchObject({
      multigres_gateway_connections_total: 2,
      multigres_gateway_logins_total: 1,
      multigres_gateway_login_duration_seconds_count: 1,
      'multigres_gateway_login_failures_total{sqlstate="3D000"}': 1,
      'multigres_gateway_sessions{state="idle"}': 0,
      'multigres_gateway_sessions_ended_total{reason="client"}': 1,
      'multigres_gateway_queries_total{protocol="simple"}': 12,
      'multigres_gateway_queries_total{protocol="extended"}': 0,
      multigres_gateway_query_duration_seconds_count: 12,
      // All but BEGIN and INSERT left no transaction open.
      multigres_gateway_transactions_total: 10,
      multigres_gateway_pooler_up: links,
      multigres_gateway_pooler_connects_total: links,
      multigres_pooler_links: links,
      multigres_pooler_sessions: 0,
      multigres_pooler_pool_backends_max: 3,
      'multigres_pooler_pinned_sessions{reason="tempObject"}': 0,
      'multigres_pooler_postgres_errors_total{sqlstate="22012"}': 1,
      'multigres_pooler_postgres_errors_total{sqlstate="42703"}': 1,
      'multigres_pooler_query_duration_seconds_count{phase="queue"}': 12,
      'multigres_pooler_query_duration_seconds_count{phase="postgres"}': 12,
      'multigres_pooler_backend_login_failures_total{sqlstate="3D000"}': 1,
    });
    const groups = (mode: string): number => done[`multigres_pooler_groups_total{mode="${mode}"}`] as number;
    expect([groups('shared'), groups('leased')]).toEqual([7, 5]);
    // Each of the 12 ends with a ReadyForQuery of 6 bytes at least, and asks for something in at least 10.
    expect(done['multigres_gateway_client_sent_bytes_total']).toBeGreaterThan(12 * 6);
    expect(done['multigres_gateway_client_received_bytes_total']).toBeGreaterThan(12 * 10);
    expect(done['multigres_pooler_postgres_received_bytes_total']).toBeGreaterThan(12 * 6);
  });

  it('are those of every process', async () => {
    const seen = await scrape();
    const names = Object.keys(seen).filter((name) => name.startsWith('multigres_process_up'));
    expect(names.toSorted()).toEqual(processes.toSorted().map((name) => `multigres_process_up{process="${name}"}`));
    for (const name of processes) expect(seen[`process_cpu_seconds_total{process="${name}"}`]).toBeGreaterThan(0);
  });

  it('come with an answer to whether clients may come', async () => {
    const answer = await fetch(`${proxy.metrics}/readyz`);
    expect([answer.status, await answer.text()]).toEqual([200, 'ready\n']);
  });
});
