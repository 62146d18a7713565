import { utf8Text, type Connection, type Endpoint } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { defaultGatewayLimits, startGateway, type Gateway } from '@multigres/gateway';
import { encodeQuery, MessageWriter } from '@multigres/pgwire';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import { beforeEach, describe, expect, it } from 'vitest';
import { startup } from '../generate/client-messages.ts';
import { Dice } from '../generate/dice.ts';
import { StandIn } from './stand-in.ts';
import { Wire } from './wire.ts';

const postgres: Endpoint = { kind: 'tcp', host: 'postgres', port: 5432 };
const relay: Endpoint = { kind: 'tcp', host: 'pooler', port: 6543 };
const front: Endpoint = { kind: 'tcp', host: 'gateway', port: 5432 };

describe('a client that leaves while it has to wait', () => {
  let world: QuietWorld;
  let gateway: Gateway;
  let pooler: Pooler;
  /** What all clients together said to Postgres. */
  let heard: string;

  beforeEach(async () => {
    world = quietWorld({ seed: 'ends' });
    heard = '';
    const server = new StandIn(new Dice(world.random));
    await world.node('postgres').network.listen(postgres, (connection) => server.accept(overheard(connection)));
    pooler = await startPooler(world.node('pooler'), { id: 'pooler', relay, postgres, limits: defaultPoolerLimits });
    const config = { id: 'gateway', listen: [front], auth: { kind: 'trust' }, limits: defaultGatewayLimits } as const;
    gateway = await startGateway(world.node('gateway'), config, relay);
  });

  function overheard(connection: Connection): Connection {
    const attach = connection.attach.bind(connection);
    return Object.assign(connection, {
      attach: (handler: Parameters<typeof attach>[0]) =>
        attach({
          data: (bytes) => {
            heard += utf8Text(bytes);
            handler.data(bytes);
          },
          end: () => handler.end(),
          drain: () => handler.drain(),
          closed: (error) => handler.closed(error),
        }),
    });
  }

  async function client(): Promise<Connection> {
    const connection = await world.until(world.network.connect(front, { timeoutMs: 1000 }));
    void new Wire(connection, { frame: () => {}, part: () => {} });
    connection.write(startup({ user: 'app', database: 'd' }));
    await world.settle();
    return connection;
  }

  async function say(connection: Connection, ...texts: readonly string[]): Promise<void> {
    const writer = new MessageWriter();
    for (const text of texts) encodeQuery(writer, text);
    connection.write(writer.take());
    await world.settle();
  }

  it('for an answer that will never come is gone soon', async () => {
    const connection = await client();
    await say(connection, 'copy t from stdin');
    // The first is swallowed by the COPY that it breaks; what comes behind waits for nobody but the client.
    await say(connection, 'update t', "select currval('s')", 'insert');
    connection.end();
    await world.advance(30_000);
    expect(gateway.status().sessions).toBe(0);
    expect(pooler.status().sessions).toBe(0);
    expect(pooler.status().pools.filter(({ leased }) => leased > 0)).toEqual([]);
  });

  it('has said everything that it had sent before', async () => {
    const connection = await client();
    const said = say(connection, 'update t', "select currval('s')", 'insert');
    connection.end();
    await said;
    expect(gateway.status().sessions).toBe(0);
    expect(heard).toContain('insert');
  });

  it('before it is served has said it, too', async () => {
    const connection = await world.until(world.network.connect(front, { timeoutMs: 1000 }));
    void new Wire(connection, { frame: () => {}, part: () => {} });
    connection.write(startup({ user: 'app', database: 'd' }));
    const said = say(connection, 'insert');
    connection.end();
    await said;
    await world.advance(1000);
    expect(heard).toContain('insert');
    expect(gateway.status().sessions).toBe(0);
  });
});
