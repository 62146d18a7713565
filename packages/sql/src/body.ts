import type { Facts } from './facts.ts';
import { callEffect } from './call.ts';
import { isCallSyntax, Seen } from './call-syntax.ts';
import { isNeverCalled, wordId } from './keyword.ts';
import { isKnownOperator } from './operators.ts';
import { PinReason } from './pin-reason.ts';
import { Token } from './scanner.ts';
import type { StatementReader } from './statement-reader.ts';
import { Trait } from './trait.ts';
import { unknownEffect } from './function-effect.ts';
import { WithClauses } from './with-clause.ts';
import type { StatementKind } from './classification.ts';

const AS = wordId('as');
const DELETE = wordId('delete');
const DISTINCT = wordId('distinct');
const FOR = wordId('for');
const GROUP = wordId('group');
const INSERT = wordId('insert');
const INTO = wordId('into');
const KEY = wordId('key');
const MERGE = wordId('merge');
const NO = wordId('no');
const ON = wordId('on');
const OPERATOR = wordId('operator');
const SELECT = wordId('select');
const SHARE = wordId('share');
const TABLE = wordId('table');
const UPDATE = wordId('update');
const VALUES = wordId('values');
const WITH = wordId('with');

const temporaryWords: ReadonlySet<number> = new Set(['temp', 'temporary', 'local', 'global'].map(wordId));

const mainKinds: ReadonlyMap<number, StatementKind> = new Map<number, StatementKind>([
  [SELECT, 'select'],
  [VALUES, 'select'],
  [TABLE, 'select'],
  [INSERT, 'insert'],
  [UPDATE, 'update'],
  [DELETE, 'delete'],
  [MERGE, 'merge'],
]);

/**
 * Reads a query (SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE, with or without WITH) or an expression to the end
 * of the statement and adds what it does to the facts: functions called, operators used, rows locked, data changed.
 *
 * A function call is a name before a parenthesis, wherever an expression may stand. Column lists, aliases, types and
 * syntax that only looks like a call are told apart by the token before the name.
 */
export class Body {
  readonly #reader: StatementReader;
  readonly #facts: Facts;
  #withs: WithClauses | undefined = undefined;
  /** Parts of the dotted name that ends at the current token, 0 when there is none. */
  #parts = 0;
  #dotted = false;
  #nameStart = 0;
  #lastStart = 0;
  #nameEnd = 0;
  #word = 0;
  #isCommonTable = false;
  #beforeKind = 0;
  #beforeWord = 0;
  /** Where a token ends after which an expression starts, although it looks like the end of one. */
  #introducedAt = -1;
  #distinctOnDepth = -1;
  #seen = 0;

  constructor(reader: StatementReader, facts: Facts) {
    this.#reader = reader;
    this.#facts = facts;
  }

  /** From the current token to the statement's end. */
  scan(): void {
    while (this.#reader.kind !== Token.end) this.#step();
  }

  /** From the current opening parenthesis to its closing one. */
  scanGroup(): void {
    const { depth } = this.#reader;
    do this.#step();
    while (this.#reader.kind !== Token.end && this.#reader.depth > depth);
  }

  #step(): void {
    const reader = this.#reader;
    if (reader.word === WITH) this.#withs ??= new WithClauses();
    this.#withs?.feed(reader);
    this.#token(reader.kind);
    reader.advance();
  }

  #token(kind: number): void {
    const reader = this.#reader;
    switch (kind) {
      case Token.word:
      case Token.quoted:
        return this.#name();
      case Token.dot:
        this.#dotted = this.#parts > 0 && !this.#dotted;
        if (!this.#dotted) this.#parts = 0;
        return;
      case Token.leftParen:
        if (this.#parts > 0 && !this.#dotted) this.#parenthesisAfterName();
        break;
      case Token.rightParen:
        if (reader.depth === this.#distinctOnDepth) {
          this.#introducedAt = reader.end;
          this.#distinctOnDepth = -1;
        }
        break;
      case Token.operator:
        if (!isKnownOperator(reader.text, reader.start, reader.end)) this.#facts.add(unknownEffect);
        break;
      default:
        break;
    }
    this.#parts = 0;
    this.#dotted = false;
  }

  #name(): void {
    const reader = this.#reader;
    if (this.#dotted) {
      this.#dotted = false;
      this.#parts++;
      this.#word = 0;
      this.#lastStart = reader.start;
      this.#nameEnd = reader.end;
      return;
    }
    const { word } = reader;
    this.#parts = isNeverCalled(word) ? 0 : 1;
    this.#word = word;
    this.#nameStart = reader.start;
    this.#lastStart = reader.start;
    this.#nameEnd = reader.end;
    const introduced = reader.previousEnd === this.#introducedAt;
    this.#beforeKind = introduced ? Token.comma : reader.previousKind;
    this.#beforeWord = introduced ? 0 : reader.previousWord;
    this.#isCommonTable = this.#withs !== undefined && this.#withs.isName(reader);
    if (word !== 0 && reader.previousKind !== Token.dot && reader.previousWord !== AS) this.#keyword(word);
  }

  #keyword(word: number): void {
    const reader = this.#reader;
    switch (word) {
      case SELECT:
      case VALUES:
      case TABLE:
        return this.#main(word);
      case INSERT:
      case UPDATE:
      case DELETE:
      case MERGE:
        this.#facts.traits |= Trait.writes;
        if (word === MERGE) this.#seen |= Seen.merge;
        else if (word === INSERT) this.#seen |= Seen.insert;
        return this.#main(word);
      case GROUP:
        this.#seen |= Seen.group;
        return;
      case INTO:
        return this.#into();
      case FOR:
        return this.#lockingClause(reader.peekWord());
      case ON:
        if (reader.previousWord === DISTINCT) this.#distinctOnDepth = reader.depth;
        return;
      case OPERATOR:
        if (reader.peekKind() === Token.leftParen) this.#operatorSyntax();
        return;
      default:
        return;
    }
  }

  /** The first main word outside parentheses and after WITH names the statement. */
  #main(word: number): void {
    if (this.#facts.kind !== 'unknown' || this.#reader.depth > 0) return;
    if (this.#withs !== undefined && this.#withs.open) return;
    this.#facts.kind = mainKinds.get(word) ?? 'unknown';
  }

  /** SELECT ... INTO makes a table; INSERT INTO and MERGE INTO are what they are. */
  #into(): void {
    const reader = this.#reader;
    if (reader.previousWord === INSERT || reader.previousWord === MERGE) return;
    this.#facts.traits |= Trait.writes;
    if (temporaryWords.has(reader.peekWord())) this.#facts.pins |= PinReason.tempObject;
  }

  #lockingClause(next: number): void {
    if (next !== UPDATE && next !== SHARE && next !== NO && next !== KEY) return;
    this.#facts.traits |= Trait.locks | Trait.writes;
  }

  /** `OPERATOR(schema.+)`: any schema but pg_catalog may hide anything behind it. */
  #operatorSyntax(): void {
    const reader = this.#reader;
    reader.advance();
    const { depth } = reader;
    reader.advance();
    const inCatalog = reader.name() === 'pg_catalog';
    while (reader.kind === Token.word || reader.kind === Token.quoted || reader.kind === Token.dot) reader.advance();
    const known = inCatalog && reader.kind === Token.operator && isKnownOperator(reader.text, reader.start, reader.end);
    if (!known) this.#facts.add(unknownEffect);
    if (reader.kind === Token.operator && reader.peekKind() === Token.rightParen) reader.advance();
    this.#parts = 0;
    if (reader.kind === Token.rightParen && reader.depth === depth) this.#introducedAt = reader.end;
  }

  #parenthesisAfterName(): void {
    if (this.#isCommonTable) return;
    const word = this.#parts === 1 ? this.#word : 0;
    if (isCallSyntax(word, this.#beforeKind, this.#beforeWord, this.#seen)) return;
    const written = this.#reader.text.slice(this.#nameStart, this.#nameEnd);
    const last = this.#reader.text.slice(this.#lastStart, this.#nameEnd);
    this.#facts.add(callEffect(this.#reader, written, last, this.#parts, this.#facts.knownFunction));
  }
}
