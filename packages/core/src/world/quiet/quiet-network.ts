import {
  formatEndpoint,
  NetworkError,
  type ConnectOptions,
  type Connection,
  type Endpoint,
  type Listener,
  type Network,
} from '../network.ts';
import type { SecuredConnection, TlsClientOptions, TlsContext, TlsMaterial, TlsServerOptions } from '../tls.ts';
import { ToyContext } from '../toy-tls/toy-certificate.ts';
import { secureWithToy } from '../toy-tls/toy-tls.ts';
import type { FileTree } from './file-tree.ts';
import type { Kernel } from './kernel.ts';
import { QuietConnection } from './quiet-connection.ts';

interface Open {
  readonly endpoint: Endpoint;
  readonly accept: (connection: Connection) => void;
}

const anyHost = '0.0.0.0';

function hostOf(endpoint: Endpoint & { kind: 'tcp' }): string {
  if (endpoint.host === 'localhost' || endpoint.host === '::1') return '127.0.0.1';
  return endpoint.host === '::' ? anyHost : endpoint.host;
}

/** The wires between the nodes of a quiet world. A TCP address belongs to whoever listens on it; a path belongs to its node. */
export class Wires {
  readonly listeners: Map<string, Open> = new Map();
  readonly silent: Set<string> = new Set();
  #nextPort = 40_000;

  freePort(): number {
    return this.#nextPort++;
  }
}

export class QuietNetwork implements Network {
  readonly #kernel: Kernel;
  readonly #wires: Wires;
  readonly #node: string;
  readonly #files: FileTree;

  constructor(kernel: Kernel, wires: Wires, node: string, files: FileTree) {
    this.#kernel = kernel;
    this.#wires = wires;
    this.#node = node;
    this.#files = files;
  }

  async listen(asked: Endpoint, accept: (connection: Connection) => void): Promise<Listener> {
    const endpoint = asked.kind === 'tcp' && asked.port === 0 ? { ...asked, port: this.#wires.freePort() } : asked;
    this.#mayListen(endpoint);
    const key = this.#key(endpoint);
    const open = { endpoint, accept };
    this.#wires.listeners.set(key, open);
    const close = async (): Promise<void> => {
      if (this.#wires.listeners.get(key) === open) this.#wires.listeners.delete(key);
    };
    return { endpoint, close };
  }

  connect(endpoint: Endpoint, options: ConnectOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      if (this.#wires.silent.has(this.#key(endpoint))) {
        const late = new NetworkError(
          'timeout',
          `${formatEndpoint(endpoint)} did not answer in ${options.timeoutMs} ms`,
        );
        this.#kernel.timers.add(this.#kernel.nowMs, options.timeoutMs, () => reject(late));
        return;
      }
      this.#kernel.post(() => {
        const open = this.#find(endpoint);
        if (open) resolve(this.#establish(endpoint, open));
        else reject(new NetworkError('refused', `nobody listens on ${formatEndpoint(endpoint)}`));
      });
    });
  }

  tlsContext(material: TlsMaterial): TlsContext {
    return new ToyContext(material);
  }

  secure(connection: Connection, options: TlsServerOptions | TlsClientOptions): Promise<SecuredConnection> {
    return secureWithToy(connection, options);
  }

  /** From now on nobody answers there, neither yes nor no. */
  silence(endpoint: Endpoint): void {
    this.#wires.silent.add(this.#key(endpoint));
  }

  #establish(endpoint: Endpoint, open: Open): Connection {
    const path = formatEndpoint(open.endpoint);
    const from = endpoint.kind === 'unix' ? path : `127.0.0.1:${this.#wires.freePort()}`;
    const [near, far] = QuietConnection.pair(this.#kernel, formatEndpoint(endpoint), from);
    open.accept(far);
    if (!far.isAttached) far.destroy();
    return near;
  }

  #mayListen(endpoint: Endpoint): void {
    if (endpoint.kind === 'unix') {
      const directory = endpoint.path.slice(0, Math.max(1, endpoint.path.lastIndexOf('/')));
      if (this.#files.info(directory)?.kind !== 'directory') {
        throw new NetworkError('other', `the directory of ${endpoint.path} does not exist`);
      }
    }
    if (this.#conflicts(endpoint)) throw new NetworkError('inUse', `${formatEndpoint(endpoint)} is in use`);
  }

  #conflicts(endpoint: Endpoint): boolean {
    if (endpoint.kind === 'tcp' && hostOf(endpoint) === anyHost) {
      return [...this.#wires.listeners.values()].some(
        (open) => open.endpoint.kind === 'tcp' && open.endpoint.port === endpoint.port,
      );
    }
    return this.#find(endpoint) !== undefined;
  }

  #find(endpoint: Endpoint): Open | undefined {
    const open = this.#wires.listeners.get(this.#key(endpoint));
    if (open || endpoint.kind === 'unix') return open;
    return this.#wires.listeners.get(this.#key({ ...endpoint, host: anyHost }));
  }

  #key(endpoint: Endpoint): string {
    return endpoint.kind === 'unix' ? `${this.#node}:${endpoint.path}` : `${hostOf(endpoint)}:${endpoint.port}`;
  }
}
