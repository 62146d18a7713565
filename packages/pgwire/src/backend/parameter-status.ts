import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface ParameterStatus {
  readonly kind: 'parameterStatus';
  readonly name: string;
  readonly value: string;
}

/** ParameterStatus: a setting that clients care about has this value now. May come at any time. */
export function encodeParameterStatus(writer: MessageWriter, name: string, value: string): void {
  writer.begin(backendTag.parameterStatus);
  writer.cstring(name);
  writer.cstring(value);
  writer.end();
}

export function decodeParameterStatus(buffer: Uint8Array, start: number, end: number): ParameterStatus | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const name = reader.cstring();
  const value = reader.cstring();
  return reader.done ? { kind: 'parameterStatus', name, value } : undefined;
}
