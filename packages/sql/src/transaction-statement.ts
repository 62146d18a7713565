import type { Facts } from './facts.ts';
import { wordId } from './keyword.ts';
import { PinReason } from './pin-reason.ts';
import { Token } from './scanner.ts';
import type { StatementReader } from './statement-reader.ts';
import { Trait } from './trait.ts';

const AND = wordId('and');
const NO = wordId('no');
const ONLY = wordId('only');
const PREPARED = wordId('prepared');
const READ = wordId('read');
const SAVEPOINT = wordId('savepoint');
const TO = wordId('to');
const TRANSACTION = wordId('transaction');
const WORK = wordId('work');

/** BEGIN, START TRANSACTION. */
export function readBegin(reader: StatementReader, facts: Facts): void {
  facts.kind = 'begin';
  facts.transaction = 'begins';
  while (reader.kind !== Token.end) {
    if (reader.word === READ && reader.peekWord() === ONLY) facts.traits |= Trait.readOnlyTransaction;
    reader.advance();
  }
}

/** START TRANSACTION; START alone is nothing. */
export function readStart(reader: StatementReader, facts: Facts): void {
  if (reader.peekWord() === TRANSACTION) return readBegin(reader, facts);
  facts.pins |= PinReason.unknown;
  reader.skip();
}

/** COMMIT, END. */
export function readCommit(reader: StatementReader, facts: Facts): void {
  facts.kind = 'commit';
  if (reader.peekWord() === PREPARED) return readPrepared(reader, facts, 'commitPrepared');
  reader.advance();
  readChain(reader, facts);
}

/** ROLLBACK, ABORT, ROLLBACK TO. */
export function readRollback(reader: StatementReader, facts: Facts): void {
  facts.kind = 'rollback';
  if (reader.peekWord() === PREPARED) return readPrepared(reader, facts, 'rollbackPrepared');
  reader.advance();
  if (reader.word === WORK || reader.word === TRANSACTION) reader.advance();
  if (reader.word !== TO) return readChain(reader, facts);
  facts.kind = 'rollbackTo';
  reader.advance();
  readSavepointName(reader, facts);
}

function readPrepared(reader: StatementReader, facts: Facts, kind: 'commitPrepared' | 'rollbackPrepared'): void {
  facts.kind = kind;
  facts.traits |= Trait.writes | Trait.refusesTransactionBlock;
  reader.advance();
  reader.advance();
  facts.target = stringValue(reader);
  reader.skip();
}

/** [WORK | TRANSACTION] [AND [NO] CHAIN] */
function readChain(reader: StatementReader, facts: Facts): void {
  if (reader.word === WORK || reader.word === TRANSACTION) reader.advance();
  const chains = reader.word === AND && reader.peekWord() !== NO;
  facts.transaction = chains ? 'endsAndBegins' : 'ends';
  reader.skip();
}

export function readSavepoint(reader: StatementReader, facts: Facts): void {
  facts.kind = 'savepoint';
  reader.advance();
  readSavepointName(reader, facts);
}

export function readRelease(reader: StatementReader, facts: Facts): void {
  facts.kind = 'release';
  reader.advance();
  readSavepointName(reader, facts);
}

/** [SAVEPOINT] name */
function readSavepointName(reader: StatementReader, facts: Facts): void {
  facts.transaction = 'within';
  facts.traits |= Trait.needsTransactionBlock;
  if (reader.word === SAVEPOINT && reader.peekKind() !== Token.end) reader.advance();
  facts.target = reader.name();
  reader.skip();
}

/** PREPARE TRANSACTION 'id'. The reader stands on TRANSACTION. */
export function readPrepareTransaction(reader: StatementReader, facts: Facts): void {
  facts.kind = 'prepareTransaction';
  facts.transaction = 'ends';
  facts.traits |= Trait.needsTransactionBlock | Trait.writes;
  reader.advance();
  facts.target = stringValue(reader);
  reader.skip();
}

/** The content of the current token if it is a plain string. */
function stringValue(reader: StatementReader): string | undefined {
  const text = reader.text.slice(reader.start, reader.end);
  return /^'(?:[^'\\\n\r]|'')*'$/.test(text) ? text.slice(1, -1).replaceAll("''", "'") : undefined;
}
