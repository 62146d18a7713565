import type { SettingChange } from './classification.ts';
import { wordId } from './keyword.ts';
import { Token } from './scanner.ts';
import type { StatementReader } from './statement-reader.ts';

const AS = wordId('as');
const FALSE = wordId('false');
const SELECT = wordId('select');
const TRUE = wordId('true');

const plainString = /^'(?:[^'\\\n\r]|'')*'$/;

/**
 * The setting that `SELECT [pg_catalog.]set_config('name', 'value', is_local) [AS alias]` changes, when it is exactly
 * that with constants. The reader stands on SELECT and still does afterwards.
 */
export function readSetConfig(reader: StatementReader): SettingChange | undefined {
  if (reader.word !== SELECT || reader.peekKind() !== Token.word) return undefined;
  const place = reader.mark();
  const setting = read(reader);
  reader.rewind(place);
  return setting;
}

function read(reader: StatementReader): SettingChange | undefined {
  reader.advance();
  let name = reader.name();
  if (name === 'pg_catalog' && reader.peekKind() === Token.dot) {
    reader.advance();
    reader.advance();
    name = reader.name();
  }
  reader.advance();
  if (name !== 'set_config' || reader.kind !== Token.leftParen) return undefined;
  reader.advance();
  const setting = constant(reader, Token.comma);
  const value = constant(reader, Token.comma);
  const { word } = reader;
  reader.advance();
  if (setting === undefined || value === undefined || reader.kind !== Token.rightParen) return undefined;
  if (word !== TRUE && word !== FALSE) return undefined;
  reader.advance();
  if (reader.take(AS)) reader.advance();
  if (reader.kind !== Token.end || setting.length > 63) return undefined;
  const scope = word === TRUE ? 'local' : 'session';
  const literal = value.slice(1, -1).replaceAll("''", "'");
  return { scope, form: 'function', name: setting.slice(1, -1).toLowerCase(), value, literal };
}

/** A plain string followed by `separator`, quotes included. */
function constant(reader: StatementReader, separator: number): string | undefined {
  const text = reader.text.slice(reader.start, reader.end);
  const isPlain = reader.kind === Token.string && plainString.test(text);
  reader.advance();
  if (!isPlain || reader.kind !== separator) return undefined;
  reader.advance();
  return text;
}
