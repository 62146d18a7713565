import {
  NetworkError,
  ToyContext,
  formatEndpoint,
  secureWithToy,
  type ConnectOptions,
  type Connection,
  type Endpoint,
  type Listener,
  type Network,
} from '@multigres/core';
import { eventKind, type Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';
import { SimConnection, type ConnectionHome } from './connection.ts';
import { Links, type NetworkWeather } from './link.ts';

interface Listening {
  readonly life: Life;
  readonly machine: string;
  readonly endpoint: Endpoint;
  readonly accept: (connection: Connection) => void;
}

const localNames = new Set(['localhost', '127.0.0.1', '::1', '0.0.0.0', '::', '']);
const firstEphemeralPort = 49_152;

/** All machines' networks. `forProcess` gives one process its port of it. */
export class SimNetwork {
  readonly links: Links;
  readonly connections: Set<SimConnection> = new Set();
  /** Machines by name; false: without power. */
  readonly machines: Map<string, boolean> = new Map();
  /** Whether a socket file can be made at this path. */
  readonly #hasRoomFor: (machine: string, path: string) => boolean;
  readonly #kernel: Kernel;
  readonly #listening = new Map<string, Listening>();
  readonly #home: ConnectionHome;
  readonly #pairs = new Map<string, number>();
  #nextPort = firstEphemeralPort;

  constructor(
    kernel: Kernel,
    weather: NetworkWeather,
    backlogBytesMax: number,
    hasRoomFor: (machine: string, path: string) => boolean,
  ) {
    this.#hasRoomFor = hasRoomFor;
    this.#kernel = kernel;
    this.links = new Links(kernel, weather);
    this.#home = {
      kernel,
      links: this.links,
      backlogBytesMax,
      forget: (one, other) => {
        this.connections.delete(one);
        this.connections.delete(other);
      },
    };
  }

  forProcess(life: Life, machine: string): Network {
    return {
      listen: (endpoint, accept) => this.#listen(life, machine, endpoint, accept),
      connect: (endpoint, options) => this.#connect(life, machine, endpoint, options),
      tlsContext: (material) => new ToyContext(material),
      secure: secureWithToy,
    };
  }

  /** The system closes what a dead process held; without power it closes nothing, it is gone. */
  releaseAll(life: Life, how: 'killed' | 'powerLoss'): void {
    for (const [key, listening] of this.#listening) if (listening.life === life) this.#listening.delete(key);
    for (const connection of [...this.connections]) {
      if (connection.life !== life) continue;
      if (how === 'killed') connection.destroy();
      else connection.vanish();
    }
  }

  /** Resets the connections between two machines (a firewall, a NAT that forgets). */
  resetBetween(a: string, b: string): void {
    for (const connection of [...this.connections]) {
      if (connection.machine === a && connection.peerMachine === b) connection.broken('reset by the network');
    }
  }

  #key(machine: string, endpoint: Endpoint): string {
    return endpoint.kind === 'unix' ? `${machine}|${endpoint.path}` : `${machine}|${endpoint.port}`;
  }

  async #listen(
    life: Life,
    machine: string,
    asked: Endpoint,
    accept: (connection: Connection) => void,
  ): Promise<Listener> {
    const endpoint = asked.kind === 'tcp' && asked.port === 0 ? { ...asked, port: this.#freePort(machine) } : asked;
    const key = this.#key(machine, endpoint);
    await this.#pause(life);
    if (endpoint.kind === 'unix' && !this.#hasRoomFor(machine, endpoint.path)) {
      throw new NetworkError('other', `${endpoint.path}: no such directory`);
    }
    if (this.#listening.has(key)) {
      throw new NetworkError('inUse', `${formatEndpoint(endpoint)} is already in use on ${machine}`);
    }
    const listening: Listening = { life, machine, endpoint, accept };
    this.#listening.set(key, listening);
    return {
      endpoint,
      close: () => {
        if (this.#listening.get(key) === listening) this.#listening.delete(key);
        return this.#pause(life);
      },
    };
  }

  #freePort(machine: string): number {
    do this.#nextPort = this.#nextPort >= 65_535 ? firstEphemeralPort : this.#nextPort + 1;
    while (this.#listening.has(`${machine}|${this.#nextPort}`));
    return this.#nextPort;
  }

  #pause(life: Life): Promise<void> {
    return new Promise((resolve) => {
      this.#kernel.in(10, eventKind.connect, life, resolve);
    });
  }

  #connect(life: Life, machine: string, endpoint: Endpoint, options: ConnectOptions): Promise<Connection> {
    const target = endpoint.kind === 'unix' || localNames.has(endpoint.host) ? machine : endpoint.host;
    return new Promise((resolve, reject) => {
      new Connecting(this.#kernel, life, options.timeoutMs, resolve, reject).attempt((retry, answered) => {
        this.#knock(life, machine, target, endpoint, retry, answered);
      });
    });
  }

  /** One SYN: `retry` if it is lost, `answered` if not. */
  #knock(
    life: Life,
    machine: string,
    target: string,
    endpoint: Endpoint,
    retry: () => void,
    answered: (answer: SimConnection | NetworkError) => void,
  ): void {
    const kernel = this.#kernel;
    const out = this.links.between(machine, target);
    const back = this.links.between(target, machine);
    const random = kernel.random.fork(`connect/${machine}>${target}#${this.#count(`${machine}>${target}`)}`);
    const answer = (result: SimConnection | NetworkError): void => {
      kernel.at(this.links.arrivalUs(back, random), eventKind.connect, life, () => answered(result));
    };
    if (!this.machines.has(target)) {
      answer(new NetworkError('unreachable', `no machine is named ${target}`));
      return;
    }
    kernel.at(this.links.arrivalUs(out, random), eventKind.connect, kernel.god, () => {
      if (out.cut || back.cut || this.machines.get(target) !== true) {
        retry();
        return;
      }
      const listening = this.#listening.get(this.#key(target, endpoint));
      if (listening === undefined || (isLocalOnly(listening.endpoint) && machine !== target)) {
        answer(new NetworkError('refused', `connection to ${formatEndpoint(endpoint)} refused`));
        return;
      }
      if (life.alive) answer(this.#pair(life, machine, listening, endpoint));
    });
  }

  #count(pair: string): number {
    const count = (this.#pairs.get(pair) ?? 0) + 1;
    this.#pairs.set(pair, count);
    return count;
  }

  #pair(life: Life, machine: string, listening: Listening, endpoint: Endpoint): SimConnection {
    const kernel = this.#kernel;
    const between = `${life.name}>${listening.life.name}`;
    const name = `${between}#${this.#count(`pair ${between}`)}`;
    const random = kernel.random.fork(`net/${name}`);
    const port = this.#freePort(machine);
    const remoteOfServer = endpoint.kind === 'unix' ? endpoint.path : `${machine}:${port}`;
    const client = new SimConnection(
      this.#home,
      { life, machine, peerMachine: listening.machine, remote: formatEndpoint(endpoint), name },
      random.fork('client'),
    );
    const server = new SimConnection(
      this.#home,
      { life: listening.life, machine: listening.machine, peerMachine: machine, remote: remoteOfServer, name },
      random.fork('server'),
    );
    SimConnection.join(client, server);
    this.connections.add(client).add(server);
    kernel.in(0, eventKind.connect, listening.life, () => {
      if (server.closed) return;
      listening.accept(server);
      if (!server.attached) server.destroy();
    });
    return client;
  }
}

function isLocalOnly(endpoint: Endpoint): boolean {
  return endpoint.kind === 'tcp' && (endpoint.host === 'localhost' || endpoint.host === '127.0.0.1');
}

/** An attempt to connect: repeats the lost SYN with growing pauses until somebody answers or time is up. */
class Connecting {
  readonly #kernel: Kernel;
  readonly #life: Life;
  readonly #resolve: (connection: Connection) => void;
  readonly #reject: (error: NetworkError) => void;
  #over = false;
  #pauseUs = 1_000_000;

  constructor(
    kernel: Kernel,
    life: Life,
    timeoutMs: number,
    resolve: (connection: Connection) => void,
    reject: (error: NetworkError) => void,
  ) {
    this.#kernel = kernel;
    this.#life = life;
    this.#resolve = resolve;
    this.#reject = reject;
    kernel.in(timeoutMs * 1000, eventKind.connect, life, () => {
      if (this.#over) return;
      this.#over = true;
      this.#reject(new NetworkError('timeout', `no answer within ${timeoutMs} ms`));
    });
  }

  attempt(knock: (retry: () => void, answered: (answer: SimConnection | NetworkError) => void) => void): void {
    const retry = (): void => {
      const pauseUs = this.#pauseUs;
      this.#pauseUs *= 2;
      this.#kernel.in(pauseUs, eventKind.connect, this.#life, () => {
        if (!this.#over) this.attempt(knock);
      });
    };
    knock(retry, (answer) => this.#answered(answer));
  }

  #answered(answer: SimConnection | NetworkError): void {
    if (this.#over) {
      if (answer instanceof SimConnection) answer.destroy();
      return;
    }
    this.#over = true;
    if (answer instanceof SimConnection) this.#resolve(answer);
    else this.#reject(answer);
  }
}
