import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { OwnProxy } from '../testing/own-proxy.ts';
import { SqlClient } from '../testing/sql-client.ts';

interface SeenSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

/** Takes OTLP by HTTP, as an OpenTelemetry collector does. */
class FakeCollector {
  readonly spans: SeenSpan[] = [];
  /** Everything that came. */
  text = '';
  readonly #server: Server;
  #more: (() => void) | undefined;

  constructor() {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      request.on('end', () => {
        this.#taken(body);
        response.end();
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when there are as many. */
  async until(count: number): Promise<void> {
    while (this.spans.length < count) {
      await new Promise<void>((resolve) => {
        this.#more = resolve;
      });
    }
  }

  close(): void {
    this.#server.close();
  }

  #taken(body: string): void {
    this.text += body;
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      const service = resource.attributes[0].value.stringValue as string;
      for (const span of scopeSpans[0].spans) this.spans.push({ ...span, service });
    }
    this.#more?.();
  }
}

const secret = 'topsecret';

describe('what a proxy tells of its sessions', () => {
  const collector = new FakeCollector();
  let postgres: OwnPostgres;
  let proxy: OwnProxy;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync('/tmp/multigres-test-');
    postgres = await OwnPostgres.make();
    const traces = await collector.listen();
    writeFileSync(`${folder}/users`, `"postgres" "${secret}"\n`);
    const config = `[auth]\nmethod = "scram"\nusers_file = "users"\n[log]\nlevel = "debug"\nconnections = true
slow_statement = "1us"\n[telemetry]\ntraces = "${traces}"\n`;
    writeFileSync(`${folder}/config.toml`, config);
    proxy = await OwnProxy.start(postgres.endpoint, ['--config', `${folder}/config.toml`, '--metrics', '0']);
  });

  afterAll(async () => {
    await proxy?.stop();
    collector.close();
    await postgres?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const connect = (password = secret): Promise<SqlClient> =>
    SqlClient.connect({ port: proxy.port, password, parameters: [['application_name', 'app']] });

  const logged = (message: string): readonly Readonly<Record<string, unknown>>[] =>
    proxy.lines.filter(({ msg }) => msg === message);

  it('begins and ends with lines that name the session, and has one for each slow statement', async () => {
    const client = await connect();
    await client.query("select 'x', 42");
    await client.end();
    await expect(connect('wrong')).rejects.toMatchObject({ report: { sqlstate: '28P01' } });
    // Lines are written behind the answer; whoever logs in now finds those of before.
    await (await connect()).end();
    const [started] = logged('session started');
    const who = { session: client.session.processId, user: 'postgres', database: 'postgres' };
    expect(started).toMatchObject({ ...who, level: 'info', applicationName: 'app' });
    expect(String(started?.['remote'])).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(logged('slow statement')[0]).toMatchObject({ ...who, failed: false, statement: 'select ?, ?' });
    expect(logged('session ended')[0]).toMatchObject({ ...who, reason: 'client' });
    expect(logged('login failed')).toMatchObject([{ level: 'warn', user: 'postgres', sqlstate: '28P01' }]);
  });

  it('follows a statement that is part of a trace from the gateway to Postgres, in both processes', async () => {
    const traceId = '5bd66ef5095369c7b0d1f8f4bd33716a';
    const parent = 'c532cb4098ac3dd2';
    const client = await connect();
    await client.query(`select 1 /*traceparent='00-${traceId}-${parent}-00'*/`);
    await client.query('select 2');
    await client.query(`select ${secret.length} from pg_sleep(0.02) /*traceparent='00-${traceId}-${parent}-01'*/`);
    await client.end();
    await collector.until(3);
    const [gateway, queue, execute] = ['gateway.query', 'pooler.queue', 'postgres.execute'].map((name) =>
      collector.spans.find((span) => span.name === name),
    ) as [SeenSpan, SeenSpan, SeenSpan];
    expect(collector.spans).toHaveLength(3);
    expect(gateway).toMatchObject({ traceId, parentSpanId: parent, service: 'multigres-gateway' });
    for (const inner of [queue, execute])
      expect(inner).toMatchObject({ traceId, parentSpanId: gateway.spanId, service: 'multigres-pooler' });
    expect(gateway.attributes).toContainEqual({
      key: 'db.query.text',
      value: { stringValue: 'select ? from pg_sleep(?)' },
    });
    const lasted = ({ startTimeUnixNano, endTimeUnixNano }: SeenSpan): number =>
      Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6;
    expect(lasted(execute)).toBeGreaterThan(15);
    expect(lasted(gateway)).toBeGreaterThan(15);
  });

  it('holds no password and no literal, whatever happens to a statement', async () => {
    const client = await connect();
    const failing = [`select '${secret}'::int`, `insert into nowhere values ('${secret}')`, `selec '${secret}'`];
    const before = collector.spans.length;
    const comment = `/*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/`;
    for (const text of failing) await client.query(`${text} ${comment}`).catch(() => {});
    for (const text of [
      `set my.token = ${secret}`,
      `create role joe password '${secret}'`,
      `do $$ begin perform '${secret}'; end $$`,
      `-- ${secret}\nselect E'${secret}' as a, $x$${secret}$x$ as b`,
      `select * from (values ('${secret}')) as t(a) where a = '${secret}'`,
    ])
      await client.query(`${text} ${comment}`);
    await client.end();
    await collector.until(before + 8 * 3);
    await (await connect()).end();
    const metrics = await (await fetch(`${proxy.metrics}/metrics`)).text();
    expect(logged('slow statement').length).toBeGreaterThan(8);
    for (const told of [proxy.output, collector.text, metrics]) expect(told).not.toContain(secret);
  });
});
