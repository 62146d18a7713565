import { pipe } from '@multigres/core';
import { defaultGatewayLimits, startGateway, type Gateway, type SessionTimeouts } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import type { PgReport } from '@multigres/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { SqlClient } from '../testing/sql-client.ts';

const none: SessionTimeouts = { idleSessionMs: 0, idleInTransactionMs: 0, statementMs: 0, transactionMs: 0 };

/** One limit of the gateway, the setting of Postgres that means the same, and what runs into it. */
const limits = {
  idle_session_timeout: ['idleSessionMs', []],
  idle_in_transaction_session_timeout: ['idleInTransactionMs', ['begin', 'select 1']],
  statement_timeout: ['statementMs', ['select pg_sleep(60)']],
  'statement_timeout in a transaction': ['statementMs', ['begin', 'select pg_sleep(60)']],
  'statement_timeout of a statement that waits for a lock': [
    'statementMs',
    ['begin', 'select pg_advisory_xact_lock(1)'],
  ],
  transaction_timeout: ['transactionMs', ['begin', 'select 1']],
  'transaction_timeout of a running statement': ['transactionMs', ['begin', 'select 1', 'select pg_sleep(60)']],
  'transaction_timeout of a single statement': ['transactionMs', ['select pg_sleep(60)']],
} as const satisfies Readonly<Record<string, readonly [keyof SessionTimeouts, readonly string[]]>>;

describe('a timeout of the gateway looks as one of Postgres', () => {
  let postgres: OwnPostgres;
  let pooler: Pooler;
  const gateways: Gateway[] = [];
  const open: SqlClient[] = [];

  beforeAll(async () => {
    postgres = await OwnPostgres.make();
    pooler = await startPooler(hostWorld(), {
      id: 'pooler',
      relay: undefined,
      postgres: postgres.endpoint,
      limits: { ...defaultPoolerLimits, poolBackendsMax: 3, sharedBackendsMax: 1 },
    });
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.end().catch(() => {})));
    await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  });

  afterAll(async () => {
    await pooler?.stop();
    await postgres?.remove();
  });

  async function gatewayWith(timeouts: Partial<SessionTimeouts>): Promise<Gateway> {
    const target = async (): Promise<ReturnType<typeof pipe>[0]> => {
      const [ours, theirs] = pipe();
      pooler.accept(theirs);
      return ours;
    };
    const listen = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }] as const;
    const config = { id: 'gateway', listen, auth: { kind: 'trust' } as const };
    const gateway = await startGateway(
      hostWorld(),
      { ...config, limits: { ...defaultGatewayLimits, ...none, ...timeouts } },
      target,
    );
    gateways.push(gateway);
    return gateway;
  }

  async function connect(port: number, parameters: readonly (readonly [string, string])[] = []): Promise<SqlClient> {
    const client = await SqlClient.connect({ port, parameters });
    open.push(client);
    return client;
  }

  /** What the client hears in the end: the report of the last statement's error, or of the end of the session. */
  async function outcome(client: SqlClient, texts: readonly string[]): Promise<string> {
    for (const text of texts) {
      const report = await client.query(text).then(
        () => undefined,
        (error: { readonly report?: PgReport }) => error.report,
      );
      if (report !== undefined) return `${report.severity} ${report.sqlstate} ${report.message}`;
    }
    const report = (await client.ended)?.report;
    return `${report?.severity} ${report?.sqlstate} ${report?.message}`;
  }

  it.each(Object.entries(limits))('%s', async (what, [limit, texts]) => {
    const other = await connect(postgres.endpoint.port);
    await other.query('select pg_advisory_lock(1)');
    const [setting] = what.split(' ') as [string];
    const direct = await connect(postgres.endpoint.port, [['options', `-c ${setting}=300ms`]]);
    const expected = await outcome(direct, texts);
    expect(expected).toMatch(/timeout$/);
    const gateway = await gatewayWith({ [limit]: 300 });
    const { port } = gateway.endpoints[0] as { readonly port: number };
    expect(await outcome(await connect(port), texts)).toBe(expected);
    // Postgres's own, asked for by the client, through a gateway that has none.
    const plain = await gatewayWith({});
    const through = await connect((plain.endpoints[0] as { readonly port: number }).port, [
      ['options', `-c ${setting}=300ms`],
    ]);
    expect(await outcome(through, texts)).toBe(expected);
  });

  it('does not end a session that is busy, and an idle one not in the middle of a transaction', async () => {
    const gateway = await gatewayWith({ idleSessionMs: 400 });
    const { port } = gateway.endpoints[0] as { readonly port: number };
    const [inTransaction, running, idle] = [await connect(port), await connect(port), await connect(port)];
    await inTransaction.query('begin');
    const slept = running.value("select 'done' from pg_sleep(1.5)");
    expect((await idle.ended)?.sqlstate).toBe('57P05');
    expect(await slept).toBe('done');
    expect(await inTransaction.value('select 1')).toBe('1');
  });

  it('leaves the session usable after a statement that took too long, again and again', async () => {
    const gateway = await gatewayWith({ statementMs: 200 });
    const client = await connect((gateway.endpoints[0] as { readonly port: number }).port);
    for (let i = 0; i < 3; i++) {
      await expect(client.query('select pg_sleep(60)')).rejects.toMatchObject({
        report: { sqlstate: '57014', message: 'canceling statement due to statement timeout' },
      });
      expect(await client.value('select 1')).toBe('1');
    }
  });

  it('ends a session that limits its own idle time, and no other on the same backends', async () => {
    const gateway = await gatewayWith({});
    const { port } = gateway.endpoints[0] as { readonly port: number };
    const [limited, other] = [await connect(port), await connect(port)];
    await limited.query("set idle_session_timeout to '100ms'");
    expect(await limited.value('show idle_session_timeout')).toBe('100ms');
    expect((await limited.ended)?.sqlstate).toBe('57P05');
    for (let i = 0; i < 20; i++) expect(await other.value('show idle_session_timeout')).toBe('0');
  });
});
