/** Counts the DDL that this pooler saw run or take effect: what was prepared before may be stale. Other ways to Postgres are not seen. */
export class SchemaVersion {
  #now = 0;

  get now(): number {
    return this.#now;
  }

  changed(): void {
    this.#now += 1;
  }
}
