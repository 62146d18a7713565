import type { Classification, StatementKind, TransactionEffect } from './classification.ts';
import { Facts, type KnownFunction } from './facts.ts';
import { lowersDurability } from './lowered-durability.ts';
import { readStatement } from './statement.ts';
import { StatementReader } from './statement-reader.ts';
import { Trait } from './trait.ts';

export interface ClassifyOptions {
  /** The session's standard_conforming_strings, a parameter that the server reports. Default true. */
  readonly standardConformingStrings?: boolean;
  /** What the catalogue knows about functions that this package does not. It must not change while results are cached. */
  readonly knownFunction?: KnownFunction;
}

/** Texts of more statements are scripts: nobody looks at each. */
const partsMax = 64;

const empty: Classification = Object.freeze({
  statements: 0,
  kind: 'empty',
  pins: 0,
  unpins: 0,
  traits: 0,
  transaction: 'none',
  setting: undefined,
  target: undefined,
  readOnly: true,
  pipelinable: false,
  parts: undefined,
});

/** Kinds that read when nothing in them is known to write. */
const readers: ReadonlySet<StatementKind> = new Set<StatementKind>(['select', 'show', 'explain', 'copyOut', 'declare']);

/** A lock or a sequence's last value is where it was made. */
const boundToPrimary: number = Trait.writes | Trait.locks | Trait.readsSequence;

/** Kinds that answer and are done, with nothing between them and the next statement. */
const pipelined: ReadonlySet<StatementKind> = new Set<StatementKind>(['select', 'show', 'explain']);

/**
 * What a query string, or the text of a Parse message, does to the session that sends it. Reads the text with
 * PostgreSQL's lexical rules and never fails: what it does not understand pins. Costs a few microseconds for ordinary
 * statements and grows with the text's length only.
 */
export function classify(text: string, options: ClassifyOptions = {}): Classification {
  const reader = new StatementReader(text, options.standardConformingStrings === false);
  if (!reader.nextStatement()) return empty;
  const first = read(reader, options);
  if (!reader.nextStatement()) {
    if (lowersDurability(text, [first])) first.traits |= Trait.lowersDurability;
    return single(first);
  }
  const facts = [first];
  do facts.push(read(reader, options));
  while (reader.nextStatement());
  if (lowersDurability(text, facts)) first.traits |= Trait.lowersDurability;
  return several(facts);
}

function read(reader: StatementReader, options: ClassifyOptions): Facts {
  const facts = new Facts(options.knownFunction);
  readStatement(reader, facts);
  return facts;
}

function single(facts: Facts): Classification {
  const { kind, pins, traits, transaction, setting, target } = facts;
  const readOnly = readers.has(kind) && pins === 0 && (traits & boundToPrimary) === 0;
  const inTheWay = traits & ~Trait.callsUnknown;
  return {
    statements: 1,
    kind,
    pins,
    unpins: facts.unpins & ~pins,
    traits,
    transaction,
    setting,
    target,
    readOnly,
    pipelinable: readOnly && inTheWay === 0 && pipelined.has(kind),
    parts: undefined,
  };
}

/** Several statements in one query string run in one implicit transaction; what one adds, another may end, but who knows. */
function several(all: readonly Facts[]): Classification {
  let pins = 0;
  let unpins = 0;
  let traits = 0;
  let readOnly = true;
  const parts = all.length > partsMax ? undefined : all.map(single);
  for (const facts of all) {
    pins |= facts.pins;
    unpins |= facts.unpins;
    traits |= facts.traits;
    readOnly &&= single(facts).readOnly || isTransactionControl(facts);
  }
  return {
    statements: all.length,
    kind: 'multi',
    pins,
    unpins: unpins & ~pins,
    traits,
    transaction: combined(all),
    setting: undefined,
    target: undefined,
    readOnly,
    pipelinable: false,
    parts,
  };
}

function isTransactionControl(facts: Facts): boolean {
  return facts.kind === 'begin' || facts.kind === 'commit' || facts.kind === 'rollback';
}

function combined(all: readonly Facts[]): TransactionEffect {
  let effect: TransactionEffect = 'none';
  for (const { transaction } of all) {
    if (transaction === 'none') continue;
    if (effect !== 'none') return 'mixed';
    effect = transaction;
  }
  return effect;
}

/** Where a statement stands in its text, from its first token to the end of its last. UTF-16 units. */
export interface StatementSpan {
  readonly start: number;
  readonly end: number;
}

/** The statements of a text, without the semicolons, blanks and comments around them. */
export function splitStatements(text: string, options: ClassifyOptions = {}): StatementSpan[] {
  const reader = new StatementReader(text, options.standardConformingStrings === false);
  const spans: StatementSpan[] = [];
  while (reader.nextStatement()) {
    const { start } = reader;
    readStatement(reader, new Facts(undefined));
    spans.push({ start, end: reader.previousEnd });
  }
  return spans;
}
