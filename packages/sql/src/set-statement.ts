import type { SettingChange, SettingForm } from './classification.ts';
import { type Facts, settingPin } from './facts.ts';
import { wordId } from './keyword.ts';
import { PinReason } from './pin-reason.ts';
import { Token } from './scanner.ts';
import type { StatementReader } from './statement-reader.ts';

const ALL = wordId('all');
const AUTHORIZATION = wordId('authorization');
const CHARACTERISTICS = wordId('characteristics');
const CONSTRAINTS = wordId('constraints');
const CURRENT = wordId('current');
const DEFAULT = wordId('default');
const FROM = wordId('from');
const LOCAL = wordId('local');
const NAMES = wordId('names');
const ROLE = wordId('role');
const SCHEMA = wordId('schema');
const SESSION = wordId('session');
const TIME = wordId('time');
const TO = wordId('to');
const TRANSACTION = wordId('transaction');
const XML = wordId('xml');
const ZONE = wordId('zone');

type Scope = SettingChange['scope'];

/** SET (PostgreSQL documentation, "SET", "SET ROLE", "SET SESSION AUTHORIZATION", "SET TRANSACTION", "SET CONSTRAINTS"). The reader stands on SET. */
export function readSet(reader: StatementReader, facts: Facts): void {
  facts.kind = 'set';
  reader.advance();
  let scope: Scope = 'session';
  if ((reader.word === SESSION || reader.word === LOCAL) && !isPlainName(reader)) {
    scope = reader.word === LOCAL ? 'local' : 'session';
    const isSession = scope === 'session';
    reader.advance();
    if (isSession && reader.word === CHARACTERISTICS && !isPlainName(reader)) return readCharacteristics(reader, facts);
    if (isSession && reader.word === AUTHORIZATION) return readAuthorization(reader, facts, scope);
  }
  if (reader.word === LOCAL || reader.word === SESSION) return readNamed(reader, facts, scope);
  if (isPlainName(reader)) return readNamed(reader, facts, scope);
  readSpecial(reader, facts, scope);
}

/** Whether the current word is a setting's own name, whatever it means elsewhere: `SET local.x = 1`, `SET session TO 1`. */
function isPlainName(reader: StatementReader): boolean {
  const kind = reader.peekKind();
  return kind === Token.dot || kind === Token.operator || [TO, FROM].includes(reader.peekWord());
}

function readSpecial(reader: StatementReader, facts: Facts, scope: Scope): void {
  switch (reader.word) {
    case CONSTRAINTS:
      facts.kind = 'setConstraints';
      return reader.skip();
    case TRANSACTION:
      reader.advance();
      return finish(reader, facts, 'local', 'transaction', '');
    case SESSION:
      return readAuthorization(reader, facts, scope);
    case TIME:
      reader.advance();
      return reader.take(ZONE) ? finish(reader, facts, scope, 'timeZone', 'timezone') : unreadable(reader, facts);
    case NAMES:
      reader.advance();
      return finish(reader, facts, scope, 'plain', 'client_encoding');
    case SCHEMA:
      reader.advance();
      return finish(reader, facts, scope, 'plain', 'search_path');
    case ROLE:
      reader.advance();
      return finish(reader, facts, scope, 'plain', 'role');
    case XML:
      reader.advance();
      reader.advance();
      return finish(reader, facts, scope, 'plain', 'xmloption');
    default:
      return unreadable(reader, facts);
  }
}

function readCharacteristics(reader: StatementReader, facts: Facts): void {
  reader.advance(); // CHARACTERISTICS
  reader.advance(); // AS
  reader.advance(); // TRANSACTION
  finish(reader, facts, 'session', 'characteristics', '');
}

function readAuthorization(reader: StatementReader, facts: Facts, scope: Scope): void {
  if (reader.word === SESSION) reader.advance();
  if (!reader.take(AUTHORIZATION)) return unreadable(reader, facts);
  finish(reader, facts, scope, 'plain', 'session_authorization');
}

/** `name[.name] TO value`, `name = value`, `name FROM CURRENT`. */
function readNamed(reader: StatementReader, facts: Facts, scope: Scope): void {
  if (reader.word === SESSION && reader.peekWord() === AUTHORIZATION) return readAuthorization(reader, facts, scope);
  if (reader.word === TRANSACTION && !isPlainName(reader)) return readSpecial(reader, facts, scope);
  const name = readName(reader);
  if (reader.word === FROM) {
    reader.advance();
    return finish(reader, facts, scope, reader.word === CURRENT ? 'fromCurrent' : 'plain', name);
  }
  if (reader.word !== TO && !isEquals(reader)) return unreadable(reader, facts);
  reader.advance();
  finish(reader, facts, scope, 'plain', name);
}

function isEquals(reader: StatementReader): boolean {
  return reader.kind === Token.operator && reader.end === reader.start + 1 && reader.text[reader.start] === '=';
}

/** A dotted setting name in lower case; setting names are compared without regard to case. '' when it is none. */
function readName(reader: StatementReader): string {
  let name = reader.name().toLowerCase();
  reader.advance();
  while (reader.kind === Token.dot) {
    reader.advance();
    name += `.${reader.name().toLowerCase()}`;
    reader.advance();
  }
  return name;
}

/** The rest of the statement is the value. */
function finish(reader: StatementReader, facts: Facts, scope: Scope, form: SettingForm, name: string): void {
  const { start } = reader;
  const { kind, word } = reader;
  const first = reader.end;
  while (reader.kind !== Token.end) reader.advance();
  const end = reader.previousEnd;
  const value = end > start ? reader.text.slice(start, end) : undefined;
  const isDefault = end === first && (word === DEFAULT || (form === 'timeZone' && word === LOCAL));
  pin(facts, scope, form, name, value);
  // Names beyond the server's 63 bytes would be cut there: let the server say what they are.
  if (reader.sawError || name.length > 63 || !isMeant(form, name, value)) return;
  const kept = isDefault || form === 'fromCurrent' ? undefined : value;
  const literal =
    kept !== undefined && form !== 'transaction' ? literalOf(reader, kept, end === first ? kind : 0) : undefined;
  facts.setting = { scope, form, name, value: kept, literal };
}

function isMeant(form: SettingForm, name: string, value: string | undefined): boolean {
  if (name === '' && (form === 'plain' || form === 'timeZone' || form === 'fromCurrent')) return false;
  // SET NAMES without a value is SET NAMES DEFAULT; everything else needs one.
  return value !== undefined || name === 'client_encoding';
}

function pin(facts: Facts, scope: Scope, form: SettingForm, name: string, value: string | undefined): void {
  if (value !== undefined && /pg_temp/i.test(value)) facts.pins |= PinReason.tempObject;
  const kept = form === 'characteristics' ? PinReason.settings : settingPin(name);
  // The random seed is no transactional state: SET LOCAL seed sets it for good.
  if (scope === 'session' || kept === PinReason.setseed) facts.pins |= kept;
}

/** The value of a single constant: '...' without escapes, a number, a name. */
function literalOf(reader: StatementReader, value: string, kind: number): string | undefined {
  if (kind === Token.number) return value;
  if (kind === Token.word) return value.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  if (kind === Token.quoted) return value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : undefined;
  if (kind === Token.string && /^'(?:[^'\\\n\r]|'')*'$/.test(value)) return value.slice(1, -1).replaceAll("''", "'");
  return /^[-+][0-9][0-9_.]*$/.test(value) && !reader.sawError ? value.replace('+', '') : undefined;
}

function unreadable(reader: StatementReader, facts: Facts): void {
  facts.pins |= PinReason.settings | PinReason.role;
  reader.skip();
}

/** RESET name | ALL | TIME ZONE | SESSION AUTHORIZATION | TRANSACTION ISOLATION LEVEL. The reader stands on RESET. */
export function readReset(reader: StatementReader, facts: Facts): void {
  facts.kind = 'reset';
  reader.advance();
  if (reader.word === ALL) {
    facts.unpins |= PinReason.settings;
    facts.setting = { scope: 'session', form: 'all', name: '', value: undefined, literal: undefined };
    return reader.skip();
  }
  const name = resetName(reader);
  while (reader.kind !== Token.end) reader.advance();
  if (name === '' || reader.sawError) {
    facts.pins |= PinReason.settings | PinReason.role;
    return;
  }
  // Back to the start value is a change too: a backend shared with others may have another one.
  facts.pins |= settingPin(name);
  facts.setting = { scope: 'session', form: 'plain', name, value: undefined, literal: undefined };
}

function resetName(reader: StatementReader): string {
  if (reader.word === TIME && reader.peekWord() === ZONE) return 'timezone';
  if (reader.word === SESSION && reader.peekWord() === AUTHORIZATION) return 'session_authorization';
  if (reader.word === TRANSACTION && reader.peekKind() === Token.word) return 'transaction_isolation';
  return readName(reader);
}
