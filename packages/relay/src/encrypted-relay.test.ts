import { toyMaterial, utf8, utf8Text, type Connection, type TlsMaterial } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { encryptedRelay, type RelayTls } from './encrypted-relay.ts';

const relay = { kind: 'tcp', host: 'pooler.example', port: 7000 } as const;
const patience = { timeoutMs: 1000 };

function tlsOf(world: QuietWorld, commonName: string, issuer: string): RelayTls {
  const material: TlsMaterial = toyMaterial({ commonName, names: [commonName], issuer }, ['ours']);
  const context = world.network.tlsContext(material);
  return { context: () => context };
}

function aroundOf(world: QuietWorld): Parameters<typeof encryptedRelay>[2] {
  return { clock: world.clock, log: world.telemetry.log };
}

/** A pooler that listens, and what it has heard. */
async function pooler(name = 'pooler.example'): Promise<{ readonly world: QuietWorld; readonly heard: string[] }> {
  const world = quietWorld();
  const heard: string[] = [];
  const network = encryptedRelay(world.network, tlsOf(world, name, 'ours'), aroundOf(world));
  await network.listen(relay, (connection: Connection) => {
    const data = (bytes: Uint8Array): void => void heard.push(utf8Text(bytes));
    connection.attach({ data, end: () => {}, drain: () => {}, closed: () => {} });
  });
  return { world, heard };
}

function connect(world: QuietWorld, commonName: string, issuer: string): Promise<Connection> {
  const gateway = world.node('gateway');
  const network = encryptedRelay(gateway.network, tlsOf(gateway, commonName, issuer), aroundOf(gateway));
  return world.until(network.connect(relay, patience));
}

describe('a link over TLS', () => {
  it('stands where both ends have certificates of our authority', async () => {
    const { world, heard } = await pooler();
    const connection = await connect(world, 'gateway', 'ours');
    connection.write(utf8('hello'));
    await world.settle();
    expect(heard).toEqual(['hello']);
  });

  it('is refused to a gateway with a certificate from elsewhere', async () => {
    const { world, heard } = await pooler();
    const connection = await connect(world, 'gateway', 'somebody else');
    connection.write(utf8('hello'));
    await world.settle();
    expect(heard).toEqual([]);
    expect(world.lines.map((line) => line.message)).toEqual(['a link was refused']);
  });

  it('is not made to a pooler that is called differently', async () => {
    const { world } = await pooler('gateway-7');
    await expect(connect(world, 'gateway', 'ours')).rejects.toMatchObject({ code: 'tls' });
  });

  it('is not made to a pooler that says nothing', async () => {
    const world = quietWorld();
    await world.network.listen(relay, (connection) => {
      connection.attach({ data: () => {}, end: () => {}, drain: () => {}, closed: () => {} });
    });
    await expect(connect(world, 'gateway', 'ours')).rejects.toMatchObject({ code: 'timeout' });
  });

  it('is refused to who comes in clear', async () => {
    const { world, heard } = await pooler();
    const connection = await world.until(world.node('gateway').network.connect(relay, patience));
    connection.write(utf8('hello'));
    await world.settle();
    expect(heard).toEqual([]);
    expect(world.lines.map((line) => line.message)).toEqual(['a link was refused']);
  });
});
