import type { Life } from './life.ts';

/** Something that will happen. Ordered by time, then phase (input before `soon`), then the order of making. */
export interface SimEvent {
  timeUs: number;
  phase: 0 | 1;
  sequence: number;
  kind: number;
  life: Life;
  run: (() => void) | undefined;
}

function before(a: SimEvent, b: SimEvent): boolean {
  if (a.timeUs !== b.timeUs) return a.timeUs < b.timeUs;
  if (a.phase !== b.phase) return a.phase < b.phase;
  return a.sequence < b.sequence;
}

/** A binary heap: the earliest event on top. */
export class EventHeap {
  readonly #items: SimEvent[] = [];

  get length(): number {
    return this.#items.length;
  }

  peek(): SimEvent | undefined {
    return this.#items[0];
  }

  push(event: SimEvent): void {
    const items = this.#items;
    let at = items.length;
    items.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as SimEvent;
      if (!before(event, above)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = event;
  }

  pop(): SimEvent | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    this.#sink(last);
    return top;
  }

  #sink(event: SimEvent): void {
    const items = this.#items;
    const length = items.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && before(items[child + 1] as SimEvent, items[child] as SimEvent)) child += 1;
      const below = items[child] as SimEvent;
      if (!before(below, event)) break;
      items[at] = below;
      at = child;
    }
    items[at] = event;
  }
}
