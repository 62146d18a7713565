import type { FormatCode } from '../frontend/bind.ts';
import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export type CopyDirection = 'in' | 'out' | 'both';

/** CopyInResponse, CopyOutResponse and CopyBothResponse have one body. */
export interface CopyResponse {
  readonly kind: 'copyInResponse' | 'copyOutResponse' | 'copyBothResponse';
  /** 0 textual, 1 binary. */
  readonly format: FormatCode;
  readonly columnFormats: readonly FormatCode[];
}

const tagOf = {
  in: backendTag.copyInResponse,
  out: backendTag.copyOutResponse,
  both: backendTag.copyBothResponse,
} as const;

/** Copy{In,Out,Both}Response: COPY begins, from the client's side seen (`in`: it sends; `both`: replication). */
export function encodeCopyResponse(
  writer: MessageWriter,
  direction: CopyDirection,
  format: FormatCode,
  columnFormats: readonly FormatCode[],
): void {
  writer.begin(tagOf[direction]);
  writer.int8(format);
  writer.count(columnFormats.length);
  for (const columnFormat of columnFormats) writer.int16(columnFormat);
  writer.end();
}

export function decodeCopyResponse(buffer: Uint8Array, start: number, end: number): CopyResponse | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const format = reader.int8();
  const count = reader.uint16();
  const columnFormats: FormatCode[] = [];
  for (let i = 0; i < count && reader.ok; i++) columnFormats.push(reader.int16());
  if (!reader.done) return undefined;
  return { kind: kindOf(buffer[start]), format, columnFormats };
}

function kindOf(tag: number | undefined): CopyResponse['kind'] {
  if (tag === backendTag.copyInResponse) return 'copyInResponse';
  return tag === backendTag.copyOutResponse ? 'copyOutResponse' : 'copyBothResponse';
}
