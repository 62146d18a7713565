import type { Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';

interface Underway {
  readonly what: string;
  readonly life: Life;
  readonly sinceMs: number;
}

/** What the clients wait for now: the liveness oracle asks it after everything has healed. */
export class Watch {
  readonly #kernel: Kernel;
  readonly #underway = new Set<Underway>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Something begins; call the answer when it has ended. */
  begin(what: string, life: Life): () => void {
    const entry: Underway = { what, life, sinceMs: this.#kernel.nowMs };
    this.#underway.add(entry);
    return () => {
      this.#underway.delete(entry);
    };
  }

  /** Sentences about what living clients have waited for longer than this. */
  stuck(longerThanMs: number): string[] {
    const nowMs = this.#kernel.nowMs;
    return [...this.#underway]
      .filter(({ life, sinceMs }) => life.alive && nowMs - sinceMs > longerThanMs)
      .map(({ what, life, sinceMs }) => `${life.name} has waited ${Math.round(nowMs - sinceMs)} ms for ${what}`);
  }
}
