import { connect } from 'node:net';
import path from 'node:path';
import { utf8, type Child, type Endpoint, type World } from '@multigres/core';
import { EtcdClient } from '../etcd-client.ts';
import { KV } from '../gen/etcdserverpb/rpc_pb.ts';

export type TcpEndpoint = Extract<Endpoint, { kind: 'tcp' }>;

/** A port of this machine on which nobody listens now. */
export async function freePort(world: World): Promise<TcpEndpoint> {
  const any = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const listener = await world.network.listen(any, (connection) => connection.destroy());
  await listener.close();
  return listener.endpoint as TcpEndpoint;
}

function listens(endpoint: TcpEndpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(endpoint.port, endpoint.host);
    const end = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}

export interface OwnEtcdPlace {
  readonly program: string;
  /** Its data is in a folder of its name inside. */
  readonly folder: string;
  readonly name: string;
  readonly client: TcpEndpoint;
  readonly peer: TcpEndpoint;
}

const url = (at: TcpEndpoint): string => `http://${at.host}:${at.port}`;

/** A member of an etcd of the test's own. */
export class OwnEtcd {
  readonly endpoint: TcpEndpoint;
  readonly #world: World;
  readonly #place: OwnEtcdPlace;
  readonly #args: readonly string[];
  readonly #probe: EtcdClient;
  #child: Child | undefined;
  #stopped = false;

  /** `members`: all of them, itself included. */
  constructor(
    world: World,
    place: OwnEtcdPlace,
    members: readonly OwnEtcdPlace[] = [place],
    more: readonly string[] = [],
  ) {
    this.#world = world;
    this.#place = place;
    this.endpoint = place.client;
    this.#probe = new EtcdClient(world.clock, [place.client]);
    this.#args = [
      ['--name', place.name],
      ['--data-dir', path.join(place.folder, place.name)],
      ['--listen-client-urls', url(place.client)],
      ['--advertise-client-urls', url(place.client)],
      ['--listen-peer-urls', url(place.peer)],
      ['--initial-advertise-peer-urls', url(place.peer)],
      ['--initial-cluster', members.map(({ name, peer }) => `${name}=${url(peer)}`).join(',')],
      ['--log-level', 'error'],
      ['--unsafe-no-fsync'],
      more,
    ].flat();
  }

  /** Resolves when it listens: with others, once a quorum of them has started. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const child = await this.#world.processes.spawn({ program: this.#place.program, args: this.#args });
    this.#child = child;
    let ended = false;
    void child.exited.then(() => (ended = true));
    const lateMs = this.#world.clock.nowMs() + 20_000;
    while (!(await listens(this.endpoint))) {
      if (ended || this.#world.clock.nowMs() > lateMs) throw new Error('etcd did not start');
      await this.#world.clock.sleep(20);
    }
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#child?.signal('SIGKILL');
    await this.#child?.exited;
    this.#child = undefined;
    this.#stopped = false;
  }

  /** SIGSTOP; resolves when it has twice not answered, because a signal takes effect a little later than it is sent. */
  async stop(): Promise<void> {
    this.#child?.signal('SIGSTOP');
    this.#stopped = true;
    for (let unanswered = 0; unanswered < 2;) unanswered = (await this.answers()) ? 0 : unanswered + 1;
  }

  continue(): void {
    if (this.#stopped) this.#child?.signal('SIGCONT');
    this.#stopped = false;
  }

  /** Whether it answers a linearizable read. */
  answers(): Promise<boolean> {
    return this.#probe.unary(KV.method.range, { key: utf8('x') }, { deadlineMs: 300, kind: 'read' }).then(
      () => true,
      () => false,
    );
  }

  async end(): Promise<void> {
    this.#probe.close();
    await this.kill();
  }
}
