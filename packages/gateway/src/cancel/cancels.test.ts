import { quietWorld } from '@multigres/core/quiet';
import { BodyReader, type Answer, type Question } from '@multigres/relay';
import { describe, expect, it } from 'vitest';
import { CancelKeys } from './cancel-keys.ts';
import { batchesMax, batchMax, Cancels, queueMax, type Cancellable, type CancelCounters } from './cancels.ts';

class FakeSession implements Cancellable {
  cancels = 0;
  /** Ends the latest cancel, for sessions whose signals take their time. */
  finish: () => void = () => undefined;
  readonly #takesTime: boolean;

  constructor(takesTime = false) {
    this.#takesTime = takesTime;
  }

  cancel(): Promise<void> | undefined {
    this.cancels += 1;
    return this.#takesTime ? new Promise((resolve) => (this.finish = resolve)) : undefined;
  }
}

function counters(): CancelCounters {
  const { metrics } = quietWorld().telemetry;
  return { cancels: metrics.counter('found_total', 'found'), strayCancels: metrics.counter('stray_total', 'stray') };
}

interface Gateway {
  readonly keys: CancelKeys<Cancellable>;
  readonly cancels: Cancels;
  readonly counted: CancelCounters;
}

/** Gateways that ask each other, and what they asked. */
function gateways(count: number): { readonly all: readonly Gateway[]; readonly asked: Question[] } {
  const { random } = quietWorld();
  const asked: Question[] = [];
  const all: Gateway[] = Array.from({ length: count }, (_, at) => {
    const keys = new CancelKeys<Cancellable>(random.fork(`gateway ${at}`));
    const ask = async (question: Question): Promise<readonly Answer[]> => {
      asked.push(question);
      const others = all.filter((_gateway, other) => other !== at);
      return Promise.all(
        others.map(async ({ cancels }) => ({ from: '', body: await cancels.asked(new BodyReader(question.body)) })),
      );
    };
    const counted = counters();
    return { keys, cancels: new Cancels(keys, ask, counted), counted };
  });
  return { all, asked };
}

describe('a cancel', () => {
  it('of a session of this gateway asks nobody', () => {
    const { all, asked } = gateways(2);
    const session = new FakeSession();
    const [here] = all as [Gateway];
    expect(here.cancels.requested(here.keys.issue(session))).toBeUndefined();
    expect([session.cancels, asked.length, here.counted.cancels.value]).toEqual([1, 0, 1]);
  });

  it('reaches the session at another gateway before its connection is closed, and no other session', async () => {
    const { all } = gateways(3);
    const [here, there, elsewhere] = all as [Gateway, Gateway, Gateway];
    const [meant, neighbour, stranger] = [new FakeSession(), new FakeSession(), new FakeSession()];
    there.keys.issue(neighbour);
    elsewhere.keys.issue(stranger, 32);
    await here.cancels.requested(there.keys.issue(meant, 32));
    expect([meant.cancels, neighbour.cancels, stranger.cancels]).toEqual([1, 0, 0]);
    expect([here.counted.cancels.value, here.counted.strayCancels.value]).toEqual([1, 0]);
  });

  it('keeps its connection until the signal was sent, here and at another gateway', async () => {
    const { all } = gateways(2);
    const [here, there] = all as [Gateway, Gateway];
    const session = new FakeSession(true);
    const key = there.keys.issue(session);
    for (const { cancels } of [there, here]) {
      let over = false;
      const done = Promise.resolve(cancels.requested(key)).then(() => (over = true));
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      expect(over).toBe(false);
      session.finish();
      await done;
    }
  });

  it('with a wrong secret, or a part of the right one, hits nobody anywhere', async () => {
    const { all } = gateways(2);
    const [here, there] = all as [Gateway, Gateway];
    const session = new FakeSession();
    const { processId, secretKey } = there.keys.issue(session);
    const wrong = secretKey.map((byte) => byte ^ 1);
    for (const guess of [wrong, secretKey.subarray(0, 3), new Uint8Array(0), Uint8Array.of(...secretKey, 0)]) {
      await here.cancels.requested({ processId, secretKey: guess });
      await there.cancels.requested({ processId, secretKey: guess });
    }
    expect(session.cancels).toBe(0);
    expect([here.counted.cancels.value, here.counted.strayCancels.value]).toEqual([0, 4]);
    there.keys.revoke({ processId, secretKey });
    await here.cancels.requested({ processId, secretKey });
    expect(session.cancels).toBe(0);
  });

  it('with an unknown key is one of many in a question, and the rest is dropped while nobody answers', () => {
    const asked: Question[] = [];
    const cancels = new Cancels(
      new CancelKeys(quietWorld().random),
      (question) => {
        asked.push(question);
        return new Promise(() => {});
      },
      counters(),
    );
    const taken = Array.from({ length: 10_000 }, (_, at) =>
      cancels.requested({ processId: at, secretKey: new Uint8Array(4) }),
    ).filter((promise) => promise !== undefined);
    expect(asked.length).toBe(batchesMax);
    expect(asked.map(({ to }) => to)).toEqual(asked.map(() => 'others'));
    expect(taken.length).toBe(batchesMax + queueMax);
  });

  it('waits with others for its turn, and all of them are asked for in the end', async () => {
    const answers: (() => void)[] = [];
    const bodies: number[] = [];
    const cancels = new Cancels(
      new CancelKeys(quietWorld().random),
      ({ body }) => {
        bodies.push(new BodyReader(body).u32());
        return new Promise((resolve) => answers.push(() => resolve([])));
      },
      counters(),
    );
    const all = Array.from({ length: batchesMax + 2 * batchMax }, (_, at) =>
      cancels.requested({ processId: at, secretKey: new Uint8Array(4) }),
    );
    while (answers.length > 0) {
      answers.shift()?.();
      await Promise.resolve();
      await Promise.resolve();
    }
    for (const one of all) await one;
    expect(bodies).toEqual([...Array.from({ length: batchesMax }, () => 1), batchMax, batchMax]);
  });
});
