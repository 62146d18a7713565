import { concat } from '../../base/bytes.ts';
import type { Clock } from '../clock.ts';
import type { Connection, ConnectionHandler, Endpoint, Listener, NetworkError } from '../network.ts';
import type { World } from '../world.ts';
import type { ContractTools } from './contract-test.ts';
import { ContractBroken, expect, isPlain, within } from './expect.ts';

/**
 * One end of a connection under test. It records what the handler is told, and checks on every call what holds for every connection:
 * calls do not overlap, do not happen inside a call of ours, bring no empty data, and nothing follows `closed`.
 */
export class Peer implements ConnectionHandler {
  readonly connection: Connection;
  readonly #clock: Clock;
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  ended = false;
  drains = 0;
  readonly closes: (NetworkError | undefined)[] = [];
  /** What goes wrong in a callback cannot be thrown there; the next `until` throws it. */
  #broken: string | undefined;
  #inCall = false;
  #inHandler = false;
  #owedDrain = false;
  #watchers: (() => void)[] = [];
  /** What to do on data, from within the call. */
  onData: (piece: Uint8Array) => void = () => undefined;
  onEnd: () => void = () => undefined;

  constructor(connection: Connection, clock: Clock) {
    this.connection = connection;
    this.#clock = clock;
  }

  data(piece: Uint8Array): void {
    this.#handle('data', () => {
      if (piece.length === 0) this.#broken ??= 'data is never empty';
      if (!isPlain(piece)) this.#broken ??= 'data is a plain array';
      if (this.ended) this.#broken ??= 'no data after end';
      this.pieces.push(piece.slice());
      this.bytes += piece.length;
      this.onData(piece);
    });
  }

  end(): void {
    this.#handle('end', () => {
      if (this.ended) this.#broken ??= 'end comes once';
      this.ended = true;
      this.onEnd();
    });
  }

  drain(): void {
    this.#handle('drain', () => {
      this.drains += 1;
      if (!this.#owedDrain) this.#broken ??= 'drain comes only after write answered false';
      this.#owedDrain = false;
      if (this.connection.backlogBytes !== 0) this.#broken ??= 'the backlog is gone when drain is called';
    });
  }

  closed(error: NetworkError | undefined): void {
    this.#handle('closed', () => this.closes.push(error));
  }

  attach(): this {
    this.#call(() => this.connection.attach(this));
    return this;
  }

  write(bytes: Uint8Array): boolean {
    const more = this.#call(() => this.connection.write(bytes));
    if (!more) this.#owedDrain = true;
    return more;
  }

  pause(): void {
    this.#call(() => this.connection.pause());
  }

  resume(): void {
    this.#call(() => this.connection.resume());
  }

  finish(): void {
    this.#call(() => this.connection.end());
  }

  destroy(): void {
    this.#call(() => this.connection.destroy());
  }

  /** All that arrived. */
  received(): Uint8Array {
    return concat([new Uint8Array(0), ...this.pieces]);
  }

  get isClosed(): boolean {
    return this.closes.length > 0;
  }

  /** Waits until `holds` does, asking again whenever the handler was called. */
  async until(holds: () => boolean, what: string): Promise<void> {
    this.check();
    while (!holds()) {
      const next = new Promise<void>((resolve) => this.#watchers.push(resolve));
      await within(this.#clock, next, what);
      this.check();
    }
  }

  /** Throws if a call to the handler broke the contract. */
  check(): void {
    if (this.#broken !== undefined) throw new ContractBroken(this.#broken);
  }

  #handle(name: string, run: () => void): void {
    if (this.#inCall) this.#broken ??= `${name} was called inside a call to the connection`;
    if (this.#inHandler) this.#broken ??= `${name} was called inside another call to the handler`;
    if (this.isClosed) this.#broken ??= `${name} was called after closed`;
    this.#inHandler = true;
    run();
    this.#inHandler = false;
    for (const wake of this.#watchers.splice(0)) wake();
  }

  #call<T>(run: () => T): T {
    const outer = this.#inCall;
    this.#inCall = true;
    try {
      return run();
    } finally {
      this.#inCall = outer;
    }
  }
}

export const connectLimits = { timeoutMs: 5000 } as const;

export interface Pair {
  /** The end that connected, on the other node. */
  readonly near: Peer;
  /** The end that was accepted, on the world under test. */
  readonly far: Peer;
  readonly listener: Listener;
}

export type Transport = 'tcp' | 'unix';

export function endpointOf(transport: Transport, tools: ContractTools, name = 's'): Endpoint {
  return transport === 'tcp'
    ? { kind: 'tcp', host: tools.host, port: 0 }
    : { kind: 'unix', path: `${tools.directory}/${name}` };
}

/** The world that can connect to what listens on the world under test. */
export function dialer(transport: Transport, world: World, tools: ContractTools): World {
  return transport === 'tcp' ? tools.other : world;
}

/** Runs `body` with a listener whose accepted connections become peers, and closes everything after it. */
export async function withListener(
  world: World,
  endpoint: Endpoint,
  body: (listener: Listener, accepted: Peer[], arrived: (count: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const accepted: Peer[] = [];
  let wake: (() => void) | undefined;
  const listener = await world.network.listen(endpoint, (connection) => {
    accepted.push(new Peer(connection, world.clock).attach());
    wake?.();
  });
  const arrived = async (count: number): Promise<void> => {
    while (accepted.length < count) {
      const next = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await within(world.clock, next, `connection ${accepted.length + 1} of ${count} must be accepted`);
    }
  };
  try {
    await body(listener, accepted, arrived);
    for (const peer of accepted) peer.check();
  } finally {
    for (const peer of accepted) peer.destroy();
    await within(world.clock, listener.close(), 'closing the listener');
  }
}

/** Runs `body` with a connected pair, checks both ends' standing rules, and closes everything after it. */
export async function withPair(
  transport: Transport,
  world: World,
  tools: ContractTools,
  body: (pair: Pair) => Promise<void>,
): Promise<void> {
  await withListener(world, endpointOf(transport, tools), async (listener, accepted, arrived) => {
    const from = dialer(transport, world, tools);
    const connection = await within(world.clock, from.network.connect(listener.endpoint, connectLimits), 'connect');
    const near = new Peer(connection, world.clock).attach();
    await arrived(1);
    const far = accepted[0];
    expect(far !== undefined, 'the connection was accepted');
    try {
      await body({ near, far, listener });
      near.check();
    } finally {
      near.destroy();
    }
  });
}

/** Bytes that differ all along, so that a piece in the wrong place shows. */
export function pattern(length: number, start = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = ((start + i) * 2_654_435_761) >>> 24;
  return bytes;
}
