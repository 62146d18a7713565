/** What a session's settings must be, as its own client can know: values, or "unknown" after a lost reply. */
type Values = ReadonlyMap<string, string | undefined>;

/**
 * The state of one session as its client expects it (PostgreSQL documentation, SET): what SET outside a transaction or a committed
 * transaction did stays, what a rolled-back one did is undone, SET LOCAL ends with the transaction.
 */
export class SessionModel {
  /** Values that a session has before it sets anything. */
  readonly #initial: Values;
  #values: Map<string, string | undefined>;
  #local = new Map<string, string | undefined>();
  #before: Map<string, string | undefined> | undefined;
  /** Named prepared statements and the mark that each puts into its results. They do not roll back. */
  readonly prepared: Map<string, string> = new Map();
  /** Marks in the temporary table; undefined: there is none. */
  temporary: string[] | undefined;
  /** How many columns its own table has, and had when the statement that reads it was prepared; undefined: there is none. */
  changing: { readonly columns: number; readonly prepared: number | undefined } | undefined;
  readonly locks: Map<number, number> = new Map();
  readonly listening: Set<string> = new Set();
  /** A cancel request was sent for this session: a query may be answered with 57014. */
  cancelAsked = false;

  constructor(initial: Values) {
    this.#initial = initial;
    this.#values = new Map(initial);
  }

  get inTransaction(): boolean {
    return this.#before !== undefined;
  }

  begin(): void {
    this.#before ??= new Map(this.#values);
  }

  commit(): void {
    this.#before = undefined;
    this.#local.clear();
  }

  rollback(): void {
    if (this.#before) this.#values = this.#before;
    this.#before = undefined;
    this.#local.clear();
  }

  set(name: string, value: string | undefined): void {
    this.#values.set(name, value);
    this.#local.delete(name);
  }

  setLocal(name: string, value: string): void {
    if (this.#before) this.#local.set(name, value);
  }

  /** What SAVEPOINT remembers; the answer goes back there. */
  savepoint(): () => void {
    const values = new Map(this.#values);
    const local = new Map(this.#local);
    return () => {
      this.#values = values;
      this.#local = local;
    };
  }

  reset(name: string): void {
    this.#values.set(name, this.#initial.get(name));
    this.#local.delete(name);
  }

  /** RESET ALL leaves alone who one is. */
  resetAll(kept?: string): void {
    const keptValue = kept === undefined ? undefined : this.#values.get(kept);
    this.#values = new Map(this.#initial);
    if (kept !== undefined) this.#values.set(kept, keptValue);
    this.#local.clear();
  }

  /** What SHOW must answer; undefined: this client cannot know. */
  expected(name: string): string | undefined {
    return this.#local.has(name) ? this.#local.get(name) : this.#values.get(name);
  }
}
