import type { PgError } from '@multigres/core';
import {
  decodeFrontendMessage,
  encodeBind,
  encodeClose,
  encodeCopyData,
  encodeCopyDone,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeQuery,
  encodeSync,
  encodeTerminate,
  int32At,
  MessageWriter,
} from '@multigres/pgwire';
import { requestFlag, statementNameBytes, useKind, type CarriedSettings } from '@multigres/relay';
import { pinNames, type Classification } from '@multigres/sql';
import { RequestBuilder, type StatementUse } from '../session/request-builder.ts';
import { SequenceReaders } from '../session/sequence-readers.ts';
import { RequestMachine, type RequestContext, type RequestSink } from '../session/request-machine.ts';
import { Classifier } from '../statement/classifier.ts';
import { StatementCatalog, type CatalogStatement } from '../statement/statement-catalog.ts';

/** What machines of one gateway share. */
export class TestContext implements RequestContext {
  readonly builder: RequestBuilder = new RequestBuilder();
  readonly forgotten: string[] = [];
  readonly catalog: StatementCatalog;
  readonly #classifier: Classifier = new Classifier();
  readonly sequenceReaders: SequenceReaders = new SequenceReaders();

  constructor(statementsMax: number = 100) {
    this.catalog = new StatementCatalog(statementsMax, ({ query }) => this.forgotten.push(query));
  }

  classify = (text: string): Classification => this.#classifier.text(text);
  readonly shape = 0;
  classifyQuery = (buffer: Uint8Array, start: number, end: number): Classification =>
    this.#classifier.query(buffer, start, end);
  parseCarried = (): void => {};
  readonly watchesTexts = false;
}

/**
 * A request machine that writes down what it decides, in short: `share[...]` and `send[...]` for whole groups, `piece[...]` for parts, the
 * messages in brackets by their letters. `P*text` is a Parse that is left out, `B*text` a message that names a carried statement, `(C name)` one
 * that the client sees no reply of.
 */
export class RecordingSink implements RequestSink {
  readonly machine: RequestMachine;
  readonly errors: PgError[] = [];
  held: Uint8Array | undefined;
  readonly #log: string[] = [];

  constructor(context: TestContext, settings: readonly (readonly [name: string, value: string])[] = []) {
    this.machine = new RequestMachine(this, context, { user: 'u', database: 'd', settings });
  }

  /** What was decided since the last time. */
  said(): string {
    return this.#log.splice(0).join(' ');
  }

  /** Hands the messages in as one run. */
  send(...messages: readonly Uint8Array[]): this {
    this.machine.enter();
    for (const message of messages) this.machine.message(message[0] as number, message, 0, message.length);
    this.machine.leave();
    return this;
  }

  /** Hands a message in as one that is too long to be held: in pieces of so many bytes, the header first. */
  sendInParts(message: Uint8Array, partBytes: number): this {
    const tag = message[0] as number;
    for (let at = 0; at < message.length;) {
      const end = at === 0 ? 5 : Math.min(message.length, at + partBytes);
      const place = at === 0 ? 'first' : end === message.length ? 'last' : 'middle';
      this.machine.enter();
      this.machine.part(tag, message, at, end, place, message.length - 5);
      this.machine.leave();
      at = end;
    }
    return this;
  }

  request(
    flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const kind = flags & requestFlag.shareable ? 'share' : endsGroup ? 'send' : 'piece';
    const marks = [
      flags & requestFlag.copy ? 'copy' : '',
      flags & requestFlag.copyEnd ? 'copyEnd' : '',
      flags & requestFlag.dropsStatements ? 'drops' : '',
      flags & requestFlag.simple ? 'simple' : '',
      flags & requestFlag.unseen ? 'unseen' : '',
      flags & requestFlag.settles ? 'settles' : '',
    ].filter((mark) => mark !== '');
    const body = shown(uses, bytes.slice(start, end));
    this.#log.push([kind, ...marks].join('/') + `[${body}]`);
  }

  pin(reasons: number): void {
    this.#log.push(`pin:${pinNames(reasons).join('+')}`);
  }
  unpin(reasons: number): void {
    this.#log.push(`unpin:${pinNames(reasons).join('+')}`);
  }
  answerError(error: PgError): void {
    this.errors.push(error);
    this.#log.push(`!${error.sqlstate}`);
  }
  keepsDurability = false;

  answerParse(): void {
    this.#log.push('1', 'Z');
  }
  answerReady(): void {
    this.#log.push('Z');
  }
  get isHolding(): boolean {
    return this.held !== undefined;
  }
  hold(buffer: Uint8Array, start: number, end: number): void {
    this.held = buffer.slice(start, end);
    this.#log.push('hold');
  }
  violation(error: PgError): void {
    this.errors.push(error);
    this.#log.push(`violation:${error.sqlstate}`);
  }
  terminate(): void {
    this.#log.push('terminate');
  }
  settled({ applicationName, text, applied }: CarriedSettings): void {
    const name = applicationName === undefined ? '' : `${applicationName}: `;
    this.#log.push(`settled${applied ? '' : '?'}{${name}${text}}`);
  }
}

function shown(uses: readonly StatementUse[], bytes: Uint8Array): string {
  const parts: string[] = [];
  const carried = uses.filter(({ kind }) => kind === useKind.refers);
  const left = [...uses];
  let at = 0;
  while (at <= bytes.length) {
    while (left[0]?.kind === useKind.parses && left[0].offset === at)
      parts.push(`P*${textOf(left.shift() as StatementUse)}`);
    if (at + 5 > bytes.length) break;
    const end = Math.min(bytes.length, at + 1 + int32At(bytes, at + 1));
    const named = carried.find(({ offset }) => offset > at && offset + statementNameBytes < end + 1);
    const use = left[0]?.offset === at && left[0].kind !== useKind.refers ? left.shift() : undefined;
    if (named !== undefined) left.shift();
    parts.push(shownMessage(bytes, at, end, named, use));
    at = end;
  }
  return parts.join(' ');
}

function shownMessage(
  bytes: Uint8Array,
  at: number,
  end: number,
  named: StatementUse | undefined,
  use: StatementUse | undefined,
): string {
  const letter = String.fromCharCode(bytes[at] as number);
  const decoded = decodeFrontendMessage(bytes, at, end);
  const text = named === undefined ? `${letter}${nameOf(decoded)}` : `${letter}*${textOf(named)}`;
  if (use?.kind === useKind.unseen) return `(${text})`;
  return use?.kind === useKind.beforeQuery ? '(mark)' : text;
}

function nameOf(decoded: ReturnType<typeof decodeFrontendMessage>): string {
  switch (decoded?.kind) {
    case 'query':
      return ` ${decoded.text}`;
    case 'parse':
    case 'bind':
      return ` ${decoded.statement}`;
    case 'describe':
    case 'close':
      return ` ${decoded.name}`;
    default:
      return '';
  }
}

function textOf(use: StatementUse): string {
  return (use.statement as CatalogStatement).query;
}

function made(write: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter();
  write(writer);
  return writer.take();
}

export const q = (text: string): Uint8Array => made((writer) => encodeQuery(writer, text));
export const p = (name: string, text: string, types: readonly number[] = []): Uint8Array =>
  made((writer) => encodeParse(writer, name, text, types));
export const b = (name: string, portal = '', parameter?: string): Uint8Array =>
  made((writer) =>
    encodeBind(writer, { portal, statement: name, parameters: parameter === undefined ? [] : [parameter] }),
  );
export const d = (name: string): Uint8Array => made((writer) => encodeDescribe(writer, 'statement', name));
export const e: Uint8Array = made((writer) => encodeExecute(writer, ''));
export const c = (name: string): Uint8Array => made((writer) => encodeClose(writer, 'statement', name));
export const s: Uint8Array = made((writer) => encodeSync(writer));
export const h: Uint8Array = made((writer) => encodeFlush(writer));
export const x: Uint8Array = made((writer) => encodeTerminate(writer));
export const copyData = (bytes: number): Uint8Array => made((writer) => encodeCopyData(writer, new Uint8Array(bytes)));
export const copyDone: Uint8Array = made((writer) => encodeCopyDone(writer));
