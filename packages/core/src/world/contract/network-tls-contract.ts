import { utf8, utf8Text } from '../../base/bytes.ts';
import { NetworkError, type Connection, type Network } from '../network.ts';
import type { SecuredConnection, TlsClientOptions, TlsContext, TlsMaterial, TlsServerOptions } from '../tls.ts';
import type { World } from '../world.ts';
import type { ContractTest, ContractTools, TlsTools } from './contract-test.ts';
import { expect, expectSame, within } from './expect.ts';
import { networkEndingContract } from './network-ending-contract.ts';
import { networkFlowContract } from './network-flow-contract.ts';
import { connectLimits, endpointOf, Peer } from './network-peer.ts';

/** How both ends want to speak TLS; what is left out is the least that works. */
interface Wishes {
  readonly server?: Partial<TlsServerOptions>;
  readonly client?: Partial<TlsClientOptions>;
  readonly serverMaterial?: (tls: TlsTools) => TlsMaterial;
  readonly clientMaterial?: (tls: TlsTools) => TlsMaterial;
}

interface Outcomes {
  readonly near: SecuredConnection | NetworkError;
  readonly far: SecuredConnection | NetworkError;
}

function serverOptions(network: Network, tls: TlsTools, wishes: Wishes): TlsServerOptions {
  const context = network.tlsContext(wishes.serverMaterial?.(tls) ?? tls.server);
  return { kind: 'server', context, alpn: [], ...wishes.server };
}

function clientOptions(network: Network, tls: TlsTools, wishes: Wishes): TlsClientOptions {
  const context = network.tlsContext(wishes.clientMaterial?.(tls) ?? tls.trusting);
  return { kind: 'client', context, serverName: 'db.example', verify: 'name', alpn: [], ...wishes.client };
}

function outcome(securing: Promise<SecuredConnection>): Promise<SecuredConnection | NetworkError> {
  return securing.catch((error: unknown) => {
    if (error instanceof NetworkError) return error;
    throw error;
  });
}

/** Joins two nodes, and lets `accept` have the accepted end. Everything is closed after `body`. */
async function withConnection(
  world: World,
  tools: ContractTools,
  accept: (connection: Connection) => void,
  body: (connection: Connection) => Promise<void>,
): Promise<void> {
  const listener = await world.network.listen(endpointOf('tcp', tools), accept);
  const connecting = tools.other.network.connect(listener.endpoint, connectLimits);
  const connection = await within(world.clock, connecting, 'connect');
  try {
    await body(connection);
  } finally {
    connection.destroy();
    await within(world.clock, listener.close(), 'closing the listener');
  }
}

/** Both ends try to speak TLS. */
async function shake(
  world: World,
  tools: ContractTools,
  wishes: Wishes,
  body: (outcomes: Outcomes) => Promise<void>,
): Promise<void> {
  const tls = tools.tls as TlsTools;
  let accepted: (outcome: Promise<SecuredConnection | NetworkError>) => void = () => undefined;
  const far = new Promise<SecuredConnection | NetworkError>((resolve) => {
    accepted = resolve;
  });
  const accept = (connection: Connection): void =>
    accepted(outcome(world.network.secure(connection, serverOptions(world.network, tls, wishes))));
  await withConnection(world, tools, accept, async (connection) => {
    const { network } = tools.other;
    const near = outcome(network.secure(connection, clientOptions(network, tls, wishes)));
    const [nearEnd, farEnd] = await within(world.clock, Promise.all([near, far]), 'the handshake');
    try {
      await body({ near: nearEnd, far: farEnd });
    } finally {
      for (const end of [nearEnd, farEnd]) if (!(end instanceof NetworkError)) end.connection.destroy();
    }
  });
}

function secured(end: SecuredConnection | NetworkError): SecuredConnection {
  if (end instanceof NetworkError) throw end;
  return end;
}

function codeOf(end: SecuredConnection | NetworkError): string {
  return end instanceof NetworkError ? end.code : 'secured';
}

const agreeing: readonly ContractTest[] = [
  {
    name: 'tls: both ends learn the same, and what one sends the other gets',
    run: (world, tools) =>
      shake(world, tools, {}, async (outcomes) => {
        const [near, far] = [secured(outcomes.near), secured(outcomes.far)];
        expect(/^TLSv1\.[23]$/.test(near.facts.protocol) && near.facts.cipher !== '', 'protocol and cipher are known');
        expectSame(near.facts.protocol, far.facts.protocol, 'the protocol');
        expectSame(near.facts.serverCertificate, far.facts.serverCertificate, "the server's certificate");
        expect(near.facts.serverCertificate !== undefined, 'a server has a certificate');
        expectSame([far.facts.clientCertificate, near.facts.alpn], [undefined, undefined], 'what nobody asked for');
        const [nearPeer, farPeer] = [near, far].map((end) => new Peer(end.connection, world.clock)) as [Peer, Peer];
        nearPeer.write(utf8('question'));
        farPeer.attach();
        await farPeer.until(() => farPeer.bytes === 8, 'the question');
        farPeer.write(utf8('answer'));
        nearPeer.attach();
        await nearPeer.until(() => nearPeer.bytes === 6, 'the answer');
        expectSame([utf8Text(farPeer.received()), utf8Text(nearPeer.received())], ['question', 'answer'], 'both');
      }),
  },
  {
    name: 'tls: the server chooses a protocol that both speak',
    run: (world, tools) =>
      shake(world, tools, { server: { alpn: ['b', 'c'] }, client: { alpn: ['a', 'c'] } }, async ({ near, far }) => {
        expectSame([secured(near).facts.alpn, secured(far).facts.alpn], ['c', 'c'], 'the protocol');
      }),
  },
  {
    name: 'tls: a client that offers no protocol is served by a server that has one',
    run: (world, tools) =>
      shake(world, tools, { server: { alpn: ['b'] } }, async ({ near, far }) => {
        expectSame([secured(near).facts.alpn, secured(far).facts.alpn], [undefined, undefined], 'the protocol');
      }),
  },
  {
    name: 'tls: a handshake that was begun without asking goes on with what was read of it',
    async run(world, tools): Promise<void> {
      const tls = tools.tls as TlsTools;
      let far: Peer | undefined;
      const done: (SecuredConnection | NetworkError)[] = [];
      const accept = (connection: Connection): void => {
        far = new Peer(connection, world.clock);
        far.onData = (piece): void => {
          const options = { ...serverOptions(world.network, tls, {}), received: piece };
          void outcome(world.network.secure(connection, options)).then((end) => done.push(end));
        };
        far.attach();
      };
      await withConnection(world, tools, accept, async (connection) => {
        const { network } = tools.other;
        const near = network.secure(connection, clientOptions(network, tls, {}));
        const peer = new Peer((await within(world.clock, near, 'the handshake')).connection, world.clock).attach();
        while (done.length === 0) await world.clock.sleep(1);
        expectSame(far?.pieces.length, 1, 'pieces told to the handler of the plain connection');
        secured(done[0] as SecuredConnection).connection.write(utf8('hello'));
        await peer.until(() => peer.bytes === 5, 'the greeting');
        peer.destroy();
        secured(done[0] as SecuredConnection).connection.destroy();
      });
    },
  },
];

const certificates: readonly ContractTest[] = [
  {
    name: 'tls: a server with authorities learns who the client is',
    run: (world, tools) => {
      const wishes: Wishes = {
        serverMaterial: (tls) => ({ ...tls.server, ...tls.trusting }),
        clientMaterial: (tls) => ({ ...tls.client, ...tls.trusting }),
      };
      return shake(world, tools, wishes, async ({ far }) => {
        const client = secured(far).facts.clientCertificate;
        expectSame([client?.commonName, client?.verified, client?.problem], ['joe', true, undefined], 'the client');
        expect(client?.distinguishedName.startsWith('CN=joe') === true, 'the name begins with its last part');
      });
    },
  },
  {
    name: "tls: a client's certificate from elsewhere is told as what it is",
    run: (world, tools) => {
      const wishes: Wishes = {
        serverMaterial: (tls) => ({ ...tls.server, ...tls.trusting }),
        clientMaterial: (tls) => ({ ...tls.stranger, ...tls.trusting }),
      };
      return shake(world, tools, wishes, async ({ far }) => {
        const client = secured(far).facts.clientCertificate;
        expectSame([client?.commonName, client?.verified], ['joe', false], 'the client');
        expect(client?.problem !== undefined, 'it says why');
      });
    },
  },
  {
    name: 'tls: a client without a certificate is served',
    run: (world, tools) =>
      shake(world, tools, { serverMaterial: (tls) => ({ ...tls.server, ...tls.trusting }) }, async ({ far }) => {
        expectSame(secured(far).facts.clientCertificate, undefined, 'the certificate');
      }),
  },
  ...(
    [
      ['an issuer that it does not trust', 'chain', (tls) => tls.stranger, {}, 'tls'],
      ['an issuer that it does not ask for', 'none', (tls) => tls.stranger, {}, 'secured'],
      ['another name than that of the server', 'name', (tls) => tls.server, { serverName: 'other.example' }, 'tls'],
      ['another name that it does not ask for', 'chain', (tls) => tls.server, { serverName: 'x.example' }, 'secured'],
    ] as const satisfies readonly (readonly [
      string,
      TlsClientOptions['verify'],
      (tls: TlsTools) => TlsMaterial,
      object,
      string,
    ])[]
  ).map(([what, verify, serverMaterial, more, expected]): ContractTest => ({
    name: `tls: a client that meets ${what} is ${expected === 'tls' ? 'rejected' : 'content'}`,
    run: (world, tools) =>
      shake(world, tools, { client: { verify, ...more }, serverMaterial }, async ({ near }) => {
        expectSame(codeOf(near), expected, 'what becomes of it');
      }),
  })),
  {
    name: 'tls: without authorities a client trusts nobody',
    run: (world, tools) =>
      shake(world, tools, { client: { verify: 'chain' }, clientMaterial: () => ({}) }, async ({ near }) => {
        expectSame(codeOf(near), 'tls', 'what becomes of it');
      }),
  },
  {
    name: 'tls: material that is none is refused at once',
    async run(world, tools): Promise<void> {
      const { server, client } = tools.tls as TlsTools;
      const garbage = utf8('no certificate');
      const wrong: readonly TlsMaterial[] = [
        { ...server, certificate: garbage },
        { ...server, key: garbage },
        { authorities: garbage },
        { ...server, key: client.key as Uint8Array },
        { certificate: server.certificate as Uint8Array },
      ];
      const codes = wrong.map((material) => {
        try {
          world.network.tlsContext(material);
          return 'taken';
        } catch (error) {
          return error instanceof NetworkError ? error.code : error;
        }
      });
      expectSame(
        codes,
        wrong.map(() => 'tls'),
        'how it was refused',
      );
    },
  },
];

const failing: readonly ContractTest[] = [
  {
    name: 'tls: without a protocol that both speak, neither end is served',
    run: (world, tools) =>
      shake(world, tools, { server: { alpn: ['b'] }, client: { alpn: ['a'] } }, async ({ near, far }) => {
        expect(near instanceof NetworkError && far instanceof NetworkError, 'both fail');
        expectSame(codeOf(far), 'tls', 'the code');
      }),
  },
  ...(['server', 'client'] as const).map((who): ContractTest => ({
    name: `tls: a ${who} whose peer does not speak it is rejected, and its connection closed`,
    async run(world, tools): Promise<void> {
      const tls = tools.tls as TlsTools;
      const ends: Promise<SecuredConnection | NetworkError>[] = [];
      const peers: Peer[] = [];
      const speak = (connection: Connection, network: Network): void => {
        const options =
          who === 'server' ? serverOptions(network, tls, {}) : clientOptions(network, tls, { client: {} });
        ends.push(outcome(network.secure(connection, options)));
      };
      const beSilent = (connection: Connection): void => {
        const peer = new Peer(connection, world.clock).attach();
        peer.onEnd = (): void => peer.destroy();
        peer.write(utf8('a message of a protocol that knows nothing of TLS\n'));
        peers.push(peer);
      };
      const accept = (connection: Connection): void =>
        who === 'server' ? speak(connection, world.network) : beSilent(connection);
      await withConnection(world, tools, accept, async (connection) => {
        if (who === 'server') beSilent(connection);
        else speak(connection, tools.other.network);
        const end = await within(world.clock, ends[0] as Promise<SecuredConnection | NetworkError>, 'the handshake');
        expectSame(codeOf(end), 'tls', 'what becomes of it');
        await peers[0]?.until(() => peers[0]?.isClosed === true || peers[0]?.ended === true, 'the end');
      });
    },
  })),
  {
    name: 'tls: an end whose peer leaves before it is established is rejected',
    async run(world, tools): Promise<void> {
      const accept = (connection: Connection): void => {
        const peer = new Peer(connection, world.clock).attach();
        peer.onData = (): void => peer.destroy();
      };
      await withConnection(world, tools, accept, async (connection) => {
        const { network } = tools.other;
        const secure = outcome(network.secure(connection, clientOptions(network, tools.tls as TlsTools, {})));
        expect((await within(world.clock, secure, 'the handshake')) instanceof NetworkError, 'it fails');
      });
    },
  },
  {
    name: 'tls: destroying the plain connection ends the handshake',
    async run(world, tools): Promise<void> {
      const accept = (connection: Connection): void => void new Peer(connection, world.clock).attach();
      await withConnection(world, tools, accept, async (connection) => {
        const { network } = tools.other;
        const secure = outcome(network.secure(connection, clientOptions(network, tools.tls as TlsTools, {})));
        await world.clock.sleep(5);
        connection.destroy();
        expect((await within(world.clock, secure, 'the rejection')) instanceof NetworkError, 'it fails');
      });
    },
  },
];

/** A world whose connections all speak TLS before anybody sees them. */
function encrypted(world: World, tls: TlsTools): World {
  const { network } = world;
  const contextOf = (material: TlsMaterial): TlsContext => network.tlsContext(material);
  const server = { kind: 'server', context: contextOf(tls.server), alpn: [] } as const;
  const client = { ...clientOptions(network, tls, {}), context: contextOf(tls.trusting) };
  const listen: Network['listen'] = (endpoint, accept) =>
    network.listen(endpoint, (plain) => {
      network.secure(plain, server).then(
        ({ connection }) => accept(connection),
        () => undefined,
      );
    });
  const connect: Network['connect'] = async (endpoint, options) => {
    const plain = await network.connect(endpoint, options);
    return (await network.secure(plain, client)).connection;
  };
  return {
    ...world,
    network: {
      listen,
      connect,
      tlsContext: contextOf,
      secure: (connection, options) => network.secure(connection, options),
    },
  };
}

/** What is said of listeners means nothing once it is not the listener who accepts. */
const ofListenersOnly = /unix|accept attaches nothing/;

const asPlain: readonly ContractTest[] = [...networkFlowContract, ...networkEndingContract]
  .filter(({ name }) => !ofListenersOnly.test(name))
  .map(({ name, run }) => ({
    name: `over TLS, ${name}`,
    async run(world, tools): Promise<void> {
      const tls = tools.tls as TlsTools;
      await run(encrypted(world, tls), { ...tools, other: encrypted(tools.other, tls) });
    },
  }));

export const networkTlsContract: readonly ContractTest[] = [...agreeing, ...certificates, ...failing, ...asPlain].map(
  ({ name, run }) => ({
    name,
    run: async (world, tools) => (tools.tls === undefined ? undefined : run(world, tools)),
  }),
);
