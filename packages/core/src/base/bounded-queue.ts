import { assert } from './assert.ts';

/**
 * First in, first out, with an end: a full queue answers at once, because "busy" now is kinder than silence later.
 * Constant time at both ends (a ring), so a long queue costs nothing per turn.
 */
export class BoundedQueue<T> {
  #ring: (T | undefined)[] = Array.from({ length: 16 });
  #head = 0;
  #length = 0;
  readonly itemsMax: number;

  constructor(itemsMax: number) {
    assert(itemsMax > 0, 'a queue holds at least one item');
    this.itemsMax = itemsMax;
  }

  get length(): number {
    return this.#length;
  }

  offer(item: T): 'queued' | 'full' {
    if (this.#length === this.itemsMax) return 'full';
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) % this.#ring.length] = item;
    this.#length += 1;
    return 'queued';
  }

  take(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#length -= 1;
    return item;
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }

  /** Takes out every item for which `goes` answers true, keeping the order of the rest. Linear; for the rare paths. */
  remove(goes: (item: T) => boolean): T[] {
    const gone: T[] = [];
    const count = this.#length;
    for (let i = 0; i < count; i++) {
      const item = this.take() as T;
      if (goes(item)) gone.push(item);
      else this.offer(item);
    }
    return gone;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#length; i++) yield this.#ring[(this.#head + i) % this.#ring.length] as T;
  }

  #grow(): void {
    const items = [...this];
    this.#ring = Array.from({ length: this.#ring.length * 2 });
    for (let i = 0; i < items.length; i++) this.#ring[i] = items[i];
    this.#head = 0;
  }
}
