/**
 * Statements inside a `request`. Names of prepared statements are the client's own business; between gateway and pooler a statement
 * is its content, known by the id of its `define`. The request's body is
 *
 * ```
 * u16 number of uses, then per use: u8 kind, u32 offset, u32 id      then the protocol messages
 * ```
 *
 * Offsets count from the first protocol message. Where a message names a carried statement, its bytes hold a placeholder of fixed width
 * that the pooler overwrites with the name that the statement has on the chosen backend.
 */
export const useKind = {
  /** A Bind or Describe names statement `id`: the placeholder stands at `offset`. The backend must have it. */
  refers: 0,
  /** The client sent Parse for statement `id` here (the message itself is left out): it is owed a ParseComplete at this place. */
  parses: 1,
  /** The client's own Parse stands in the bytes at `offset` (a statement that is not carried): a ParseComplete will come. */
  parsesInline: 2,
  /** A Close stands in the bytes at `offset`: a CloseComplete will come. */
  closes: 3,
  /** A Parse or Close of the gateway's own making stands in the bytes at `offset`: its reply is not for the client. */
  unseen: 4,
  /**
   * The same, right before a Query or FunctionCall that follows messages of the extended protocol without a Sync: its reply shows that
   * they went well. Without it Postgres will have skipped the Query, too, and waits for a Sync.
   */
  beforeQuery: 5,
} as const;

export type UseKind = (typeof useKind)[keyof typeof useKind];

export const useBytes = 9;
/** `mg` and eight hexadecimal digits. */
export const statementNameBytes = 10;

/** The name of a carried statement on the backends: as wide as the placeholder. */
export function statementName(number: number): string {
  return `mg${number.toString(16).padStart(8, '0')}`;
}

const hexDigits: Uint8Array = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** Overwrites the placeholder at `at` with `statementName(number)`. */
export function writeStatementName(buffer: Uint8Array, at: number, number: number): void {
  buffer[at] = 0x6d;
  buffer[at + 1] = 0x67;
  for (let i = 0; i < 8; i++) buffer[at + 2 + i] = hexDigits[(number >>> (28 - 4 * i)) & 15] as number;
}

export interface Use {
  readonly kind: UseKind;
  readonly offset: number;
  readonly id: number;
}

/** Bytes before the protocol messages of a request with this many uses. */
export function usesLength(uses: number): number {
  return 2 + uses * useBytes;
}

/**
 * What a request takes of its session's window: its bytes, and its uses, because a Parse of a carried statement has no bytes and must not be
 * free.
 */
export function requestCost(uses: number, bytes: number): number {
  return bytes + uses * useBytes;
}

/** Writes the uses at `at` of a buffer with room for `usesLength`. */
export function writeUses(buffer: Uint8Array, at: number, uses: readonly Use[]): void {
  buffer[at] = uses.length >>> 8;
  buffer[at + 1] = uses.length;
  let to = at + 2;
  for (const use of uses) {
    buffer[to] = use.kind;
    writeU32(buffer, to + 1, use.offset);
    writeU32(buffer, to + 5, use.id);
    to += useBytes;
  }
}

const none: readonly Use[] = [];

/** Reads the uses; undefined if they do not fit between `start` and `end`. */
export function readUses(buffer: Uint8Array, start: number, end: number): readonly Use[] | undefined {
  if (end - start < 2) return undefined;
  const count = ((buffer[start] as number) << 8) | (buffer[start + 1] as number);
  if (count === 0) return none;
  if (end - start < usesLength(count)) return undefined;
  const uses: Use[] = [];
  for (let i = 0, at = start + 2; i < count; i++, at += useBytes) {
    uses.push({ kind: buffer[at] as number as UseKind, offset: readU32(buffer, at + 1), id: readU32(buffer, at + 5) });
  }
  return uses;
}

function writeU32(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 24;
  b[at + 1] = value >>> 16;
  b[at + 2] = value >>> 8;
  b[at + 3] = value;
}

function readU32(b: Uint8Array, at: number): number {
  return (
    (((b[at] as number) << 24) |
      ((b[at + 1] as number) << 16) |
      ((b[at + 2] as number) << 8) |
      (b[at + 3] as number)) >>>
    0
  );
}
