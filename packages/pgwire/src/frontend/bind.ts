import { frontendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { zeroAt } from '../wire/scan.ts';

/** Text or binary; other codes are refused by the server. */
export type FormatCode = number;
export const formatText: FormatCode = 0;
export const formatBinary: FormatCode = 1;

export interface BindFields {
  /** The portal's name; empty for the unnamed one. */
  readonly portal: string;
  readonly statement: string;
  /** None: all text. One: for all parameters. Else one for each. */
  readonly parameterFormats?: readonly FormatCode[];
  readonly parameters?: readonly (Uint8Array | string | null)[];
  /** As for the parameters, for the columns of the result. */
  readonly resultFormats?: readonly FormatCode[];
}

export interface Bind extends Required<BindFields> {
  readonly kind: 'bind';
  /** Views of the decoded buffer. */
  readonly parameters: readonly (Uint8Array | null)[];
}

/** Bind: make a portal from a prepared statement. */
export function encodeBind(writer: MessageWriter, bind: BindFields): void {
  writer.begin(frontendTag.bind);
  writer.cstring(bind.portal);
  writer.cstring(bind.statement);
  writeFormats(writer, bind.parameterFormats ?? []);
  const parameters = bind.parameters ?? [];
  writer.count(parameters.length);
  for (const parameter of parameters) writer.nullable(parameter);
  writeFormats(writer, bind.resultFormats ?? []);
  writer.end();
}

function writeFormats(writer: MessageWriter, formats: readonly FormatCode[]): void {
  writer.count(formats.length);
  for (const format of formats) writer.int16(format);
}

function readFormats(reader: MessageReader): FormatCode[] {
  const count = reader.uint16();
  const formats: FormatCode[] = [];
  for (let i = 0; i < count && reader.ok; i++) formats.push(reader.int16());
  return formats;
}

export function decodeBind(buffer: Uint8Array, start: number, end: number): Bind | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const portal = reader.cstring();
  const statement = reader.cstring();
  const parameterFormats = readFormats(reader);
  const count = reader.uint16();
  const parameters: (Uint8Array | null)[] = [];
  for (let i = 0; i < count && reader.ok; i++) parameters.push(reader.nullableBytes());
  const resultFormats = readFormats(reader);
  if (!reader.done) return undefined;
  return { kind: 'bind', portal, statement, parameterFormats, parameters, resultFormats };
}

/** Offsets inside a Bind message. Make one and let `peekBind` fill it again and again. */
export class BindPeek {
  portalStart = 0;
  /** The zero byte after the name; equal to `portalStart` for the unnamed portal. */
  portalEnd = 0;
  statementStart = 0;
  statementEnd = 0;
}

/** Finds the names in a Bind message without making objects; the parameters behind them are the server's to check. */
export function peekBind(buffer: Uint8Array, start: number, end: number, into: BindPeek): boolean {
  const portalEnd = zeroAt(buffer, start + 5, end);
  if (portalEnd < 0) return false;
  const statementEnd = zeroAt(buffer, portalEnd + 1, end);
  if (statementEnd < 0) return false;
  into.portalStart = start + 5;
  into.portalEnd = portalEnd;
  into.statementStart = portalEnd + 1;
  into.statementEnd = statementEnd;
  return true;
}

/** Copies a Bind message with another statement name (UTF-8, without zero). False, and nothing written, if it is malformed. */
export function writeBindRenamed(
  writer: MessageWriter,
  buffer: Uint8Array,
  start: number,
  end: number,
  statement: Uint8Array,
): boolean {
  const portalEnd = zeroAt(buffer, start + 5, end);
  if (portalEnd < 0) return false;
  const statementEnd = zeroAt(buffer, portalEnd + 1, end);
  if (statementEnd < 0) return false;
  writer.begin(frontendTag.bind);
  writer.bytes(buffer, start + 5, portalEnd + 1);
  writer.bytes(statement);
  writer.bytes(buffer, statementEnd, end);
  writer.end();
  return true;
}
