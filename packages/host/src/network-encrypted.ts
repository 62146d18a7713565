import type { ConnectionHandler } from '@multigres/core';
import { HostConnection } from './network-connection.ts';

/**
 * A connection on Node's TLS socket. Pausing one does not stop its reading from the system, up to some buffer, and it tells the end of the stream even
 * while it is paused: that is put by here.
 */
export class EncryptedConnection extends HostConnection {
  #listens = false;
  #owesEnd = false;

  override attach(handler: ConnectionHandler): void {
    super.attach(handler);
    this.#listens ||= !this.isPaused;
    this.#tellEndSoon();
  }

  override pause(): void {
    super.pause();
    this.#listens = false;
  }

  override resume(): void {
    super.resume();
    this.#listens = this.isAttached;
    this.#tellEndSoon();
  }

  override toldEnd(): void {
    if (this.#listens) super.toldEnd();
    else this.#owesEnd = true;
  }

  /** Not inside the call that asked for it. */
  #tellEndSoon(): void {
    if (!this.#owesEnd || !this.#listens) return;
    setImmediate(() => {
      if (!this.#owesEnd || !this.#listens) return;
      this.#owesEnd = false;
      super.toldEnd();
    });
  }
}
