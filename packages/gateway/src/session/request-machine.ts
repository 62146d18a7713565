import { sqlstate, type PgError } from '@multigres/core';
import {
  BindPeek,
  encodeBind,
  encodeClose,
  encodeParse,
  encodeQuery,
  encodeSync,
  frontendTag,
  MessageWriter,
  ParsePeek,
  peekBind,
  peekClose,
  peekDescribe,
  peekParse,
  TargetPeek,
  textAt,
  uint32At,
  type PartPlace,
} from '@multigres/pgwire';
import {
  requestFlag,
  statementName,
  statementNameBytes,
  useKind,
  type CarriedSettings,
  type UseKind,
} from '@multigres/relay';
import { PinReason, Trait, type Classification, type SettingChange, type StatementKind } from '@multigres/sql';
import {
  durabilityKept,
  malformedMessage,
  readsModeUnknown,
  sequenceStateNotCarried,
  unknownMessage,
} from '../errors.ts';
import { isCarried, type CatalogStatement, type StatementCatalog } from '../statement/statement-catalog.ts';
import { MessageHead } from './message-head.ts';
import { pieceBytesMax, type RequestBuilder, type StatementUse } from './request-builder.ts';
import { readsModeNamed, readsSetting } from './reads-mode.ts';
import type { SequenceReaders } from './sequence-readers.ts';
import { isDiscardAll, SessionState, type SessionOrigin, type StateEffects } from './session-state.ts';
import { StatementNames, type NameChange, type Telling } from './statement-names.ts';

/** Where the machine's decisions go. */
export interface RequestSink {
  /** A piece for the pooler, who must know the statements of its uses; `endsGroup` if it ends with Query, FunctionCall or Sync. */
  request(
    flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    bytes: Uint8Array,
    start: number,
    end: number,
    /** The number of the text's shape, 0 if it has none or is made of several texts. */
    shape: number,
  ): void;
  /** Keep the backend from now on. */
  pin(reasons: number): void;
  /** These reasons to keep it are over. */
  unpin(reasons: number): void;
  /** The client is told of an error; nothing is under way. */
  answerError(error: PgError): void;
  /** The client is told that its Parse is good, and that it may go on; nothing is under way. */
  answerParse(): void;
  /** The client is told that it may go on: ReadyForQuery, outside a transaction. */
  answerReady(): void;
  /** Everything sent must be answered before this message can be handled; hand it to `released` then. */
  hold(buffer: Uint8Array, start: number, end: number): void;
  /** A message waits. */
  readonly isHolding: boolean;
  /** Commits are to reach a quorum before they are acknowledged, whatever the client would rather have. */
  readonly keepsDurability: boolean;
  /** The client broke the protocol: its session ends. */
  violation(error: PgError): void;
  terminate(): void;
  /** The group that may have changed the session's settings is answered: this is what they are now. */
  settled(settings: CarriedSettings): void;
}

export interface RequestContext {
  readonly builder: RequestBuilder;
  readonly catalog: StatementCatalog;
  readonly sequenceReaders: SequenceReaders;
  classify(text: string): Classification;
  /** The same for the text of a simple query, which is in [start, end) of a message. */
  classifyQuery(buffer: Uint8Array, start: number, end: number): Classification;
  /** The number of the shape of what `classifyQuery` was asked last; 0 if it is not remembered. */
  readonly shape: number;
  /** A Parse was answered for without being relayed. */
  parseCarried(): void;
  /** Whether `takeText` is asked after each group. */
  readonly watchesTexts: boolean;
}

/** A group under way: what is to be done when it is answered. */
interface SentGroup {
  /** The names it changed, in order. */
  readonly names: readonly NameChange[];
  readonly state: StateEffects | undefined;
  /** In front of it, for an EXECUTE that succeeds only if it has arrived. */
  readonly telling?: Telling | undefined;
  /** It may ask for COPY data, and then it is not answered before the client has sent more. */
  readonly mayCopy: boolean;
}

const noChanges: readonly NameChange[] = [];
/** Most groups change nothing. */
const plainGroup: SentGroup = { names: noChanges, state: undefined, mayCopy: false };
const noUses: readonly StatementUse[] = [];
/** COPY FROM STDIN, and what may have one in it. */
const copyKinds: ReadonlySet<StatementKind> = new Set(['copyIn', 'multi', 'unknown']);

/** Messages may wait for their Sync up to this much; PostgreSQL would have begun with them already. */
const unsentBytesMax = 16 * 1024;
/** A name that no statement has: closing it does nothing and is answered in order. */
const nobody: string = statementName(0);
/** Among several statements: the ones that know the backend's names of prepared statements. */
const statementWords = /\b(?:prepare|execute|deallocate)\b/i;
/** PostgreSQL cuts the names of portals off at 63 bytes. */
const portalBytesMax = 8 * 1024;
const carriedNamePattern = /^mg[0-9a-f]{8}$/;
const headerBytes = 5;
const surelyGoodMax = 40;
const surelyGood = /^\s*(?:begin|start\s+transaction|commit|end|rollback|abort)\s*;?\s*$/i;
/** A name that nothing has. */
const notCarriedHere = 'currval() and lastval() in the middle of a group, or behind a COPY';

/** A text too long to be looked at: it may do anything. */
const unread: Classification = {
  statements: 2,
  kind: 'multi',
  pins: PinReason.unclassified,
  unpins: 0,
  traits: 0,
  transaction: 'mixed',
  setting: undefined,
  target: undefined,
  readOnly: false,
  pipelinable: false,
  parts: undefined,
};

// Peeks are filled and read within one call, so all sessions can use the same.
const parsePeek = new ParsePeek();
const bindPeek = new BindPeek();
const targetPeek = new TargetPeek();

/**
 * Turns a client's messages into requests for the pooler: decides what is carried, what pins, what may share a backend. Owns the session's
 * prepared statements and knows which groups are not answered yet. It does no I/O and asks no clock; it changes itself in place, because it
 * sees every message.
 */
export class RequestMachine {
  readonly #sink: RequestSink;
  readonly #context: RequestContext;
  readonly #names: StatementNames = new StatementNames();
  #status: 'I' | 'T' | 'E' = 'I';
  /** Groups sent and not answered, oldest first. */
  readonly #sent: SentGroup[] = [];
  readonly #state: SessionState;
  /** Groups under way that put back what the session began with: the backend may have to be told more before anything else runs there. */
  #restoring = 0;
  /** The group that is being put together. */
  #changes: NameChange[] | undefined;
  #begun = false;
  #mayCopy = false;
  #partlySent = false;
  /** Others wait for the backend that is kept. */
  #claimed = false;
  #shareable = true;
  /** What is known of its statements: none yet, or only reads, or something else. */
  #reading: 'none' | 'reads' | 'other' = 'none';
  #groupPins = 0;
  /** Of the first statement in the group, while somebody watches. */
  #text: string | undefined;
  #drops = 0;
  #telling: Telling | undefined;
  /** Of the text that this group brings along. */
  #shape = 0;
  /** The client's own Parse of the unnamed statement is in this very group. */
  #unnamedInline = false;
  /** After a refusal: messages are dropped until Sync, as PostgreSQL does after an error. */
  #skipping = false;
  /** The beginning of a message that comes in parts, until its names are known. */
  #head: MessageHead | undefined;
  /** How much of the message at hand is still to come: of a long one, only the head is there. */
  #missingBytes = 0;
  /** What came together with a head that had to wait. */
  #heldPart: { readonly bytes: Uint8Array; readonly tag: number; readonly place: PartPlace } | undefined;
  /** What of an unfinished group does not stay in the shared builder between calls. */
  #taken: { readonly bytes: Uint8Array; readonly uses: StatementUse[] } | undefined;

  constructor(sink: RequestSink, context: RequestContext, origin: SessionOrigin) {
    this.#sink = sink;
    this.#context = context;
    this.#state = new SessionState(origin, context.sequenceReaders);
  }

  get status(): 'I' | 'T' | 'E' {
    return this.#status;
  }

  get pins(): number {
    return this.#state.pins;
  }

  get groupsUnanswered(): number {
    return this.#sent.length;
  }

  /** Nothing is under way, and no transaction is open. What was begun may have been taken in, but none of it was sent. */
  get isQuiet(): boolean {
    return this.#sent.length === 0 && !this.#partlySent && this.#status === 'I';
  }

  /** It is quiet and nothing is kept on a backend: the session can move to another one unnoticed. */
  get isMovable(): boolean {
    return this.isQuiet && this.pins === 0;
  }

  /** A part of a group was sent, and its end is still to come. */
  get isPartlySent(): boolean {
    return this.#partlySent;
  }

  /** The builder is shared: to be called before a run of messages ... */
  enter(): void {
    if (this.#taken === undefined) return;
    const { builder } = this.#context;
    builder.append(this.#taken.bytes, 0, this.#taken.bytes.length);
    builder.uses = this.#taken.uses;
    this.#taken = undefined;
  }

  /** ... and after it. */
  leave(): void {
    const { builder } = this.#context;
    if (builder.isEmpty) return;
    this.#taken = builder.take();
  }

  /**
   * Others wait for the backend. If it is kept only because currval() may be asked, it is given back: at once if the client does nothing, else
   * before the next transaction that does not begin with the question.
   */
  claimed(idle: boolean): void {
    this.#claimed = true;
    if (idle && !this.#begun) this.#yield();
  }

  #yield(): void {
    if (!this.isQuiet) return;
    this.#claimed = false;
    if (this.pins === PinReason.sequence) this.#sink.unpin(this.#state.forgetsSequences());
  }

  /** The session is over: its statements are nobody's. */
  close(): void {
    this.#names.clear();
  }

  /**
   * A ReadyForQuery came: the oldest group is answered. `completions`: how many Parse and Close of it were done before an error. `ranNothing`: the error came
   * before anything of it was executed.
   */
  answered(status: 'I' | 'T' | 'E', failed: boolean, completions: number, ranNothing: boolean = false): void {
    const before = this.#status;
    this.#status = status;
    const group = this.#sent.shift();
    if (group === undefined || (group === plainGroup && this.pins === 0)) return;
    if (failed && group.names.length > 0) this.#names.undoAfter(group.names, completions, this.#laterChanges());
    if (!failed && group.telling !== undefined) this.#names.confirm(group.telling);
    if (group.state?.restoresStart === true) this.#restoring -= 1;
    const { settings, restore, pins, unpins } = this.#state.answered(group.state, before, status, failed, ranNothing);
    if (pins !== 0) this.#pinNow(pins, undefined);
    if (restore !== '') this.#sayUnseen(restore);
    if (settings !== undefined) this.#sink.settled(settings);
    if (unpins !== 0) this.#sink.unpin(unpins);
  }

  /** What was done to names behind the oldest group, in order. */
  #laterChanges(): (readonly NameChange[])[] {
    return [...this.#sent.map(({ names }) => names), this.#changes ?? noChanges];
  }

  /** What the group that is just being sent begins with, where it is known; once. */
  takeText(): string {
    const text = this.#text ?? '';
    this.#text = undefined;
    return text;
  }

  /** The settings that the session has made; undefined if there are none. */
  get settings(): CarriedSettings | undefined {
    return this.#state.hasSettings ? this.#state.settings : undefined;
  }

  /** What the login was told of the client's encoding. */
  readsUtf8(value: boolean): void {
    this.#state.readsUtf8 = value;
  }

  /** Postgres ignored the Sync of the oldest group, which goes on with what was or will be sent next. */
  syncIgnored(): void {
    const oldest = this.#sent.shift() ?? plainGroup;
    const next = this.#sent[0];
    // The pooler waits once for each end that it was sent. What the group did is not told apart any more from what the next one does.
    if (oldest.state?.settings !== undefined) {
      if (oldest.state.restoresStart) this.#restoring -= 1;
      this.#pinNow(PinReason.settings, undefined);
      this.#sink.settled(this.#state.settings);
    }
    if (next !== undefined) this.#sent[0] = { ...next, names: [...oldest.names, ...next.names] };
    else {
      this.#changes = [...oldest.names, ...(this.#changes ?? [])];
      this.#begun = true;
      this.#partlySent = true;
    }
  }

  /** One whole message. */
  message(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#skipping) return this.#skip(tag);
    if (this.#restoring > 0) return this.#sink.hold(buffer, start, end);
    switch (tag) {
      case frontendTag.query:
        return this.#query(buffer, start, end);
      case frontendTag.parse:
        return this.#parse(buffer, start, end);
      case frontendTag.bind:
        return this.#bind(buffer, start, end);
      case frontendTag.describe:
        return this.#describe(buffer, start, end);
      case frontendTag.execute:
        this.#state.executed();
        return this.#add(buffer, start, end);
      case frontendTag.flush:
        this.#add(buffer, start, end);
        return this.#sendPiece();
      case frontendTag.close:
        return this.#close(buffer, start, end);
      case frontendTag.sync:
        if (this.#isSurelyParsed) return this.#answerParse();
        this.#add(buffer, start, end);
        return this.#sendGroup(0);
      case frontendTag.copyData:
        return this.copy(buffer, start, end, 0);
      case frontendTag.copyDone:
      case frontendTag.copyFail:
        return this.copy(buffer, start, end, requestFlag.copyEnd);
      case frontendTag.functionCall:
        this.#groupPins |= PinReason.unknownFunction;
        this.#shareable = false;
        this.#addEnd(buffer, start, end);
        return this.#sendGroup(requestFlag.simple);
      case frontendTag.terminate:
        return this.#sink.terminate();
      default:
        return this.#sink.violation(unknownMessage(tag));
    }
  }

  /**
   * A piece of a message too long to be held. What it means is decided by its first bytes; the rest goes on as it comes. A text that is not seen
   * whole might do anything: it keeps the backend.
   */
  part(tag: number, buffer: Uint8Array, start: number, end: number, place: PartPlace, bodyBytes: number): void {
    if (this.#skipping) return;
    if (tag === frontendTag.copyData) return this.copy(buffer, start, end, 0);
    if (place === 'first') this.#head = new MessageHead(tag, bodyBytes);
    const head = this.#head;
    if (head === undefined) return this.#rest(tag, buffer, start, end, place);
    const at = head.take(buffer, start, end);
    if (!head.isComplete) {
      if (head.isTooLong || place === 'last') this.#sink.violation(malformedMessage());
      return;
    }
    this.#head = undefined;
    if (!this.#beginLong(head)) this.#heldPart = { bytes: buffer.slice(at, end), tag, place };
    else if (!this.#skipping) this.#rest(tag, buffer, at, end, place);
  }

  /** Everything before the message that had to wait is answered. */
  released(message: Uint8Array): void {
    const part = this.#heldPart;
    if (part === undefined) this.message(message[0] as number, message, 0, message.length);
    else this.#headOfLong(part.tag, message);
    this.#missingBytes = 0;
    this.#heldPart = undefined;
    if (part !== undefined && !this.#skipping) this.#rest(part.tag, part.bytes, 0, part.bytes.length, part.place);
  }

  /** False if it has to wait. */
  #beginLong(head: MessageHead): boolean {
    const { tag, bytes } = head;
    this.#missingBytes = head.missingBytes;
    if (this.#restoring > 0) this.#sink.hold(bytes, 0, bytes.length);
    else this.#headOfLong(tag, bytes);
    if (this.#sink.isHolding) return false;
    this.#missingBytes = 0;
    return true;
  }

  #headOfLong(tag: number, bytes: Uint8Array): void {
    if (tag === frontendTag.bind) this.#bind(bytes, 0, bytes.length);
    else if (tag === frontendTag.parse) this.#parseLong(bytes);
    else this.#endLong(tag, bytes);
  }

  #parseLong(head: Uint8Array): void {
    const name = textAt(head, headerBytes, head.length - 1);
    this.#groupPins |= PinReason.unclassified;
    this.#shareable = false;
    if (name !== '' && this.#names.get(name) !== undefined) return this.#parseTaken(name, head, 0, head.length);
    this.#parseUnread(name, head, 0, head.length);
  }

  /** A text that cannot be said again elsewhere: the backend that it goes to is kept. */
  #parseUnread(name: string, buffer: Uint8Array, start: number, end: number): void {
    this.#groupPins |= PinReason.unclassified;
    this.#shareable = false;
    this.#change(this.#names.set(name, undefined));
    // The backend has it under this very name, and knows what the client may do with it.
    if (name !== '') this.#names.markSqls(name);
    else this.#unnamedInline = true;
    this.#addWith(useKind.parsesInline, buffer, start, end);
  }

  /** A Query or FunctionCall begins. */
  #endLong(tag: number, head: Uint8Array): void {
    this.#shareable = false;
    if (tag === frontendTag.functionCall) this.#groupPins |= PinReason.unknownFunction;
    else {
      this.#names.set('', undefined);
      this.#noteEffects(unread);
      this.#noteUnknownNames(unread);
    }
    this.#addEnd(head, 0, head.length);
  }

  #rest(tag: number, buffer: Uint8Array, start: number, end: number, place: PartPlace): void {
    this.#sendPiece();
    const simple = tag === frontendTag.query || tag === frontendTag.functionCall;
    if (simple && place === 'last') return this.#sendWhole(requestFlag.simple, noUses, buffer, start, end);
    if (end > start) this.#sendBytes(0, false, noUses, buffer, start, end);
  }

  /** COPY data, whole or in parts. Without a group that could have asked for it, it is ignored, as PostgreSQL does. */
  copy(buffer: Uint8Array, start: number, end: number, flags: number): void {
    if (this.#skipping) return;
    this.#sendPiece();
    if (this.#sent.length === 0 && !this.#partlySent) return;
    this.#sendBytes(requestFlag.copy | flags, false, noUses, buffer, start, end);
  }

  // --- one message each ---

  #query(buffer: Uint8Array, start: number, end: number): void {
    if (buffer[end - 1] !== 0 || end - start < 6) return this.#sink.violation(malformedMessage());
    const query = this.#context.classifyQuery(buffer, start + 5, end - 1);
    if (this.#context.watchesTexts) this.#text ??= textAt(buffer, start + 5, end - 1);
    this.#shape = this.#context.shape;
    const refusal = this.#refusalOf(query);
    if (refusal !== undefined) return this.#refuseQuery(refusal, buffer, start, end);
    this.#names.set('', undefined);
    this.#noteEffects(query);
    if (query.kind === 'multi' && statementWords.test(textAt(buffer, start + 5, end - 1)))
      this.#noteUnknownNames(query);
    if (this.#begun || !this.#context.builder.isEmpty) this.#addEnd(buffer, start, end);
    else return this.#sendWhole(requestFlag.simple, noUses, buffer, start, end);
    this.#sendGroup(requestFlag.simple);
  }

  #parse(buffer: Uint8Array, start: number, end: number): void {
    if (!peekParse(buffer, start, end, parsePeek)) return this.#sink.violation(malformedMessage());
    const { statementStart, statementEnd, queryStart } = parsePeek;
    const name = textAt(buffer, statementStart, statementEnd);
    if (name !== '' && this.#names.get(name) !== undefined) return this.#parseTaken(name, buffer, start, end);
    const { catalog } = this.#context;
    const statement = catalog.seen(buffer, queryStart, end) ?? this.#newStatement(buffer, end);
    if (!statement.isReadable) return this.#parseUnread(name, buffer, start, end);
    this.#change(this.#names.set(name, statement));
    if (name === '') this.#unnamedInline = false;
    if (name !== '' && (!isCarried(statement) || this.#names.isSqls(name))) {
      this.#groupPins |= PinReason.preparedStatement;
      this.#names.markRaw(name);
    } else if (!isCarried(statement)) this.#unnamedInline = true;
    else if (name !== '' || statement.sightings > 1) return this.#parseCarried(statement);
    // Most texts are never seen again: only the second sight makes an unnamed statement worth a place on the backends.
    else this.#unnamedInline = true;
    if (name === '') {
      this.#context.classifyQuery(buffer, parsePeek.queryStart, parsePeek.queryEnd);
      this.#shape = this.#context.shape;
    }
    this.#addWith(useKind.parsesInline, buffer, start, end);
  }

  /** Of the Parse message that was peeked at. */
  #newStatement(buffer: Uint8Array, end: number): CatalogStatement {
    const { queryStart, queryEnd, typesStart, typesCount } = parsePeek;
    const types: number[] = [];
    for (let i = 0; i < typesCount; i++) types.push(uint32At(buffer, typesStart + 4 * i));
    const { catalog, classify } = this.#context;
    const statement = catalog.get(textAt(buffer, queryStart, queryEnd), types, classify);
    catalog.remember(buffer, queryStart, end, statement);
    return statement;
  }

  #parseCarried(statement: CatalogStatement): void {
    this.#context.parseCarried();
    this.#reserve(0);
    this.#context.builder.use(useKind.parses, statement);
    this.#begun = true;
  }

  /** The name is in use, which PostgreSQL refuses (42P05). The backend says so itself once it has the name. */
  #parseTaken(name: string, buffer: Uint8Array, start: number, end: number): void {
    // What gave it may still be refused, and then the name is free. In the middle of a COPY there is nothing to wait for: Postgres takes this Parse for an error.
    if (this.#isGivenUnanswered(name) && !this.#mayBeCopying) return this.#sink.hold(buffer, start, end);
    this.#groupPins |= PinReason.preparedStatement;
    if (!this.#names.isRaw(name)) {
      this.#addOwn((writer) => encodeClose(writer, 'statement', name));
      this.#addOwn((writer) => encodeParse(writer, name, '', []));
    }
    this.#change(undefined);
    this.#addWith(useKind.parsesInline, buffer, start, end);
  }

  /** The Parse is under way and the first of its text ever: if Postgres refuses it, the name stands for nothing. */
  #mayBeRefused(name: string, statement: CatalogStatement | undefined): boolean {
    if (this.#sent.length === 0 || statement === undefined || statement.result !== undefined) return false;
    const isGivenHere = this.#changes?.some((change) => change?.name === name) ?? false;
    return !isGivenHere && this.#isGivenUnanswered(name) && !this.#mayBeCopying;
  }

  #isGivenUnanswered(name: string): boolean {
    return this.#sent.some(({ names }) => names.some((change) => change?.name === name));
  }

  #bind(buffer: Uint8Array, start: number, end: number): void {
    if (!peekBind(buffer, start, end, bindPeek)) return this.#sink.violation(malformedMessage());
    const { portalStart, portalEnd, statementStart, statementEnd } = bindPeek;
    const name = textAt(buffer, statementStart, statementEnd);
    const statement = this.#names.get(name);
    if (this.#mayBeRefused(name, statement)) return this.#sink.hold(buffer, start, end);
    if (statement !== undefined) {
      if (this.#context.watchesTexts) this.#text ??= statement.query;
      const refusal = this.#refusalOf(statement.classification);
      if (refusal !== undefined) return this.#refuseBind(refusal, buffer, start, end);
      this.#noteEffects(statement.classification, portalEnd > portalStart);
    }
    if (portalEnd > portalStart) this.#shareable = false;
    this.#refer(name, statement, buffer, start, end, statementStart, statementEnd);
  }

  #describe(buffer: Uint8Array, start: number, end: number): void {
    if (!peekDescribe(buffer, start, end, targetPeek)) return this.#sink.violation(malformedMessage());
    const { target, nameStart, nameEnd } = targetPeek;
    if (target === 'portal') return this.#add(buffer, start, end);
    const name = textAt(buffer, nameStart, nameEnd);
    const statement = this.#names.get(name);
    if (this.#mayBeRefused(name, statement)) return this.#sink.hold(buffer, start, end);
    this.#refer(name, statement, buffer, start, end, nameStart, nameEnd);
  }

  #close(buffer: Uint8Array, start: number, end: number): void {
    if (!peekClose(buffer, start, end, targetPeek)) return this.#sink.violation(malformedMessage());
    const { target, nameStart, nameEnd } = targetPeek;
    if (target === 'portal') {
      this.#change(undefined);
      return this.#addWith(useKind.closes, buffer, start, end);
    }
    const name = textAt(buffer, nameStart, nameEnd);
    const known = this.#names.isRaw(name) || this.#names.isSqls(name) || this.#names.isDoubtful(name);
    const raw = known || (name === '' && this.#unnamedInline);
    this.#change(this.#names.set(name, undefined));
    if (raw) return this.#addWith(useKind.closes, buffer, start, end);
    // The backends keep the statement for others; the client is owed a CloseComplete in its place.
    const writer = new MessageWriter(256);
    encodeClose(writer, 'statement', nobody);
    const bytes = writer.take();
    this.#addWith(useKind.closes, bytes, 0, bytes.length);
  }

  /** A message that names a statement: a carried one by placeholder, another as it stands. */
  #refer(
    name: string,
    statement: CatalogStatement | undefined,
    buffer: Uint8Array,
    start: number,
    end: number,
    nameStart: number,
    nameEnd: number,
  ): void {
    if (statement === undefined) return this.#referUnknown(name, buffer, start, end, nameStart);
    if (this.#names.isRaw(name) || (name === '' && this.#unnamedInline)) return this.#add(buffer, start, end);
    if (!isCarried(statement)) {
      // Too long to be carried, and named only by its place: it is parsed again for each group that uses it.
      this.#addOwn((writer) => encodeParse(writer, '', statement.query, statement.parameterTypes));
      this.#unnamedInline = true;
      return this.#add(buffer, start, end);
    }
    this.#begun = true;
    const bytes = end - start + statementNameBytes;
    if (bytes > pieceBytesMax) return this.#referLarge(statement, buffer, start, end, nameStart, nameEnd);
    this.#reserve(bytes);
    const missing = this.#missingBytes;
    this.#context.builder.appendReferring(statement, buffer, start, end, nameStart, nameEnd, missing);
    if (this.#context.builder.length > unsentBytesMax) this.#sendPiece();
  }

  /** A message too large for the builder: a Bind with large parameters. */
  #referLarge(
    statement: CatalogStatement,
    buffer: Uint8Array,
    start: number,
    end: number,
    nameStart: number,
    nameEnd: number,
  ): void {
    // The name would stand in another piece than the use that points to it.
    if (nameStart - start > portalBytesMax) return this.#sink.violation(malformedMessage());
    this.#sendPiece();
    const whole = new Uint8Array(end - start + statementNameBytes - (nameEnd - nameStart));
    whole.set(buffer.subarray(start, nameStart));
    whole.set(buffer.subarray(nameEnd, end), nameStart - start + statementNameBytes);
    writeLength(whole);
    const uses = [{ kind: useKind.refers, offset: nameStart - start, id: statement.id, statement }];
    this.#sendBytes(0, false, uses, whole, 0, whole.length);
  }

  /**
   * A name that this session never gave. On a pinned backend SQL's PREPARE may have made it; anywhere else the backend must say that there is
   * none (26000), so that what other sessions left under this name is closed before.
   */
  #referUnknown(name: string, buffer: Uint8Array, start: number, end: number, nameStart: number): void {
    this.#shareable = false;
    const squats = carriedNamePattern.test(name);
    const closed = squats ? nobody : name;
    if (squats || (this.pins === 0 && this.#groupPins === 0))
      this.#addOwn((writer) => encodeClose(writer, 'statement', closed));
    if (!squats) return this.#add(buffer, start, end);
    // Names of our own making are not for clients: it gets the error for one that certainly does not exist.
    const renamed = buffer.slice(start, end);
    for (let i = 0; i < nobody.length; i++) renamed[nameStart - start + i] = nobody.charCodeAt(i);
    this.#add(renamed, 0, renamed.length);
  }

  // --- what a statement means for the group ---

  /** `portal`: see SessionState.note. */
  #noteEffects(effects: Classification, portal?: boolean): void {
    if (!effects.pipelinable) this.#shareable = false;
    if (this.#reading !== 'other') this.#reading = mayReadElsewhere(effects) ? 'reads' : 'other';
    this.#mayCopy ||= copyKinds.has(effects.kind);
    if (effects.parts !== undefined) for (const part of effects.parts) this.#noteState(part, portal);
    else this.#noteState(effects, portal);
    const dropsAll = isDiscardAll(effects) || (effects.kind === 'deallocate' && effects.target === '*');
    if (dropsAll) {
      this.#drops = requestFlag.dropsStatements;
      for (const name of this.#names.names()) this.#dropBySql(name);
    } else if (namesStatements(effects)) this.#meetSqlNames(effects);
  }

  #noteState(effects: Classification, portal: boolean | undefined): void {
    if (this.#claimed && (effects.traits & Trait.readsSequence) === 0) this.#yield();
    const pins = this.#state.note(effects, portal);
    if (pins === 0) return;
    // What others did with sequences on this backend is not for this session to see.
    const cleans = (pins & ~this.pins & PinReason.sequence) !== 0 && !this.#partlySent && this.#status !== 'E';
    this.#pinNow(pins, effects);
    if (cleans) this.#sayUnseen('DISCARD SEQUENCES');
  }

  /** One of several statements may use or drop any name. */
  #noteUnknownNames(effects: Classification): void {
    this.#drops = requestFlag.dropsStatements;
    this.#meetSqlNames(effects);
  }

  /** SQL's PREPARE, EXECUTE and DEALLOCATE know the backend's names: what the client prepared by protocol must be there under its own. */
  #meetSqlNames(effects: Classification): void {
    if (effects.kind === 'prepare' && effects.target !== undefined) this.#names.markSqls(effects.target);
    const wanted = effects.target === undefined ? this.#names.names() : [effects.target];
    for (const name of wanted) {
      const statement = this.#names.get(name);
      if (statement === undefined || name === '') continue;
      // A failed transaction takes none of them.
      if (this.#status === 'E') continue;
      if (!this.#names.isRaw(name)) this.#prepareRaw(name, statement, effects.kind === 'execute');
      if (effects.kind === 'deallocate') this.#dropBySql(name);
    }
  }

  /**
   * A group of its own, because an error in it must not reach the client's. Only possible between groups; within one, the name stays unknown. It may
   * fail, or be refused together with the client's group: only an EXECUTE that succeeds `proves` that it did not.
   */
  #prepareRaw(name: string, statement: CatalogStatement, proves: boolean): void {
    if (this.#begun) return;
    this.#pinNow(PinReason.preparedStatement, undefined);
    const writer = new MessageWriter(1024);
    // A refused Parse of the same name may have left one behind.
    encodeClose(writer, 'statement', name);
    const offset = writer.length;
    encodeParse(writer, name, statement.query, statement.parameterTypes);
    encodeSync(writer);
    const bytes = writer.take();
    const telling = this.#names.told(name);
    if (proves) this.#telling = telling;
    const uses: readonly StatementUse[] = [
      { kind: useKind.unseen, offset: 0, id: 0 },
      { kind: useKind.unseen, offset, id: 0 },
    ];
    this.#sendBytes(requestFlag.unseen, true, uses, bytes, 0, bytes.length);
  }

  /** A statement of the gateway's own, between groups; the client hears nothing of it. */
  #sayUnseen(sql: string): void {
    const writer = new MessageWriter(256);
    encodeQuery(writer, sql);
    const bytes = writer.take();
    this.#sink.request(requestFlag.unseen | requestFlag.simple, true, noUses, bytes, 0, bytes.length, 0);
  }

  #refusalOf(effects: Classification): PgError | undefined {
    if (effects.setting?.name === readsSetting) return refusedMode(effects.setting);
    if ((effects.traits & Trait.lowersDurability) !== 0 && this.#sink.keepsDurability) return durabilityKept();
    return this.#mustRefuse(effects) ? sequenceStateNotCarried() : undefined;
  }

  #mustRefuse(effects: Classification): boolean {
    if ((effects.traits & Trait.readsSequence) === 0) return false;
    this.#state.asksSequence();
    const { sequences, hasWritten } = this.#state;
    if (sequences === 'here' || writesFirst(effects)) return false;
    const keepsBackend = this.#status !== 'I' || this.#partlySent || (this.pins | this.#groupPins) !== 0;
    if (keepsBackend && hasWritten) return false;
    if (sequences === 'elsewhere' || this.#partlySent || this.#status === 'E') return true;
    this.#pinNow(PinReason.sequence, undefined);
    this.#sayUnseen('DISCARD SEQUENCES');
    return false;
  }

  /** What is refused in a transaction must make it fail: Postgres is told something that it refuses, too, in words that say why. */
  #refuseQuery(error: PgError, buffer: Uint8Array, start: number, end: number): void {
    if (error.sqlstate !== sqlstate.insufficientPrivilege || (this.#sent.length === 0 && this.#status === 'I'))
      return this.#refuse(error, true, buffer, start, end);
    const writer = new MessageWriter(256);
    encodeQuery(writer, `SET "${error.message}" = 1`);
    const message = writer.take();
    this.#query(message, 0, message.length);
  }

  /** The same by protocol, where there is no text to put in its place: the transaction ends with its session. */
  #refuseBind(error: PgError, buffer: Uint8Array, start: number, end: number): void {
    if (error.sqlstate === sqlstate.insufficientPrivilege && this.#status !== 'I') return this.#sink.violation(error);
    this.#refuse(error, false, buffer, start, end);
  }

  /**
   * The group is one Parse, of a text that is good whatever the tables are, and no backend is kept: none is needed to say so. Who prepares BEGIN, and waits for that
   * before anything else happens, would wait for those who hold all backends and wait for him (pgbench does, with `-M prepared`).
   */
  get #isSurelyParsed(): boolean {
    const { builder } = this.#context;
    if (builder.length > 0 || builder.uses.length !== 1 || this.#partlySent || this.#sent.length > 0) return false;
    const [use] = builder.uses;
    if (use?.kind !== useKind.parses || use.statement === undefined || this.#status !== 'I') return false;
    const { query } = use.statement;
    return this.#groupPins === 0 && query.length <= surelyGoodMax && surelyGood.test(query);
  }

  #answerParse(): void {
    this.#resetGroup();
    this.#context.builder.reset();
    this.#sink.answerParse();
  }

  /** Answered here and never sent, once everything before it is answered. */
  #refuse(error: PgError, simple: boolean, buffer: Uint8Array, start: number, end: number): void {
    // What was begun must end there, and a COPY waits for the client, who would wait for us.
    if (this.#partlySent || this.#mayBeCopying) return this.#failThere(simple);
    if (this.#sent.length > 0) return this.#sink.hold(buffer, start, end);
    const changes = this.#changes ?? noChanges;
    this.#names.undoAfter(changes, 0, []);
    this.#state.drop();
    this.#resetGroup();
    this.#context.builder.reset();
    this.#skipping = !simple;
    this.#sink.answerError(error);
    if (simple) this.#sink.answerReady();
  }

  /** Postgres itself finds an error, whatever state it is in: the words of the refusal are in what it does not find. */
  #failThere(simple: boolean): void {
    this.#shareable = false;
    const writer = new MessageWriter(128);
    if (simple) encodeQuery(writer, `"${notCarriedHere}"`);
    else encodeBind(writer, { portal: '', statement: notCarriedHere });
    const bytes = writer.take();
    if (!simple) return this.#add(bytes, 0, bytes.length);
    this.#addEnd(bytes, 0, bytes.length);
    this.#sendGroup(requestFlag.simple);
  }

  /** Until it is answered nobody knows whether Postgres waits for COPY data. */
  get #mayBeCopying(): boolean {
    return this.#sent.some(({ mayCopy }) => mayCopy);
  }

  #skip(tag: number): void {
    if (tag === frontendTag.terminate) return this.#sink.terminate();
    if (tag !== frontendTag.sync) return;
    this.#skipping = false;
    this.#sink.answerReady();
  }

  // --- putting groups together ---

  #dropBySql(name: string): void {
    this.#change({ ...this.#names.set(name, undefined), bySql: true });
  }

  #change(change: NameChange): void {
    (this.#changes ??= []).push(change);
  }

  #addOwn(write: (writer: MessageWriter) => void, kind: UseKind = useKind.unseen): void {
    const writer = new MessageWriter(256);
    write(writer);
    const bytes = writer.take();
    this.#addWith(kind, bytes, 0, bytes.length);
  }

  /** A Query or FunctionCall behind messages of the extended protocol: an error among those makes Postgres skip it, which must be seen. */
  #addEnd(buffer: Uint8Array, start: number, end: number): void {
    if (this.#begun) {
      this.#addOwn((writer) => encodeClose(writer, 'statement', nobody), useKind.beforeQuery);
      // Until that Sync comes, everything on the same backend would be skipped.
      this.#shareable = false;
    }
    this.#add(buffer, start, end);
  }

  #addWith(kind: UseKind, buffer: Uint8Array, start: number, end: number): void {
    this.#reserve(Math.min(end - start, pieceBytesMax));
    this.#context.builder.use(kind, undefined);
    this.#add(buffer, start, end);
  }

  #add(buffer: Uint8Array, start: number, end: number): void {
    this.#begun = true;
    if (end - start > pieceBytesMax) {
      const { builder } = this.#context;
      if (builder.length > 0) this.#sendPiece();
      const { uses } = builder;
      builder.reset();
      return this.#sendBytes(0, false, uses, buffer, start, end);
    }
    this.#reserve(end - start);
    this.#context.builder.append(buffer, start, end);
    if (this.#context.builder.length > unsentBytesMax && buffer[start] !== frontendTag.sync) this.#sendPiece();
  }

  #reserve(bytes: number): void {
    if (!this.#context.builder.fits(bytes)) this.#sendPiece();
  }

  /** Sends what there is of the group. */
  #sendPiece(): void {
    const { builder } = this.#context;
    if (builder.isEmpty) return;
    this.#begun = true;
    this.#sendBytes(0, false, builder.uses, builder.bytes, 0, builder.length);
    builder.reset();
  }

  #sendGroup(flags: number): void {
    const { builder } = this.#context;
    this.#sendWhole(flags, builder.uses, builder.bytes, 0, builder.length);
    builder.reset();
  }

  /** The last piece of a group, which may be its only one. */
  #sendWhole(flags: number, uses: readonly StatementUse[], buffer: Uint8Array, start: number, end: number): void {
    const alone = !this.#partlySent && this.#sent.length === 0 && this.#status === 'I';
    if (this.#state.isBound) this.#groupPins |= PinReason.settings;
    const shareable =
      alone && this.#shareable && this.#groupPins === 0 && this.pins === 0 && end - start <= pieceBytesMax;
    const reads = this.#reading === 'reads' && !this.#partlySent && (this.#groupPins | this.pins) === 0;
    if (this.#groupPins !== 0) this.#pinNow(this.#groupPins, undefined);
    const state = this.#state.take();
    if (reads && state?.settings === undefined) flags |= requestFlag.reads;
    const extra =
      this.#drops | (shareable ? requestFlag.shareable : 0) | (state?.settings === undefined ? 0 : requestFlag.settles);
    if (state?.restoresStart === true) this.#restoring += 1;
    this.#sendBytes(flags | extra, true, uses, buffer, start, end);
    const telling = this.#telling;
    const mayCopy = this.#mayCopy;
    const plain = this.#changes === undefined && state === undefined && telling === undefined && !mayCopy;
    this.#sent.push(plain ? plainGroup : { names: this.#changes ?? noChanges, state, telling, mayCopy });
    this.#resetGroup();
  }

  #sendBytes(
    flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (this.#groupPins !== 0) this.#pinNow(this.#groupPins, undefined);
    if (!endsGroup && (flags & requestFlag.copy) === 0) this.#partlySent = true;
    let at = start;
    let left = uses;
    while (end - at > pieceBytesMax) {
      this.#sink.request(flags & requestFlag.copy, false, left, buffer, at, at + pieceBytesMax, 0);
      left = noUses;
      at += pieceBytesMax;
    }
    this.#sink.request(flags, endsGroup, left, buffer, at, end, this.#shape);
  }

  /** `effects`: the statement that brings them, if it is one. */
  #pinNow(reasons: number, effects: Classification | undefined): void {
    this.#groupPins &= ~reasons;
    const added = reasons & ~this.pins;
    this.#state.pinned(reasons, effects);
    if (added !== 0) this.#sink.pin(reasons);
  }

  #resetGroup(): void {
    this.#changes = undefined;
    this.#begun = false;
    this.#partlySent = false;
    this.#shareable = true;
    this.#reading = 'none';
    this.#groupPins = 0;
    this.#drops = 0;
    this.#telling = undefined;
    this.#mayCopy = false;
    this.#unnamedInline = false;
    this.#shape = 0;
  }
}

/** Several statements in one Query, which is one transaction: a sequence may have moved before it is asked about. */
function writesFirst({ parts }: Classification): boolean {
  const writes = parts?.findIndex(({ traits }) => (traits & Trait.writes) !== 0) ?? -1;
  const reads = parts?.findIndex(({ traits }) => (traits & Trait.readsSequence) !== 0) ?? -1;
  return writes >= 0 && writes < reads;
}

/** A word for where to read that means nothing; what is no literal is taken for the default. */
function refusedMode({ literal }: SettingChange): PgError | undefined {
  return literal === undefined || readsModeNamed(literal) !== undefined ? undefined : readsModeUnknown(literal);
}

/** A transaction that is declared to only read may be anywhere, too. */
function mayReadElsewhere({ readOnly, traits }: Classification): boolean {
  return readOnly || (traits & Trait.readOnlyTransaction) !== 0;
}

function namesStatements(effects: Classification): boolean {
  return effects.kind === 'execute' || effects.kind === 'deallocate' || effects.kind === 'prepare';
}

/** The length field of a message that fills the array. */
function writeLength(message: Uint8Array): void {
  const length = message.length - 1;
  message[1] = length >>> 24;
  message[2] = length >>> 16;
  message[3] = length >>> 8;
  message[4] = length;
}
