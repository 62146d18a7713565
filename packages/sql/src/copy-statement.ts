import { Body } from './body.ts';
import type { Facts } from './facts.ts';
import { wordId } from './keyword.ts';
import { Token } from './scanner.ts';
import type { StatementReader } from './statement-reader.ts';
import { Trait } from './trait.ts';

const BINARY = wordId('binary');
const FROM = wordId('from');
const PROGRAM = wordId('program');
const TO = wordId('to');
const WHERE = wordId('where');

/**
 * COPY table FROM, COPY table TO, COPY (query) TO. `copyIn` and `copyOut` talk to the client; files and programs are
 * the server's own (`copyFile`).
 */
export function readCopy(reader: StatementReader, facts: Facts): void {
  reader.advance();
  if (reader.kind === Token.leftParen) {
    facts.kind = 'select';
    new Body(reader, facts).scanGroup();
    reader.advance();
  } else readTable(reader);
  const isIn = reader.word === FROM;
  reader.advance();
  const isFile = reader.kind === Token.string || (reader.word === PROGRAM && reader.peekKind() === Token.string);
  facts.kind = isFile ? 'copyFile' : isIn ? 'copyIn' : 'copyOut';
  if (isIn || isFile) facts.traits |= Trait.writes;
  while (reader.kind !== Token.end && !(reader.word === WHERE && reader.depth === 0)) reader.advance();
  const { kind } = facts;
  new Body(reader, facts).scan();
  facts.kind = kind;
}

function readTable(reader: StatementReader): void {
  if (reader.word === BINARY && reader.peekKind() !== Token.dot) reader.advance();
  while (reader.kind !== Token.end && !((reader.word === FROM || reader.word === TO) && reader.depth === 0))
    reader.advance();
}
