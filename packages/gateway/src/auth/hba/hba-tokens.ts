/** A word of a line; what was in quotes has lost any special meaning. */
export interface HbaToken {
  readonly text: string;
  readonly quoted: boolean;
}

/** A field of a line: a list with commas, mostly of one. */
export type HbaField = readonly HbaToken[];

/** A line with something on it; `number` from 1, the first of lines that a backslash joins. */
export interface HbaLine {
  readonly number: number;
  readonly fields: readonly HbaField[];
  /** What is wrong with the words themselves. */
  readonly error?: string;
}

/**
 * Splits the text of a `pg_hba.conf` into lines of fields (PostgreSQL documentation, "The pg_hba.conf File"): fields are separated by white
 * space, `#` begins a comment, quotes protect white space and commas, `""` inside quotes is a quote, a comma at the end of a word lets the list
 * go on behind white space, and a backslash at the end of a line lets the line go on.
 */
export function hbaLines(text: string): HbaLine[] {
  const lines: HbaLine[] = [];
  const rows = text.split('\n').map((row) => (row.endsWith('\r') ? row.slice(0, -1) : row));
  for (let index = 0; index < rows.length; index++) {
    const number = index + 1;
    let row = rows[index] as string;
    while (row.endsWith('\\') && index + 1 < rows.length) row = row.slice(0, -1) + (rows[++index] as string);
    const line = readLine(row, number);
    if (line.fields.length > 0 || line.error !== undefined) lines.push(line);
  }
  return lines;
}

function readLine(row: string, number: number): HbaLine {
  const fields: HbaField[] = [];
  const reader = new WordReader(row);
  for (;;) {
    const field: HbaToken[] = [];
    let goesOn = true;
    while (goesOn) {
      const word = reader.next();
      if (word === undefined) break;
      if (word.open) return { number, fields, error: 'a quote is not closed' };
      if (word.text !== '' || word.quoted) field.push({ text: word.text, quoted: word.quoted });
      goesOn = word.comma;
    }
    if (field.length === 0) return { number, fields };
    fields.push(field);
  }
}

interface Word extends HbaToken {
  /** A comma came behind it. */
  readonly comma: boolean;
  /** The line ended inside quotes. */
  readonly open: boolean;
}

class WordReader {
  readonly #row: string;
  #at = 0;

  constructor(row: string) {
    this.#row = row;
  }

  /** The next word of the line; undefined at its end or at a comment. */
  next(): Word | undefined {
    while (isSpace(this.#row[this.#at])) this.#at += 1;
    const begin = this.#row[this.#at];
    if (begin === undefined || begin === '#') return undefined;
    let text = '';
    let inQuotes = false;
    for (; this.#at < this.#row.length; this.#at++) {
      const character = this.#row[this.#at] as string;
      if (character === '"') {
        if (inQuotes && this.#row[this.#at + 1] === '"') {
          text += '"';
          this.#at += 1;
        } else inQuotes = !inQuotes;
      } else if (inQuotes) text += character;
      else if (character === ',') {
        this.#at += 1;
        return { text, quoted: begin === '"', comma: true, open: false };
      } else if (isSpace(character) || character === '#') break;
      else text += character;
    }
    return { text, quoted: begin === '"', comma: false, open: inQuotes };
  }
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\r' || character === '\f' || character === '\v';
}
