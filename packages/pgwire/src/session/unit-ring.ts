/** A growing ring of small numbers, each with an owner: the memory behind `RepliesOwed`. Bounded by its user. */
export class UnitRing<Owner> {
  #units: Uint8Array = new Uint8Array(16);
  #owners: (Owner | undefined)[] = Array.from({ length: 16 });
  #head = 0;
  length = 0;

  /** The unit `index` places behind the head; the caller knows that there is one. */
  unitAt(index: number): number {
    return this.#units[(this.#head + index) & (this.#units.length - 1)] as number;
  }

  /** The head's owner; undefined if the ring is empty. */
  get owner(): Owner | undefined {
    return this.#owners[this.#head];
  }

  push(unit: number, owner: Owner): void {
    if (this.length === this.#units.length) this.#grow();
    const at = (this.#head + this.length) & (this.#units.length - 1);
    this.#units[at] = unit;
    this.#owners[at] = owner;
    this.length += 1;
  }

  /** Drops the head. */
  pop(): void {
    this.#owners[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#units.length - 1);
    this.length -= 1;
  }

  /** Takes out the one behind the head and answers its owner. */
  takeSecond(): Owner {
    const second = (this.#head + 1) & (this.#units.length - 1);
    const owner = this.#owners[second] as Owner;
    this.#units[second] = this.#units[this.#head] as number;
    this.#owners[second] = this.#owners[this.#head];
    this.pop();
    return owner;
  }

  #grow(): void {
    const length = this.#units.length;
    const units = new Uint8Array(2 * length);
    const owners: (Owner | undefined)[] = Array.from({ length: 2 * length });
    for (let i = 0; i < length; i++) {
      const from = (this.#head + i) & (length - 1);
      units[i] = this.#units[from] as number;
      owners[i] = this.#owners[from];
    }
    this.#units = units;
    this.#owners = owners;
    this.#head = 0;
  }
}
