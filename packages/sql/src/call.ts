import type { KnownFunction } from './facts.ts';
import { type FunctionEffect, functionEffect, harmless, unknownEffect } from './function-effect.ts';
import { wordId } from './keyword.ts';
import { PinReason } from './pin-reason.ts';
import { Token } from './scanner.ts';
import { foldCase, type StatementReader, unquoteName } from './statement-reader.ts';
import { Trait } from './trait.ts';

const TRUE = wordId('true');

const localSetting: FunctionEffect = Object.freeze({ pins: 0, traits: Trait.writes, unpins: 0 });
const temporarySearchPath: FunctionEffect = Object.freeze({
  pins: PinReason.settings | PinReason.role | PinReason.tempObject,
  traits: Trait.writes,
  unpins: 0,
});

/** A name as the server stores it, from how it was written, dots and quotes included. Undefined for U&"...". */
function storedName(part: string): string | undefined {
  if (part.startsWith('"')) return unquoteName(part);
  return part.endsWith('"') ? undefined : foldCase(part);
}

/**
 * What a call does. The reader stands on its opening parenthesis, and still does afterwards.
 *
 * @param written the whole name as written, schema included; `last` its last part; `parts` how many parts it has
 */
export function callEffect(
  reader: StatementReader,
  written: string,
  last: string,
  parts: number,
  known: KnownFunction | undefined,
): FunctionEffect {
  const name = storedName(last);
  if (name === undefined) return unknownEffect;
  const schema = parts === 1 ? undefined : schemaOf(written, last);
  const found = parts === 1 || schema === 'pg_catalog' ? functionEffect(name) : undefined;
  if (found !== undefined) return name === 'set_config' ? setConfigEffect(reader, found) : found;
  if (schema === 'information_schema' && name.startsWith('_pg_')) return harmless;
  return known?.(schema === undefined ? name : `${schema}.${name}`) ?? unknownEffect;
}

/** The part before the last dot; comments between the parts make it none of ours. */
function schemaOf(written: string, last: string): string | undefined {
  const before = written.slice(0, -last.length).trimEnd();
  return storedName(before.endsWith('.') ? before.slice(0, -1).trimEnd() : before);
}

/** `set_config(name, value, true)` ends with the transaction. */
function setConfigEffect(reader: StatementReader, session: FunctionEffect): FunctionEffect {
  const place = reader.mark();
  const { depth, start } = reader;
  let commas = 0;
  let last = '';
  let lastIsTrue = false;
  let beforeLast = 0;
  for (;;) {
    reader.advance();
    if (reader.kind === Token.end || (reader.kind === Token.rightParen && reader.depth === depth)) break;
    if (reader.kind === Token.comma && reader.depth === depth + 1) commas++;
    beforeLast = reader.previousKind;
    last = reader.text.slice(reader.start, Math.min(reader.end, reader.start + 8));
    lastIsTrue = reader.word === TRUE;
  }
  const mentionsTemporary = /pg_temp/i.test(reader.text.slice(start, reader.end));
  reader.rewind(place);
  if (mentionsTemporary) return temporarySearchPath;
  const isLocal = commas === 2 && beforeLast === Token.comma && (lastIsTrue || last === "'true'" || last === "'t'");
  return isLocal ? localSetting : session;
}
