/**
 * What the rows of a statement look like, in a form that can be compared: of each column the name, the type and the type modifier, which is what PostgreSQL compares
 * when it plans a prepared statement anew (RevalidateCachedQuery in plancache.c). Empty: it answers no rows.
 */
export type Result = Uint8Array;

/** FETCH and EXECUTE answer what a cursor or another statement has: PostgreSQL does not compare that. */
const answersForOthers = /^(?:\s|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:fetch|move|execute)\b/i;

const headBytes = 7;
/** Behind a column's name: table and number of the column there, type, its length and modifier, format. */
const columnBytes = 18;
const noRows: Result = new Uint8Array(0);
/** Too long to be looked at whole, or not to be compared: as good as any other. */
const anyRows: Result = new Uint8Array(1);
const keptMax = 8;

/**
 * The results that one statement has been found to have, on whatever backend: more than one if tables have been altered, or if it means something else in another
 * database or under another search_path.
 */
export class StatementResults {
  readonly #isCompared: boolean;
  readonly #known: Result[] = [];
  readonly #begun: () => void;

  /** `begun` is called when the first result is known. */
  constructor(query: string, begun: () => void) {
    this.#isCompared = !answersForOthers.test(query);
    this.#begun = begun;
  }

  /** What sessions take it to have that were never told otherwise. Undefined: nobody has prepared it yet. */
  get first(): Result | undefined {
    return this.#known[0];
  }

  /** RowDescription or NoData in [start, end); undefined if it was too long. Answers the same object for the same result. */
  learn(buffer: Uint8Array | undefined, start: number, end: number): Result {
    return this.known(buffer === undefined || !this.#isCompared ? anyRows : resultOf(buffer, start, end));
  }

  /** The same, of bytes that a pooler has told a gateway. */
  known(bytes: Uint8Array): Result {
    const result = bytes.length === anyRows.length ? anyRows : bytes;
    const known = this.#known.find((one) => sameResult(one, result));
    if (known !== undefined) return known;
    if (this.#known.length >= keptMax) this.#known.splice(1, 1);
    this.#known.push(result);
    if (this.#known.length === 1) this.#begun();
    return result;
  }
}

export function sameResult(a: Result, b: Result): boolean {
  if (a === b || a === anyRows || b === anyRows) return true;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** "Message Formats", RowDescription. */
function resultOf(buffer: Uint8Array, start: number, end: number): Result {
  if (end - start < headBytes) return noRows;
  const result = new Uint8Array(end - start);
  let length = 0;
  // The number of columns tells none from no rows at all.
  result[length++] = buffer[start + 5] as number;
  result[length++] = buffer[start + 6] as number;
  for (let at = start + headBytes; at < end; at += columnBytes) {
    for (; at < end && buffer[at] !== 0; at++) {
      // Other letters differ with the client's encoding.
      if ((buffer[at] as number) < 0x80) result[length++] = buffer[at] as number;
    }
    at += 1;
    result[length++] = 0;
    for (const field of [at + 6, at + 12]) {
      for (let i = 0; i < 4; i++) result[length++] = buffer[field + i] as number;
    }
  }
  return result.slice(0, length);
}
