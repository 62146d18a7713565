import { backoffMs, type World } from '@multigres/core';
import { startChild, type ServeChild } from './child.ts';
import type { ChildWord, ParentWord } from './parent.ts';

/** Who ran for so long has not failed at once: the next start is not delayed for it. */
const settledMs = 60_000;
const restartBackoff = { firstMs: 200, lastMs: 10_000 };

/** A child that is started again, with backoff, when it ends by itself. */
export class SupervisedChild {
  readonly name: string;
  /** Resolves when it serves for the first time. */
  readonly ready: Promise<void>;
  /** Resolves, with how, if it ended before it was ever ready: then there is no sense in starting it again. */
  readonly failed: Promise<string>;
  readonly #world: World;
  readonly #args: readonly string[];
  readonly #heard: (word: ChildWord) => void;
  #child: ServeChild;
  #startedMs = 0;
  #attempts = 0;
  #isReady = false;
  #wasReady = false;
  #stopping = false;
  readonly #gone: Promise<void>;
  #resolveGone!: () => void;
  #resolveReady!: () => void;
  #resolveFailed!: (how: string) => void;

  constructor(world: World, name: string, args: readonly string[], heard: (word: ChildWord) => void = () => {}) {
    this.name = name;
    this.#world = world;
    this.#args = args;
    this.#heard = heard;
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve));
    this.failed = new Promise((resolve) => (this.#resolveFailed = resolve));
    this.#gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.#child = this.#start();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  tell(word: ParentWord): void {
    this.#child.tell(word);
  }

  /** Tells it to end; resolves when it has. */
  async end(how: 'drain' | 'stop'): Promise<void> {
    this.#stopping = true;
    this.#child.tell(how);
    await this.#gone;
  }

  #start(): ServeChild {
    this.#startedMs = this.#world.clock.nowMs();
    const child = startChild(this.#args, (word) => {
      if (word === 'ready') this.#nowReady();
      else this.#heard(word);
    });
    void child.ended.then((how) => this.#ended(how));
    return child;
  }

  #nowReady(): void {
    this.#isReady = true;
    this.#wasReady = true;
    this.#resolveReady();
  }

  #ended(how: string): void {
    this.#isReady = false;
    if (this.#stopping || !this.#wasReady) {
      this.#resolveGone();
      if (!this.#stopping) this.#resolveFailed(how);
      return;
    }
    const { clock, random, telemetry } = this.#world;
    if (clock.nowMs() - this.#startedMs > settledMs) this.#attempts = 0;
    const delayMs = backoffMs(this.#attempts, random, restartBackoff);
    this.#attempts += 1;
    telemetry.log.error('a process of ours ended by itself and is started again', { process: this.name, how, delayMs });
    clock.after(delayMs, () => {
      if (this.#stopping) this.#resolveGone();
      else this.#child = this.#start();
    });
  }
}
