import { utf8Text } from '@multigres/core';
import {
  Deframer,
  backendTag,
  decodeErrorResponse,
  encodeStartupMessage,
  MessageWriter,
  type FrameSink,
} from '@multigres/pgwire';
import type { Address } from '../peers/peer.ts';
import { dial, type Wire, type WireHandler } from './dial.ts';
import type { Lane } from './loop.ts';
import type { SelectStatement } from './statement.ts';

export interface Identity {
  readonly user: string;
  readonly database: string;
}

/** Told what becomes of the statements of a session that is open. */
export interface SessionOwner {
  answered(session: Session, isError: boolean): void;
  lost(session: Session): void;
}

const limits = { wholeBytesMax: 1 << 20, messageBytesMax: 0x3fff_ffff };

/** A session with a server that trusts us. Counts ReadyForQuery and looks at nothing else: a generator must not be what is slow. */
export class Session implements Lane, WireHandler, FrameSink {
  owner: SessionOwner | undefined;
  readonly #statement: SelectStatement;
  readonly #identity: Identity;
  readonly #deframer: Deframer = new Deframer(this, limits);
  readonly #wire: Wire;
  #state: 'login' | 'preparing' | 'open' | 'over' = 'login';
  #hasError = false;
  #opened: { resolve(): void; reject(error: Error): void } | undefined;

  private constructor(
    address: Address,
    sourceAddress: string | undefined,
    identity: Identity,
    statement: SelectStatement,
    opened: { resolve(): void; reject(error: Error): void },
  ) {
    this.#identity = identity;
    this.#statement = statement;
    this.#opened = opened;
    this.#wire = dial(address, sourceAddress, this);
  }

  /** Resolves when statements can be sent; rejects with what the server or the system says. */
  static open(
    address: Address,
    sourceAddress: string | undefined,
    identity: Identity,
    statement: SelectStatement,
  ): Promise<Session> {
    return new Promise((resolve, reject) => {
      const session: Session = new Session(address, sourceAddress, identity, statement, {
        resolve: () => resolve(session),
        reject,
      });
    });
  }

  send(): void {
    this.#wire.write(this.#statement.next());
  }

  close(): void {
    this.#wire.close();
  }

  connected(): void {
    const writer = new MessageWriter(256);
    const { user, database } = this.#identity;
    encodeStartupMessage(writer, { major: 3, minor: 0 }, [
      ['user', user],
      ['database', database],
      ['application_name', 'multigres bench'],
    ]);
    this.#wire.write(writer.take());
  }

  data(bytes: Uint8Array): void {
    this.#deframer.feed(bytes);
    if (this.#deframer.state !== 'flowing') this.#wire.close();
  }

  closed(error: Error | undefined): void {
    this.#state = 'over';
    this.#opened?.reject(error ?? new Error('the server closed the connection during the login'));
    this.#opened = undefined;
    this.owner?.lost(this);
  }

  frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (tag === backendTag.readyForQuery) this.#ready();
    else if (tag === backendTag.errorResponse) this.#refused(buffer, start, end);
    // AuthenticationOk is code 0 of its message; whoever asks for a password is told that we have none.
    else if (tag === backendTag.authentication && this.#state === 'login' && buffer[start + 8] !== 0)
      this.#fail('the server asks for a password, and this load comes without one');
  }

  part(): void {
    // A long message that nobody looks at.
  }

  #ready(): void {
    const isError = this.#hasError;
    this.#hasError = false;
    if (this.#state === 'open') return this.owner?.answered(this, isError);
    const preparation = this.#state === 'login' ? this.#statement.preparation() : undefined;
    if (preparation !== undefined) {
      this.#state = 'preparing';
      return this.#wire.write(preparation);
    }
    this.#state = 'open';
    this.#opened?.resolve();
    this.#opened = undefined;
  }

  #refused(buffer: Uint8Array, start: number, end: number): void {
    this.#hasError = true;
    if (this.#state === 'open') return;
    const report = decodeErrorResponse(buffer, start, end)?.report;
    this.#fail(report?.message ?? utf8Text(buffer.subarray(start, end)));
  }

  #fail(message: string): void {
    this.#opened?.reject(new Error(message));
    this.#opened = undefined;
    this.#wire.close();
  }
}
