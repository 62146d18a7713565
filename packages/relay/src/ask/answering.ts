import { PgError } from '@multigres/core';
import { bodyTooLong, noOthers, tooManyQuestions } from '../errors.ts';
import { longBytesMax } from './long-body.ts';
import { questionsMax } from './questions.ts';
import type { Answer, AnswerTo, Ask, Question } from './question.ts';
import type { Topics } from './topics.ts';

/** Someone else to whom a question can be passed on: a pooler's link to another gateway. */
export interface Other {
  ask(question: Question): Promise<readonly Answer[]>;
}

/** What one end of a link needs to answer. */
export interface AnsweringParts {
  /** Who answers. */
  readonly name: string;
  readonly topics: Topics;
  /** Everybody else who can be asked; absent where nobody can (a gateway). Read when a question comes. */
  readonly others?: () => Iterable<Other>;
}

/** Answers longer than this are refused instead (54000), so that name and numbers fit with them. */
const answerBytesMax: number = longBytesMax - 64 * 1024;
/** Who passes a question on keeps this much of the time, or a quarter: so the asker hears who did not answer. */
const passingOnMs = 250;

/** Answers what the other end of one link asks, itself or by asking others. Every question gets an end, and none more than `questionsMax` at once. */
export class Answering {
  readonly #parts: AnsweringParts;
  readonly #send: (answer: AnswerTo) => void;
  #underWay = 0;

  constructor(parts: AnsweringParts, send: (answer: AnswerTo) => void) {
    this.#parts = parts;
    this.#send = send;
  }

  /** `asker`: the name of the other end. */
  async asked(ask: Ask, asker: string): Promise<void> {
    if (this.#underWay >= questionsMax) return this.#refuse(ask, tooManyQuestions(questionsMax));
    this.#underWay += 1;
    try {
      if (ask.to === 'others') await this.#passOn(ask);
      else this.#send({ id: ask.id, answer: await this.#answer(ask, asker) });
    } finally {
      this.#underWay -= 1;
    }
  }

  async #answer({ topic, body, deadlineMs }: Ask, asker: string): Promise<Answer> {
    const { name, topics } = this.#parts;
    try {
      const answer = await topics.answer(topic, body, { name: asker, deadlineMs });
      if (answer.length > answerBytesMax) return { from: name, error: bodyTooLong(answer.length, answerBytesMax) };
      return { from: name, body: answer };
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      return { from: name, error };
    }
  }

  async #passOn({ id, topic, body, deadlineMs }: Ask): Promise<void> {
    const { name, others } = this.#parts;
    if (others === undefined) this.#send({ id, answer: { from: name, error: noOthers(name) } });
    else {
      const question = {
        to: 'peer',
        topic,
        body,
        deadlineMs: deadlineMs - Math.min(passingOnMs, deadlineMs / 4),
      } as const;
      const asked = [...others()].map(async (other) => {
        for (const answer of await other.ask(question)) this.#send({ id, answer });
      });
      await Promise.all(asked);
    }
    this.#send({ id, answer: undefined });
  }

  #refuse({ id, to }: Ask, error: PgError): void {
    this.#send({ id, answer: { from: this.#parts.name, error } });
    if (to === 'others') this.#send({ id, answer: undefined });
  }
}
