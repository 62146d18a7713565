import { backoffMs, PgError, type Endpoint, type Timer, type World } from '@multigres/core';
import { client, PoolerService, type PoolerStatus, type RpcChannel, type RpcTransport } from '@multigres/rpc';

const heartbeatMs = 500;
/** Several heartbeats were lost: the stream is begun anew. */
const silenceMs = 2_000;
const pauses = { firstMs: 100, lastMs: 1_000 } as const;

/** Follows one pooler's health stream, again and again until it is closed. */
export class HealthWatch {
  readonly #world: World;
  readonly #heard: (status: PoolerStatus) => void;
  readonly #channel: RpcChannel;
  #attempt = 0;
  #timer: Timer | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(world: World, rpc: RpcTransport, endpoint: Endpoint, heard: (status: PoolerStatus) => void) {
    this.#world = world;
    this.#heard = heard;
    this.#channel = rpc.connect(endpoint);
    void this.#follow();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#cancel?.();
    this.#channel.close();
  }

  async #follow(): Promise<void> {
    const stream = client(PoolerService, this.#channel).watchHealth({ heartbeatMs }, { idleMsMax: silenceMs });
    this.#cancel = () => stream.cancel();
    try {
      for await (const { status } of stream) {
        if (this.#closed) return;
        this.#attempt = 0;
        if (status !== undefined) this.#heard(status);
      }
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
    }
    if (this.#closed) return;
    const pauseMs = backoffMs(this.#attempt, this.#world.random, pauses);
    this.#attempt += 1;
    this.#timer = this.#world.clock.after(pauseMs, () => void this.#follow());
  }
}
