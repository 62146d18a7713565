import { frontendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import type { FormatCode } from './bind.ts';

export interface FunctionCallFields {
  readonly functionOid: number;
  /** None: all text. One: for all arguments. Else one for each. */
  readonly argumentFormats: readonly FormatCode[];
  readonly arguments: readonly (Uint8Array | string | null)[];
  readonly resultFormat: FormatCode;
}

export interface FunctionCall extends FunctionCallFields {
  readonly kind: 'functionCall';
  /** Views of the decoded buffer. */
  readonly arguments: readonly (Uint8Array | null)[];
}

/** FunctionCall: the fast path, a legacy that libpq's large objects still use. */
export function encodeFunctionCall(writer: MessageWriter, call: FunctionCallFields): void {
  writer.begin(frontendTag.functionCall);
  writer.int32(call.functionOid);
  writer.count(call.argumentFormats.length);
  for (const format of call.argumentFormats) writer.int16(format);
  writer.count(call.arguments.length);
  for (const argument of call.arguments) writer.nullable(argument);
  writer.int16(call.resultFormat);
  writer.end();
}

export function decodeFunctionCall(buffer: Uint8Array, start: number, end: number): FunctionCall | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const functionOid = reader.uint32();
  const argumentFormats: FormatCode[] = [];
  const formats = reader.uint16();
  for (let i = 0; i < formats && reader.ok; i++) argumentFormats.push(reader.int16());
  const values: (Uint8Array | null)[] = [];
  const count = reader.uint16();
  for (let i = 0; i < count && reader.ok; i++) values.push(reader.nullableBytes());
  const resultFormat = reader.int16();
  if (!reader.done) return undefined;
  return { kind: 'functionCall', functionOid, argumentFormats, arguments: values, resultFormat };
}
