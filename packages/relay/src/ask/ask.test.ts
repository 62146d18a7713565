import { PgError, type Connection } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { BodyWriter } from '../body.ts';
import { Link, type LinkHandler } from '../link.ts';
import { LongBody, longBytesMax } from './long-body.ts';
import type { Answer, Question } from './question.ts';
import { questionsMax } from './questions.ts';
import { Topics, type TopicHandler } from './topics.ts';

const deaf: LinkHandler = { hello: () => {}, frame: () => {}, closed: () => {} };

/** A pooler with gateways around it, each a Link and nothing more. */
class Wheel {
  readonly hub: Map<string, Link> = new Map();
  readonly rim: Map<string, Link> = new Map();
  readonly hubTopics: Topics = new Topics('pooler');
  readonly #world: QuietWorld;

  constructor(world: QuietWorld) {
    this.#world = world;
  }

  async gateway(name: string, topics: Topics = new Topics(name)): Promise<Link> {
    const { clock, network } = this.#world;
    const others = (): Link[] => [...this.hub].filter(([other]) => other !== name).map(([, link]) => link);
    const closing = { ...deaf, closed: () => this.hub.delete(name) };
    const accept = (theirs: Connection): void => {
      const hello = { version: 1, id: 'pooler' };
      const options = { hello, silenceMs: 60_000, topics: this.hubTopics, others };
      this.hub.set(name, new Link(theirs, clock, closing, options));
    };
    const listener = await network.listen({ kind: 'tcp', host: 'pooler', port: 0 }, accept);
    const ours = await this.#world.until(network.connect(listener.endpoint, { timeoutMs: 100 }));
    const rim = new Link(ours, clock, deaf, { hello: { version: 1, id: name }, silenceMs: 60_000, topics });
    this.rim.set(name, rim);
    await this.#world.settle();
    return rim;
  }
}

const echo: TopicHandler = (body, asker) => new BodyWriter().text(`${body.text()} for ${asker.name}`).done();
const never: TopicHandler = () => new Promise(() => {});
const refusing: TopicHandler = () => {
  throw new PgError({ sqlstate: '22023', message: 'no' });
};

function about(topic: string, more: Partial<Question> = {}): Question {
  return { to: 'peer', topic, body: new BodyWriter().text('echo').done(), deadlineMs: 1000, ...more };
}

/** `name: text` or `name! sqlstate`, sorted. */
function told(answers: readonly Answer[]): string[] {
  return answers
    .map((answer) =>
      'error' in answer
        ? `${answer.from}! ${answer.error.sqlstate} ${answer.error.fate}`
        : `${answer.from}: ${String.fromCharCode(...answer.body.subarray(4))}`,
    )
    .toSorted();
}

describe('a question', () => {
  it('to the peer is answered by the peer, in both directions', async () => {
    const world = quietWorld();
    const wheel = new Wheel(world);
    wheel.hubTopics.on('echo', echo);
    const gateway = await wheel.gateway('g1', new Topics('g1').on('echo', echo));
    expect(told(await world.until(gateway.ask(about('echo'))))).toEqual(['pooler: echo for g1']);
    const back = (wheel.hub.get('g1') as Link).ask(about('echo'));
    expect(told(await world.until(back))).toEqual(['g1: echo for pooler']);
  });

  it('to the others is answered by each of them with its name, and not by the asker', async () => {
    const world = quietWorld();
    const wheel = new Wheel(world);
    const asker = await wheel.gateway('g1', new Topics('g1').on('echo', echo));
    for (const name of ['g2', 'g3']) await wheel.gateway(name, new Topics(name).on('echo', echo));
    const heard: string[] = [];
    const asked = asker.ask(about('echo', { to: 'others' }), (answer) => heard.push(answer.from));
    expect(told(await world.until(asked))).toEqual(['g2: echo for pooler', 'g3: echo for pooler']);
    expect(heard.toSorted()).toEqual(['g2', 'g3']);
  });

  it('to the others where there are none has no answers', async () => {
    const world = quietWorld();
    const asker = await new Wheel(world).gateway('g1');
    expect(await world.until(asker.ask(about('echo', { to: 'others' })))).toEqual([]);
  });

  it('is answered with the refusal of who refuses it, also when nobody knows the topic', async () => {
    const world = quietWorld();
    const wheel = new Wheel(world);
    const asker = await wheel.gateway('g1');
    await wheel.gateway('g2', new Topics('g2').on('no', refusing));
    await wheel.gateway('g3');
    expect(told(await world.until(asker.ask(about('no', { to: 'others' }))))).toEqual([
      'g2! 22023 notApplied',
      'g3! 0A000 notApplied',
    ]);
    const onwards = (wheel.hub.get('g1') as Link).ask(about('no', { to: 'others' }));
    expect(told(await world.until(onwards))).toEqual(['g1! 0A000 notApplied']);
  });

  it('tells who did not answer in time, next to the answers of the others', async () => {
    const world = quietWorld();
    const wheel = new Wheel(world);
    const asker = await wheel.gateway('g1');
    await wheel.gateway('g2', new Topics('g2').on('echo', never));
    await wheel.gateway('g3', new Topics('g3').on('echo', echo));
    const asked = asker.ask(about('echo', { to: 'others' }));
    await world.advance(999);
    expect(told(await world.until(asked))).toEqual(['g2! 57014 unknown', 'g3: echo for pooler']);
  });

  it('tells who left before the answer, of the others as of the peer', async () => {
    const world = quietWorld();
    const wheel = new Wheel(world);
    wheel.hubTopics.on('echo', never);
    const asker = await wheel.gateway('g1');
    const leaver = await wheel.gateway('g2', new Topics('g2').on('echo', never));
    const others = asker.ask(about('echo', { to: 'others' }));
    const peer = asker.ask(about('echo'));
    await world.settle();
    leaver.destroy();
    await world.settle();
    expect(told(await world.until(others))).toEqual(['g2! 08006 unknown']);
    asker.destroy();
    expect(told(await world.until(peer))).toEqual(['pooler! 08006 unknown']);
    expect(told(await world.until(asker.ask(about('echo'))))).toEqual(['pooler! 08006 unknown']);
  });

  it('may be long, and so may the answer; what is too long is refused and the link stays', async () => {
    const world = quietWorld();
    const wheel = new Wheel(world);
    wheel.hubTopics.on('same', (body) => body.rest()).on('long', () => new Uint8Array(longBytesMax));
    const gateway = await wheel.gateway('g1');
    const body = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
    expect(await world.until(gateway.ask(about('same', { body })))).toEqual([{ from: 'pooler', body }]);
    expect(told(await world.until(gateway.ask(about('long'))))).toEqual(['pooler! 54000 notApplied']);
    const tooLong = gateway.ask(about('same', { body: new Uint8Array(longBytesMax) }));
    expect(told(await world.until(tooLong))).toEqual(['pooler! 54000 notApplied']);
    expect(gateway.isClosed).toBe(false);
  });

  it('is refused while too many are under way', async () => {
    const world = quietWorld();
    const wheel = new Wheel(world);
    wheel.hubTopics.on('echo', never);
    const gateway = await wheel.gateway('g1');
    const asked = Array.from({ length: questionsMax }, () => gateway.ask(about('echo')));
    expect(told(await world.until(gateway.ask(about('echo'))))).toEqual(['pooler! 53400 notApplied']);
    await world.advance(1000);
    expect(told((await world.until(Promise.all(asked))).flat()).length).toBe(questionsMax);
  });

  it('whose body makes no sense to the handler is refused, and the link stays', async () => {
    const world = quietWorld();
    const wheel = new Wheel(world);
    wheel.hubTopics.on('echo', echo);
    const gateway = await wheel.gateway('g1');
    const asked = gateway.ask(about('echo', { body: Uint8Array.of(9) }));
    expect(told(await world.until(asked))).toEqual(['pooler! 08P01 notApplied']);
    expect(gateway.isClosed).toBe(false);
  });
});

describe('a body in several frames', () => {
  it('that never ends is refused before it takes more than its limit', () => {
    const long = new LongBody();
    const frame = new Uint8Array(64 * 1024);
    const feed = (): void => {
      for (let bytes = 0; bytes <= longBytesMax; bytes += frame.length) long.add(1, frame, 0, frame.length);
    };
    expect(feed).toThrow('malformed frame');
  });
});
