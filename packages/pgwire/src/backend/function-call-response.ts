import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface FunctionCallResponse {
  readonly kind: 'functionCallResponse';
  /** A view of the decoded buffer. */
  readonly result: Uint8Array | null;
}

/** FunctionCallResponse: what the function returned. */
export function encodeFunctionCallResponse(writer: MessageWriter, result: Uint8Array | string | null): void {
  writer.begin(backendTag.functionCallResponse);
  writer.nullable(result);
  writer.end();
}

export function decodeFunctionCallResponse(
  buffer: Uint8Array,
  start: number,
  end: number,
): FunctionCallResponse | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const result = reader.nullableBytes();
  return reader.done ? { kind: 'functionCallResponse', result } : undefined;
}
