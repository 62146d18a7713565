import { backendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface NoData {
  readonly kind: 'noData';
}

/** NoData: what was described returns no rows. */
export function encodeNoData(writer: MessageWriter): void {
  writer.bare(backendTag.noData);
}

export function decodeNoData(_buffer: Uint8Array, start: number, end: number): NoData | undefined {
  return isBare(start, end) ? { kind: 'noData' } : undefined;
}
