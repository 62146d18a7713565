import { Body } from './body.ts';
import type { StatementKind } from './classification.ts';
import { Facts, settingPin } from './facts.ts';
import { wordId } from './keyword.ts';
import { PinReason } from './pin-reason.ts';
import { Token } from './scanner.ts';
import { readSetConfig } from './set-config.ts';
import type { StatementReader } from './statement-reader.ts';
import { Trait } from './trait.ts';

const AS = wordId('as');
const FOR = wordId('for');
const HOLD = wordId('hold');
const WITHOUT = wordId('without');

const bareUnlock = /^select\s+(?:pg_catalog\.)?pg_advisory_unlock_all\s*\(\s*\)$/i;

/** SELECT, VALUES, TABLE, WITH, INSERT, UPDATE, DELETE, MERGE, and whatever starts with a parenthesis. */
export function readQuery(reader: StatementReader, facts: Facts): void {
  const { start } = reader;
  const setting = readSetConfig(reader);
  if (reader.kind === Token.leftParen) facts.kind = 'select';
  new Body(reader, facts).scan();
  if (facts.kind === 'unknown') facts.pins |= PinReason.unknown;
  // Under a WHERE or a CASE the call may never happen: only the bare one certainly ends something.
  if (facts.unpins !== 0 && !bareUnlock.test(reader.text.slice(start, reader.previousEnd))) facts.unpins = 0;
  if (setting === undefined || reader.sawError) return;
  facts.setting = setting;
  const kept = setting.scope === 'session' ? settingPin(setting.name) : 0;
  facts.pins = (facts.pins & PinReason.tempObject) | kept;
}

/** DECLARE name ... CURSOR [WITH HOLD] FOR query. What the query does happens at FETCH; it counts from here on. */
export function readDeclare(reader: StatementReader, facts: Facts): void {
  reader.advance();
  facts.target = reader.name();
  let held = false;
  while (reader.kind !== Token.end && reader.word !== FOR) {
    if (reader.word === HOLD && reader.previousWord !== WITHOUT) held = true;
    reader.advance();
  }
  reader.advance();
  readInner(reader, facts, 'declare');
  if (held) facts.pins |= PinReason.heldCursor;
  else facts.traits |= Trait.needsTransactionBlock;
}

/** PREPARE name [(types)] AS statement. The reader stands on the name. What the statement does counts from here on. */
export function readPrepare(reader: StatementReader, facts: Facts): void {
  facts.target = reader.name();
  while (reader.kind !== Token.end && reader.word !== AS) reader.advance();
  reader.advance();
  readInner(reader, facts, 'prepare');
  facts.pins |= PinReason.preparedStatement;
}

function readInner(reader: StatementReader, facts: Facts, kind: StatementKind): void {
  if (reader.kind === Token.leftParen) facts.kind = 'select';
  new Body(reader, facts).scan();
  facts.kind = kind;
}

/** EXECUTE name [(arguments)]: it does what its PREPARE did, which the session may know and the text does not. */
export function readExecute(reader: StatementReader, facts: Facts): void {
  reader.advance();
  facts.target = reader.name();
  reader.advance();
  readInner(reader, facts, 'execute');
  facts.pins |= PinReason.unknownFunction;
  facts.traits |= Trait.callsUnknown | Trait.writes;
}

/** CALL and DO run any code. */
export function readCode(reader: StatementReader, facts: Facts, kind: 'call' | 'do'): void {
  facts.kind = kind;
  facts.pins |= PinReason.unknown;
  facts.traits |= Trait.callsUnknown | Trait.writes;
  reader.skip();
}

const ANALYZE = wordId('analyze');
const ANALYSE = wordId('analyse');
const FALSE = wordId('false');
const OFF = wordId('off');
const VERBOSE = wordId('verbose');

/** How a whole statement is read; given by the caller, because it reads EXPLAIN too. */
export type ReadStatement = (reader: StatementReader, facts: Facts) => void;

/**
 * EXPLAIN. With ANALYZE it is what it explains; without, only planning happens, in which unknown functions may already be
 * evaluated.
 */
export function readExplain(reader: StatementReader, facts: Facts, readStatement: ReadStatement): void {
  reader.advance();
  const runs = reader.kind === Token.leftParen ? explainOptions(reader) : legacyExplainOptions(reader);
  const inner = new Facts(facts.knownFunction);
  readStatement(reader, inner);
  facts.kind = 'explain';
  const kept = runs
    ? inner
    : { pins: inner.pins & PinReason.unknownFunction, traits: inner.traits & Trait.callsUnknown };
  facts.pins |= kept.pins;
  facts.traits |= kept.traits & ~(Trait.needsTransactionBlock | Trait.refusesTransactionBlock);
}

function legacyExplainOptions(reader: StatementReader): boolean {
  const runs = reader.word === ANALYZE || reader.word === ANALYSE;
  if (runs) reader.advance();
  reader.take(VERBOSE);
  return runs;
}

/** `(ANALYZE, BUFFERS)`, or `(SELECT ...)`: the parenthesis may already open the query. Goes past options only. */
function explainOptions(reader: StatementReader): boolean {
  const first = reader.peekWord();
  if (queryStarts.has(first) || reader.peekKind() === Token.leftParen) return false;
  let runs = false;
  const { depth } = reader;
  do {
    reader.advance();
    if (reader.word === ANALYZE || reader.word === ANALYSE) runs = !isSwitchedOff(reader);
  } while (reader.kind !== Token.end && reader.depth > depth);
  reader.advance();
  return runs;
}

const queryStarts: ReadonlySet<number> = new Set(['select', 'with', 'values', 'table'].map(wordId));

function isSwitchedOff(reader: StatementReader): boolean {
  const place = reader.mark();
  reader.advance();
  const value = reader.text.slice(reader.start, reader.end).toLowerCase();
  const off = reader.word === FALSE || reader.word === OFF || ['0', "'off'", "'false'"].includes(value);
  reader.rewind(place);
  return off;
}
