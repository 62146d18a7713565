import { assert } from '@multigres/core';
import { BodyReader } from '../body.ts';
import { topicNotKnown } from '../errors.ts';

/** Who asks, and how long he waits. */
export interface Asker {
  readonly name: string;
  readonly deadlineMs: number;
}

/**
 * Answers a question with the body of the answer. Throws or rejects with a PgError to refuse; a body that cannot be read (BodyReader's 08P01)
 * is refused the same way, it does not end the link.
 */
export type TopicHandler = (body: BodyReader, asker: Asker) => Uint8Array | Promise<Uint8Array>;

/** What a role answers, by topic; one for all its links. */
export class Topics {
  readonly #name: string;
  readonly #handlers: Map<string, TopicHandler> = new Map();

  /** `name`: who answers, as in its hello. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Each topic has one handler. */
  on(topic: string, handler: TopicHandler): this {
    assert(!this.#handlers.has(topic), 'a topic has one handler');
    this.#handlers.set(topic, handler);
    return this;
  }

  /** Rejects with a PgError: the handler's refusal, or 0A000 for a topic that nobody here knows. */
  async answer(topic: string, body: Uint8Array, asker: Asker): Promise<Uint8Array> {
    const handler = this.#handlers.get(topic);
    if (handler === undefined) throw topicNotKnown(topic, this.#name);
    return await handler(new BodyReader(body), asker);
  }
}
