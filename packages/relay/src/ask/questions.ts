import type { Clock, PgError, Timer } from '@multigres/core';
import { bodyTooLong, leftUnanswered, noAnswerInTime, tooManyQuestions } from '../errors.ts';
import { longBytesMax } from './long-body.ts';
import type { Answer, AnswerTo, Ask, Question } from './question.ts';

/** Questions under way on one link; more are refused (53400). */
export const questionsMax = 256;
/** Room for the topic and the numbers around a body. */
const aroundBytes = 64 * 1024;

interface Open {
  readonly question: Question;
  readonly answers: Answer[];
  readonly timer: Timer;
  readonly done: (answers: readonly Answer[]) => void;
  readonly heard: ((answer: Answer) => void) | undefined;
}

/** The questions that one end of a link has asked and that are not answered in full. */
export class Questions {
  readonly #clock: Clock;
  readonly #send: (ask: Ask) => void;
  readonly #peer: () => string;
  readonly #open: Map<number, Open> = new Map();
  #lastId = 0;
  #isClosed = false;

  /** `peer`: what to call the other end; it may not have introduced itself yet when this is made. */
  constructor(clock: Clock, send: (ask: Ask) => void, peer: () => string) {
    this.#clock = clock;
    this.#send = send;
    this.#peer = peer;
  }

  /** Never rejects: what goes wrong is an answer of the one with whom it went wrong. `heard` gets each answer as it comes. */
  ask(question: Question, heard?: (answer: Answer) => void): Promise<readonly Answer[]> {
    if (this.#isClosed) return this.#refused(leftUnanswered(this.#peer()));
    const { length } = question.body;
    if (length > longBytesMax - aroundBytes) return this.#refused(bodyTooLong(length, longBytesMax - aroundBytes));
    if (this.#open.size >= questionsMax) return this.#refused(tooManyQuestions(questionsMax));
    const id = this.#newId();
    return new Promise((done) => {
      const timer = this.#clock.after(question.deadlineMs, () =>
        this.#fail(id, noAnswerInTime(this.#peer(), question.deadlineMs)),
      );
      this.#open.set(id, { question, answers: [], timer, done, heard });
      this.#send({ ...question, id });
    });
  }

  /** An answer came. One to a question that is over came too late, and is dropped. */
  answered({ id, answer }: AnswerTo): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    if (answer !== undefined) {
      open.answers.push(answer);
      open.heard?.(answer);
    }
    if (answer === undefined || open.question.to === 'peer') this.#close(id, open);
  }

  /** The link is gone: nobody answers any more. */
  closed(): void {
    this.#isClosed = true;
    for (const id of [...this.#open.keys()]) this.#fail(id, leftUnanswered(this.#peer()));
  }

  #fail(id: number, error: PgError): void {
    const open = this.#open.get(id) as Open;
    const answer = { from: this.#peer(), error };
    open.answers.push(answer);
    open.heard?.(answer);
    this.#close(id, open);
  }

  #close(id: number, open: Open): void {
    this.#open.delete(id);
    open.timer.cancel();
    open.done(open.answers);
  }

  #refused(error: PgError): Promise<readonly Answer[]> {
    return Promise.resolve([{ from: this.#peer(), error }]);
  }

  #newId(): number {
    do this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1;
    while (this.#open.has(this.#lastId));
    return this.#lastId;
  }
}
