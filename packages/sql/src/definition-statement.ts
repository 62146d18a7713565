import { Body } from './body.ts';
import type { Facts } from './facts.ts';
import { unknownEffect } from './function-effect.ts';
import { wordId } from './keyword.ts';
import { PinReason } from './pin-reason.ts';
import { Token } from './scanner.ts';
import type { StatementReader } from './statement-reader.ts';
import { Trait } from './trait.ts';

const AS = wordId('as');
const COMMIT = wordId('commit');
const CONCURRENTLY = wordId('concurrently');
const DATABASE = wordId('database');
const DROP = wordId('drop');
const EXECUTE = wordId('execute');
const EXISTS = wordId('exists');
const FUNCTION = wordId('function');
const GLOBAL = wordId('global');
const IF = wordId('if');
const LOCAL = wordId('local');
const MATERIALIZED = wordId('materialized');
const NOT = wordId('not');
const ON = wordId('on');
const PROCEDURE = wordId('procedure');
const SEQUENCE = wordId('sequence');
const SYSTEM = wordId('system');
const TABLE = wordId('table');
const TABLESPACE = wordId('tablespace');
const TEMP = wordId('temp');
const TEMPORARY = wordId('temporary');
const SUBSCRIPTION = wordId('subscription');
const UNLOGGED = wordId('unlogged');
const VIEW = wordId('view');

const outsideBlock: ReadonlySet<number> = new Set([DATABASE, TABLESPACE, SUBSCRIPTION, SYSTEM]);

function ddl(reader: StatementReader, facts: Facts): void {
  facts.kind = 'ddl';
  facts.traits |= Trait.writes | Trait.locks;
  reader.advance();
  if (outsideBlock.has(reader.word)) facts.traits |= Trait.refusesTransactionBlock;
}

/** Any other definition: nothing in it runs now, or it runs in the server's restricted mode, which puts settings back. */
export function readDefinition(reader: StatementReader, facts: Facts): void {
  ddl(reader, facts);
  skipDefinition(reader, facts);
}

function skipDefinition(reader: StatementReader, facts: Facts): void {
  while (reader.kind !== Token.end) {
    if (reader.word === CONCURRENTLY) facts.traits |= Trait.refusesTransactionBlock;
    reader.advance();
  }
}

/** CREATE: temporary objects, function bodies that hold semicolons, and the queries of CREATE TABLE AS. */
export function readCreate(reader: StatementReader, facts: Facts): void {
  ddl(reader, facts);
  let isTable = false;
  // The words before the object's name: CREATE OR REPLACE GLOBAL TEMPORARY ...
  while (reader.kind === Token.word && reader.depth === 0) {
    const { word } = reader;
    if (word === TEMP || word === TEMPORARY) facts.pins |= PinReason.tempObject;
    if (word === FUNCTION || word === PROCEDURE) reader.mayHaveBody = true;
    if (word === TABLE || word === MATERIALIZED) isTable = true;
    if (isTable || reader.mayHaveBody || !isModifier(word)) break;
    reader.advance();
  }
  const isTemporary = (facts.pins & PinReason.tempObject) !== 0;
  if (isTemporary && (isTable || isRelation(reader.word))) facts.target = readNewName(reader);
  if (!isTable) return skipDefinition(reader, facts);
  while (reader.kind !== Token.end && !(reader.word === AS && reader.depth === 0 && startsQuery(reader))) {
    if (reader.word === ON && reader.depth === 0 && reader.peekWord() === COMMIT) {
      reader.advance();
      if (isTemporary && reader.peekWord() === DROP) facts.pins = PinReason.tempUntilCommit;
    }
    reader.advance();
  }
  reader.advance();
  if (reader.word === EXECUTE) facts.add(unknownEffect);
  new Body(reader, facts).scan();
  facts.kind = 'ddl';
}

function isRelation(word: number): boolean {
  return word === TABLE || word === VIEW || word === SEQUENCE;
}

/** The name behind TABLE, VIEW or SEQUENCE, where the reader stands; undefined if it has a schema. Goes up to the name. */
function readNewName(reader: StatementReader): string | undefined {
  reader.advance();
  if (reader.word === IF && reader.peekWord() === NOT) {
    reader.advance();
    reader.advance();
    reader.advance();
  }
  return reader.peekKind() === Token.dot ? undefined : reader.name();
}

/** DROP: of a single relation without a schema the name is told. */
export function readDrop(reader: StatementReader, facts: Facts): void {
  ddl(reader, facts);
  if (isRelation(reader.word)) {
    reader.advance();
    if (reader.word === IF && reader.peekWord() === EXISTS) {
      reader.advance();
      reader.advance();
    }
    const name = reader.name();
    const next = reader.peekKind();
    if (name !== '' && next !== Token.dot && next !== Token.comma) {
      facts.target = name;
      facts.traits |= Trait.drops;
    }
  }
  skipDefinition(reader, facts);
}

const modifiers: ReadonlySet<number> = new Set([
  ...['or', 'replace', 'recursive'].map(wordId),
  TEMP,
  TEMPORARY,
  GLOBAL,
  LOCAL,
  UNLOGGED,
]);

function isModifier(word: number): boolean {
  return modifiers.has(word);
}

const queryWords: ReadonlySet<number> = new Set(['select', 'with', 'values', 'table', 'execute'].map(wordId));

/** `AS SELECT`, and not the AS of a generated column. */
function startsQuery(reader: StatementReader): boolean {
  return queryWords.has(reader.peekWord()) || reader.peekKind() === Token.leftParen;
}

/** ALTER: only ALTER TABLE evaluates expressions of its own (defaults, checks, USING) with the caller's settings. */
export function readAlter(reader: StatementReader, facts: Facts): void {
  ddl(reader, facts);
  if (reader.word !== TABLE) return skipDefinition(reader, facts);
  new Body(reader, facts).scan();
  facts.kind = 'ddl';
}

/** VACUUM, ANALYZE, CLUSTER, REINDEX, CHECKPOINT and the like. */
export function readUtility(reader: StatementReader, facts: Facts, traits: number): void {
  facts.kind = 'utility';
  facts.traits |= traits;
  skipDefinition(reader, facts);
}

export function readTruncate(reader: StatementReader, facts: Facts): void {
  facts.kind = 'truncate';
  facts.traits |= Trait.writes | Trait.locks;
  reader.skip();
}
