import type { StatementKind } from './classification.ts';
import type { Facts } from './facts.ts';
import { wordId } from './keyword.ts';
import { everyPin, PinReason } from './pin-reason.ts';
import { Token } from './scanner.ts';
import type { StatementReader } from './statement-reader.ts';
import { Trait } from './trait.ts';

const ALL = wordId('all');
const ABSOLUTE = wordId('absolute');
const FROM = wordId('from');
const IN = wordId('in');
const PREPARE = wordId('prepare');
const SEQUENCES = wordId('sequences');
const TEMP = wordId('temp');
const TEMPORARY = wordId('temporary');

/** DISCARD ALL ends what DISCARD's documentation lists; a loaded library and the random seed stay. */
const endedByDiscardAll: number = everyPin & ~(PinReason.setseed | PinReason.loadedLibrary | PinReason.replication);

/** DISCARD { ALL | PLANS | SEQUENCES | TEMP }. */
export function readDiscard(reader: StatementReader, facts: Facts): void {
  facts.kind = 'discard';
  reader.advance();
  if (reader.word === ALL) {
    facts.unpins |= endedByDiscardAll;
    facts.traits |= Trait.refusesTransactionBlock;
  } else if (reader.word === SEQUENCES) facts.unpins |= PinReason.sequence;
  else if (reader.word === TEMP || reader.word === TEMPORARY)
    facts.unpins |= PinReason.tempObject | PinReason.tempUntilCommit;
  reader.skip();
}

/** DEALLOCATE [PREPARE] { name | ALL }. */
export function readDeallocate(reader: StatementReader, facts: Facts): void {
  facts.kind = 'deallocate';
  reader.advance();
  if (reader.word === PREPARE && reader.peekKind() !== Token.end) reader.advance();
  readNameOrAll(reader, facts, PinReason.preparedStatement);
}

/** CLOSE { name | ALL }. */
export function readClose(reader: StatementReader, facts: Facts): void {
  facts.kind = 'close';
  reader.advance();
  readNameOrAll(reader, facts, PinReason.heldCursor);
}

function readNameOrAll(reader: StatementReader, facts: Facts, endedByAll: number): void {
  if (reader.word === ALL) {
    facts.target = '*';
    facts.unpins |= endedByAll;
  } else facts.target = reader.name();
  reader.skip();
}

/** LISTEN channel. */
export function readListen(reader: StatementReader, facts: Facts): void {
  facts.pins |= PinReason.listen;
  readTarget(reader, facts, 'listen');
}

/** UNLISTEN { channel | * }. */
export function readUnlisten(reader: StatementReader, facts: Facts): void {
  facts.kind = 'unlisten';
  reader.advance();
  if (reader.kind === Token.operator) {
    facts.target = '*';
    facts.unpins |= PinReason.listen;
  } else facts.target = reader.name();
  reader.skip();
}

/** NOTIFY channel [, payload]. */
export function readNotify(reader: StatementReader, facts: Facts): void {
  facts.traits |= Trait.writes;
  readTarget(reader, facts, 'notify');
}

function readTarget(reader: StatementReader, facts: Facts, kind: StatementKind): void {
  facts.kind = kind;
  reader.advance();
  facts.target = reader.name();
  reader.skip();
}

/** FETCH and MOVE: the cursor is the last name, after FROM or IN or whatever direction. */
export function readFetch(reader: StatementReader, facts: Facts): void {
  facts.kind = 'fetch';
  reader.advance();
  while (reader.kind !== Token.end) {
    const name = reader.name();
    const isDirection = reader.word === FROM || reader.word === IN || reader.word === ABSOLUTE;
    if (name !== '' && !isDirection) facts.target = name;
    reader.advance();
  }
}

/** LOAD 'library'. */
export function readLoad(reader: StatementReader, facts: Facts): void {
  facts.kind = 'load';
  facts.pins |= PinReason.loadedLibrary;
  reader.skip();
}

/** LOCK [TABLE] ... */
export function readLock(reader: StatementReader, facts: Facts): void {
  facts.kind = 'lock';
  facts.traits |= Trait.locks | Trait.needsTransactionBlock;
  reader.skip();
}

/** SHOW name. */
export function readShow(reader: StatementReader, facts: Facts): void {
  facts.kind = 'show';
  reader.skip();
}
