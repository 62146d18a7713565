import type { Facts } from './facts.ts';
import { readCopy } from './copy-statement.ts';
import { readAlter, readCreate, readDefinition, readDrop, readTruncate, readUtility } from './definition-statement.ts';
import { wordId } from './keyword.ts';
import { PinReason } from './pin-reason.ts';
import { readCode, readDeclare, readExecute, readExplain, readPrepare, readQuery } from './query-statement.ts';
import { Token } from './scanner.ts';
import {
  readClose,
  readDeallocate,
  readDiscard,
  readFetch,
  readListen,
  readLoad,
  readLock,
  readNotify,
  readShow,
  readUnlisten,
} from './session-statement.ts';
import { readReset, readSet } from './set-statement.ts';
import type { StatementReader } from './statement-reader.ts';
import { Trait } from './trait.ts';
import {
  readBegin,
  readCommit,
  readPrepareTransaction,
  readRelease,
  readRollback,
  readSavepoint,
  readStart,
} from './transaction-statement.ts';

type Read = (reader: StatementReader, facts: Facts) => void;

const TRANSACTION = wordId('transaction');

function readReplication(reader: StatementReader, facts: Facts): void {
  facts.kind = 'replication';
  facts.pins |= PinReason.replication;
  facts.traits |= Trait.writes;
  reader.skip();
}

function readPrepareOrTransaction(reader: StatementReader, facts: Facts): void {
  reader.advance();
  if (reader.word === TRANSACTION && reader.peekKind() === Token.string) readPrepareTransaction(reader, facts);
  else readPrepare(reader, facts);
}

const vacuum: Read = (reader, facts) =>
  readUtility(reader, facts, Trait.writes | Trait.locks | Trait.refusesTransactionBlock);
const analyze: Read = (reader, facts) => readUtility(reader, facts, Trait.writes | Trait.locks);
const checkpoint: Read = (reader, facts) => readUtility(reader, facts, Trait.writes);

/** One reader per first word; whole, because a statement that is missing here pins for ever. */
const byFirstWord: readonly (readonly [read: Read, words: string])[] = [
  [readQuery, 'select with values table insert update delete merge'],
  [readBegin, 'begin'],
  [readStart, 'start'],
  [readCommit, 'commit end'],
  [readRollback, 'rollback abort'],
  [readSavepoint, 'savepoint'],
  [readRelease, 'release'],
  [readSet, 'set'],
  [readReset, 'reset'],
  [readShow, 'show'],
  [readDiscard, 'discard'],
  [readPrepareOrTransaction, 'prepare'],
  [readExecute, 'execute'],
  [readDeallocate, 'deallocate'],
  [readDeclare, 'declare'],
  [readFetch, 'fetch move'],
  [readClose, 'close'],
  [readListen, 'listen'],
  [readUnlisten, 'unlisten'],
  [readNotify, 'notify'],
  [readCopy, 'copy'],
  [readLock, 'lock'],
  [readLoad, 'load'],
  [readTruncate, 'truncate'],
  [(reader, facts) => readExplain(reader, facts, readStatement), 'explain'],
  [(reader, facts) => readCode(reader, facts, 'call'), 'call'],
  [(reader, facts) => readCode(reader, facts, 'do'), 'do'],
  [readCreate, 'create'],
  [readAlter, 'alter'],
  [readDrop, 'drop'],
  [readDefinition, 'comment grant revoke security import reassign refresh'],
  [vacuum, 'vacuum repack'],
  [analyze, 'analyze analyse cluster reindex'],
  [checkpoint, 'checkpoint'],
  [
    readReplication,
    'identify_system start_replication base_backup create_replication_slot drop_replication_slot ' +
      'alter_replication_slot read_replication_slot timeline_history upload_manifest',
  ],
];

const readers: ReadonlyMap<number, Read> = new Map(
  byFirstWord.flatMap(([read, words]) => words.split(' ').map((word) => [wordId(word), read] as const)),
);

/** Reads the statement whose first token is the reader's current one, to its end. */
export function readStatement(reader: StatementReader, facts: Facts): void {
  const read = reader.kind === Token.leftParen ? readQuery : readers.get(reader.word);
  if (read !== undefined) read(reader, facts);
  else facts.pins |= PinReason.unknown;
  reader.skip();
  if (facts.kind === 'unknown') facts.pins |= PinReason.unknown;
  if (reader.sawTemporarySchema) facts.pins |= PinReason.tempObject;
}
