import { malformedFrame } from './errors.ts';

/**
 * Flow control per session and direction: a sender may have `windowBytes` under way, the receiver gives credit back as it hands bytes on.
 * A slow reader so stops its own session's source, never its neighbours, and neither side buffers without bound.
 */
export const windowBytes: number = 256 * 1024;
const creditQuantumBytes: number = windowBytes / 4;

export class SendWindow {
  #left: number = windowBytes;

  /** True while more may be sent. One piece may overshoot, so the bound is `windowBytes` and one piece. */
  get open(): boolean {
    return this.#left > 0;
  }

  sent(bytes: number): void {
    this.#left -= bytes;
  }

  /** Throws what ends the link (08P01) if that is more than was sent: nothing behind it can be trusted. */
  credited(bytes: number): void {
    this.#left += bytes;
    if (this.#left > windowBytes) throw malformedFrame();
  }
}

export class ReceiveWindow {
  #owed = 0;

  /** Bytes were handed on: answers the credit to send now, or 0 while it is too little to be worth a frame. */
  consumed(bytes: number): number {
    this.#owed += bytes;
    if (this.#owed < creditQuantumBytes) return 0;
    const credit = this.#owed;
    this.#owed = 0;
    return credit;
  }
}
