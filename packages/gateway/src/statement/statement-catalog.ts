import { ByteCache } from '@multigres/core';
import type { Classification } from '@multigres/sql';

/** A prepared statement by content, as all sessions of this gateway share it. */
export interface CatalogStatement {
  /** Names it on the links to poolers. */
  readonly id: number;
  readonly query: string;
  readonly parameterTypes: readonly number[];
  readonly classification: Classification;
  /** The text is the bytes that came, which hold no UTF-8 otherwise: a client of another encoding sent letters beyond ASCII. */
  readonly isReadable: boolean;
  /** What it answers, as a pooler found out when it was prepared first; for other poolers. */
  result: Uint8Array | undefined;
  /** How many names of sessions point here. */
  references: number;
  /** Parse messages seen with this content. */
  sightings: number;
  /** No longer in the catalog, although a group under way may still use it. */
  forgotten: boolean;
}

/** A longer text is not carried: its definition might not fit a frame (UTF-8 has at most 3 bytes per unit). */
const carriedLengthMax = 16_000;

const parseBytesMax = 4 * 1024;

const startsWithDigit = /^[0-9;]/;

/** Whether sessions can take the statement from backend to backend. */
export function isCarried(statement: CatalogStatement): boolean {
  return statement.query.length <= carriedLengthMax && statement.parameterTypes.length <= 1_000;
}

/**
 * Statements by content. Ones that no session names are kept for the next that does, up to a limit; the oldest go first, and `forgotten`
 * is told, so that poolers can forget them too.
 */
export class StatementCatalog {
  readonly #byContent: Map<string, CatalogStatement> = new Map();
  /** The same by the bytes of a Parse message from its query on: who sends a Parse again needs no text made of it. */
  readonly #byBytes: ByteCache<CatalogStatement>;
  readonly #countMax: number;
  readonly #forgotten: (statement: CatalogStatement) => void;
  #lastId = 0;

  constructor(countMax: number, forgotten: (statement: CatalogStatement) => void) {
    this.#countMax = countMax;
    this.#forgotten = forgotten;
    this.#byBytes = new ByteCache(countMax, parseBytesMax);
  }

  get size(): number {
    return this.#byContent.size;
  }

  /** The statement of this Parse message, from its query to its end, if the very bytes were seen before. */
  seen(buffer: Uint8Array, start: number, end: number): CatalogStatement | undefined {
    const statement = this.#byBytes.get(buffer, start, end);
    if (statement === undefined || statement.forgotten) return undefined;
    statement.sightings += 1;
    return statement;
  }

  /** `seen` is to answer this statement for these bytes. */
  remember(buffer: Uint8Array, start: number, end: number, statement: CatalogStatement): void {
    // One that is seen once may never be seen again; it costs its text already.
    if (statement.sightings > 1) this.#byBytes.set(buffer, start, end, statement);
  }

  /** The statement of this content; made if it is new. */
  get(query: string, parameterTypes: readonly number[], classify: (query: string) => Classification): CatalogStatement {
    // Long texts are not kept for others: ten thousand of them would be all the memory there is.
    if (query.length > carriedLengthMax) return this.#make(query, parameterTypes, classify(query));
    const key = keyOf(query, parameterTypes);
    let statement = this.#byContent.get(key);
    if (statement === undefined) {
      this.#makeRoom();
      statement = this.#make(query, parameterTypes, classify(query));
      this.#byContent.set(key, statement);
    }
    statement.sightings += 1;
    return statement;
  }

  #make(query: string, parameterTypes: readonly number[], classification: Classification): CatalogStatement {
    this.#lastId += 1;
    const id = this.#lastId;
    const isReadable = !query.includes('\ufffd');
    return {
      id,
      query,
      parameterTypes,
      classification,
      isReadable,
      result: undefined,
      references: 0,
      sightings: 0,
      forgotten: false,
    };
  }

  /** Looks at a bounded number of the oldest: those in use go to the young end, the first unused one goes. */
  #makeRoom(): void {
    if (this.#byContent.size < this.#countMax) return;
    let looks = 64;
    for (const [key, statement] of this.#byContent) {
      this.#byContent.delete(key);
      if (statement.references === 0) {
        statement.forgotten = true;
        return this.#forgotten(statement);
      }
      this.#byContent.set(key, statement);
      looks -= 1;
      if (looks === 0) return;
    }
  }
}

function keyOf(query: string, parameterTypes: readonly number[]): string {
  // A text that looks like types and a text must not be taken for them.
  return parameterTypes.length === 0 && !startsWithDigit.test(query) ? query : `${parameterTypes.join(',')};${query}`;
}
