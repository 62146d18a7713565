import {
  backendTag,
  decodeErrorResponse,
  Deframer,
  encodeQuery,
  encodeStartupMessage,
  MessageWriter,
  type FrameSink,
} from '@multigres/pgwire';
import { BenchError } from '../errors.ts';
import type { Address } from '../peers/peer.ts';
import { dial, type Wire, type WireHandler } from './dial.ts';
import type { Identity } from './session.ts';

/** What came for one statement, and how long that took. */
export interface Streamed {
  readonly bytes: number;
  readonly seconds: number;
}

/** Sends one statement, counts the bytes of what comes back and keeps none of them. Rejects with a BenchError if it fails. */
export function readStream(address: Address, identity: Identity, sql: string): Promise<Streamed> {
  return new Promise((resolve, reject) => {
    // It lives by its connection.
    void new Reader(address, identity, sql, resolve, reject);
  });
}

class Reader implements WireHandler, FrameSink {
  readonly #identity: Identity;
  readonly #sql: string;
  readonly #wire: Wire;
  readonly #resolve: (streamed: Streamed) => void;
  readonly #reject: (error: BenchError) => void;
  readonly #deframer: Deframer = new Deframer(this, { wholeBytesMax: 1 << 16, messageBytesMax: 0x3fff_ffff });
  #beganMs = 0;
  #bytes = 0;
  #isAsked = false;

  constructor(
    address: Address,
    identity: Identity,
    sql: string,
    resolve: (streamed: Streamed) => void,
    reject: (error: BenchError) => void,
  ) {
    this.#identity = identity;
    this.#sql = sql;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#wire = dial(address, undefined, this);
  }

  connected(): void {
    const writer = new MessageWriter(256);
    const { user, database } = this.#identity;
    encodeStartupMessage(writer, { major: 3, minor: 0 }, [
      ['user', user],
      ['database', database],
    ]);
    this.#wire.write(writer.take());
  }

  data(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#deframer.feed(bytes);
  }

  closed(): void {
    this.#reject(new BenchError('the connection ended before the result did'));
  }

  part(): void {}

  frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (tag === backendTag.errorResponse) {
      const text = decodeErrorResponse(buffer, start, end)?.report.message ?? 'an error that cannot be read';
      this.#reject(new BenchError(`the server says: ${text}`));
    } else if (tag === backendTag.readyForQuery) this.#ready();
  }

  #ready(): void {
    if (this.#isAsked) {
      this.#resolve({ bytes: this.#bytes, seconds: (performance.now() - this.#beganMs) / 1000 });
      return this.#wire.close();
    }
    this.#isAsked = true;
    this.#bytes = 0;
    this.#beganMs = performance.now();
    const writer = new MessageWriter(256);
    encodeQuery(writer, this.#sql);
    this.#wire.write(writer.take());
  }
}
