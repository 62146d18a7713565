import { concat, emptyBytes } from '@multigres/core';
import type { Group } from './group.ts';

interface Hold {
  readonly group: Group;
  /** Descriptions that are still to come. */
  left: number;
  /** What is sent when they have come. */
  behind: Uint8Array | undefined;
}

/**
 * What is not sent to Postgres before it is known that statements answer what a session relies on. Postgres looks at groups in the order in which they were sent, so each has
 * its place in the line. What is answered is to be sent at once, in front of all that is written afterwards.
 */
export class HeldBack {
  readonly #line: Hold[] = [];

  get isEmpty(): boolean {
    return this.#line.length === 0;
  }

  /** Asked for so many descriptions; everything written so far, the questions included, is in `bytes`. */
  add(group: Group, descriptions: number, bytes: Uint8Array): Uint8Array {
    const last = this.#line.at(-1);
    this.#line.push({ group, left: descriptions, behind: undefined });
    if (last === undefined) return bytes;
    last.behind = bytes;
    return emptyBytes;
  }

  /** One more description is what the group relies on. */
  described(group: Group): Uint8Array {
    const first = this.#line[0];
    if (first?.group === group) first.left -= 1;
    return this.#release();
  }

  /** No more descriptions come for this group: Postgres skips the rest of it. */
  giveUp(group: Group): Uint8Array {
    for (const hold of this.#line) if (hold.group === group) hold.left = 0;
    return this.#release();
  }

  #release(): Uint8Array {
    let bytes = emptyBytes;
    while (this.#line.length > 0 && this.#line[0]?.left === 0) {
      const { behind } = this.#line.shift() as Hold;
      if (behind !== undefined) bytes = bytes.length === 0 ? behind : concat([bytes, behind]);
    }
    return bytes;
  }
}
