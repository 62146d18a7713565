import type { Clock, Connection, ConnectionHandler, Endpoint, Network, World } from '@multigres/core';

/** The ways between nodes of a quiet world. On one that is cut nothing arrives, and nobody is told. */
export class Cables {
  readonly #cut: Set<string> = new Set();
  readonly #held: Map<string, (() => void)[]> = new Map();

  cut(a: string, b: string): void {
    this.#cut.add(way(a, b));
  }

  /** What was sent meanwhile arrives now. */
  mend(a: string, b: string): void {
    this.#cut.delete(way(a, b));
    for (const deliver of this.#held.get(way(a, b))?.splice(0) ?? []) deliver();
  }

  /** The world of a node, whose connections go along these ways; the other end is the node with the host's name. */
  world(world: World, node: string): World {
    const connect: Network['connect'] = async (endpoint, options) => {
      const to = nodeOf(endpoint);
      if (this.#cut.has(way(node, to))) await world.clock.sleep(options.timeoutMs);
      return this.#along(await world.network.connect(endpoint, options), world.clock, way(node, to));
    };
    const { network } = world;
    return {
      ...world,
      network: {
        listen: (endpoint, accept, options) => network.listen(endpoint, accept, options),
        connect,
        tlsContext: (material) => network.tlsContext(material),
        secure: (connection, options) => network.secure(connection, options),
      },
    };
  }

  /** Runs it now, or when the way is mended, in order. */
  #pass(name: string, deliver: () => void): void {
    const held = this.#held.get(name) ?? [];
    this.#held.set(name, held);
    if (this.#cut.has(name) || held.length > 0) held.push(deliver);
    else deliver();
  }

  #along(connection: Connection, clock: Clock, name: string): Connection {
    const pass = (deliver: () => void): void => this.#pass(name, deliver);
    let handler: ConnectionHandler | undefined;
    // Closed at this end: the other one hears of it when the way is free.
    let gone = false;
    return {
      remote: connection.remote,
      attach: (attached) => {
        handler = attached;
        connection.attach({
          data: (bytes) => {
            const copy = bytes.slice();
            pass(() => gone || handler?.data(copy));
          },
          end: () => pass(() => gone || handler?.end()),
          drain: () => gone || handler?.drain(),
          closed: (error) => pass(() => gone || handler?.closed(error)),
        });
      },
      write: (bytes) => {
        pass(() => connection.write(bytes));
        return true;
      },
      get backlogBytes(): number {
        return connection.backlogBytes;
      },
      pause: () => connection.pause(),
      resume: () => connection.resume(),
      end: () => pass(() => connection.end()),
      destroy: () => {
        if (gone) return;
        gone = true;
        clock.soon(() => handler?.closed(undefined));
        pass(() => connection.destroy());
      },
    };
  }
}

const way = (a: string, b: string): string => [a, b].toSorted().join('-');

function nodeOf(endpoint: Endpoint): string {
  return endpoint.kind === 'tcp' ? endpoint.host : '';
}
