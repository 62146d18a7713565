import { backendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface EmptyQueryResponse {
  readonly kind: 'emptyQueryResponse';
}

/** EmptyQueryResponse: there was no statement; stands in place of CommandComplete. */
export function encodeEmptyQueryResponse(writer: MessageWriter): void {
  writer.bare(backendTag.emptyQueryResponse);
}

export function decodeEmptyQueryResponse(
  _buffer: Uint8Array,
  start: number,
  end: number,
): EmptyQueryResponse | undefined {
  return isBare(start, end) ? { kind: 'emptyQueryResponse' } : undefined;
}
