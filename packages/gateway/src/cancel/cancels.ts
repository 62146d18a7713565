import type { Counter } from '@multigres/core';
import { BodyReader, BodyWriter, type Answer, type Question } from '@multigres/relay';
import type { CancelKey, CancelKeys } from './cancel-keys.ts';

export interface Cancellable {
  /** Resolves when nothing of the cancel is under way any more; undefined: at once. */
  cancel(): Promise<void> | undefined;
}

/** CancelRequests that came here: those whose session was found somewhere, and the others. */
export interface CancelCounters {
  readonly cancels: Counter;
  readonly strayCancels: Counter;
}

interface Waiting {
  readonly key: CancelKey;
  readonly done: () => void;
}

/** Keys that are asked for in one question. */
export const batchMax = 256;
/** Questions at once. */
export const batchesMax = 8;
/** Keys that wait to be asked for; what comes on top is dropped, as a cancel may be at any time. */
export const queueMax = 4096;
const deadlineMs = 2_000;
const topic = 'cancel';

/**
 * Cancels what a CancelRequest means, at whichever gateway its session is: clients connect anew for it and may come to another gateway, or to
 * another worker of the same port. A key that is not ours is asked of all others. An unknown key costs each of them one look-up and some forty
 * bytes, many of them one question; how much of that is under way at once is bounded.
 */
export class Cancels {
  readonly #keys: CancelKeys<Cancellable>;
  readonly #ask: (question: Question) => Promise<readonly Answer[]>;
  readonly #counters: CancelCounters;
  readonly #queue: Waiting[] = [];
  #batches = 0;

  constructor(
    keys: CancelKeys<Cancellable>,
    ask: (question: Question) => Promise<readonly Answer[]>,
    counters: CancelCounters,
  ) {
    this.#keys = keys;
    this.#counters = counters;
    this.#ask = ask;
  }

  /**
   * A CancelRequest came. Answers when its connection may be closed: undefined for now, else a promise. As with Postgres itself, a client that sends its next
   * query after that does not have it cancelled: the close waits until the signal was sent, whatever gateway and pooler it goes through.
   */
  requested(key: CancelKey): Promise<void> | undefined {
    const session = this.#keys.find(key);
    if (session !== undefined) {
      this.#counters.cancels.add();
      return session.cancel();
    }
    if (this.#queue.length >= queueMax) {
      this.#counters.strayCancels.add();
      return undefined;
    }
    return new Promise((done) => {
      this.#queue.push({ key, done });
      this.#send();
    });
  }

  /** Another gateway asks for the keys that it does not know. */
  asked = async (body: BodyReader): Promise<Uint8Array> => {
    let found = 0;
    const under: Promise<void>[] = [];
    for (let left = body.u32(); left > 0; left--) {
      const session = this.#keys.find({ processId: body.u32(), secretKey: body.bytes() });
      if (session === undefined) continue;
      const done = session.cancel();
      if (done !== undefined) under.push(done);
      found += 1;
    }
    await Promise.all(under);
    return new BodyWriter().u32(found).done();
  };

  #send(): void {
    if (this.#queue.length === 0 || this.#batches >= batchesMax) return;
    const batch = this.#queue.splice(0, batchMax);
    const body = new BodyWriter().u32(batch.length);
    for (const { key } of batch) body.u32(key.processId).bytes(key.secretKey);
    this.#batches += 1;
    void this.#ask({ to: 'others', topic, body: body.done(), deadlineMs }).then((answers) => {
      this.#batches -= 1;
      const found = Math.min(batch.length, foundBy(answers));
      this.#counters.cancels.add(found);
      this.#counters.strayCancels.add(batch.length - found);
      for (const { done } of batch) done();
      this.#send();
    });
  }
}

function foundBy(answers: readonly Answer[]): number {
  let found = 0;
  for (const answer of answers) if ('body' in answer) found += new BodyReader(answer.body).u32();
  return found;
}
