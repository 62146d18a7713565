import { Scanner, Token } from './scanner.ts';

/** What stands in the place of a value. */
const redacted = '?';

/**
 * A statement's text as logs and traces may have it: without comments, with `?` in place of every literal (strings of any kind, numbers), and of all that
 * SET gives to a setting, which may be a bare word. Identifiers stay. At most about `lengthMax` characters, `...` where it was cut.
 *
 * A string with a backslash ends in different places depending on standard_conforming_strings, so the text is cut there; and so it is
 * where a quote never ends.
 */
export function redact(text: string, lengthMax: number = 1000): string {
  const scanner = new Scanner(text, false);
  let out = '';
  let before = 0;
  let first = '';
  /** Inside a command that gives settings their values: 1 from SET on, 2 behind the `=` or TO. */
  let setting = 0;
  for (scanner.next(); scanner.kind !== Token.end; scanner.next()) {
    const { kind, start, end } = scanner;
    if (out.length >= lengthMax || kind === Token.error || isUnsure(text, kind, start, end)) return `${out}...`;
    const gap = out !== '' && start > before ? ' ' : '';
    before = end;
    if (kind === Token.semicolon) {
      first = '';
      setting = 0;
      out += ';';
      continue;
    }
    const word = kind === Token.word ? text.slice(start, end).toLowerCase() : '';
    if (first === '') first = word === '' ? '?' : word;
    if (setting === 2) continue;
    const assigns = word === 'to' || text.slice(start, end) === '=';
    if (word === 'set' && (first === 'set' || first === 'alter')) setting = 1;
    else if (setting === 1 && assigns) setting = 2;
    const isLiteral = kind === Token.string || kind === Token.number;
    out += gap + (isLiteral ? redacted : text.slice(start, Math.min(end, start + lengthMax)));
    if (setting === 2) out += ` ${redacted}`;
  }
  return out;
}

function isUnsure(text: string, kind: number, start: number, end: number): boolean {
  return kind === Token.string && text[start] === "'" && text.slice(start, end).includes('\\');
}
