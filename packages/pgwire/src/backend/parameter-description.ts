import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface ParameterDescription {
  readonly kind: 'parameterDescription';
  readonly typeOids: readonly number[];
}

/** ParameterDescription: the types of a prepared statement's parameters. */
export function encodeParameterDescription(writer: MessageWriter, typeOids: readonly number[]): void {
  writer.begin(backendTag.parameterDescription);
  writer.count(typeOids.length);
  for (const oid of typeOids) writer.int32(oid);
  writer.end();
}

export function decodeParameterDescription(
  buffer: Uint8Array,
  start: number,
  end: number,
): ParameterDescription | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const count = reader.uint16();
  const typeOids: number[] = [];
  for (let i = 0; i < count && reader.ok; i++) typeOids.push(reader.uint32());
  return reader.done ? { kind: 'parameterDescription', typeOids } : undefined;
}
