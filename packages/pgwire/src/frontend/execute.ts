import { frontendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { int32At, zeroAt } from '../wire/scan.ts';

export interface Execute {
  readonly kind: 'execute';
  readonly portal: string;
  /** How many rows at most; 0 for all. */
  readonly rowsMax: number;
}

/** Execute: run a portal. */
export function encodeExecute(writer: MessageWriter, portal: string, rowsMax: number = 0): void {
  writer.begin(frontendTag.execute);
  writer.cstring(portal);
  writer.int32(rowsMax);
  writer.end();
}

export function decodeExecute(buffer: Uint8Array, start: number, end: number): Execute | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const portal = reader.cstring();
  const rowsMax = reader.int32();
  return reader.done ? { kind: 'execute', portal, rowsMax } : undefined;
}

/** Offsets inside an Execute message. Make one and let `peekExecute` fill it again and again. */
export class ExecutePeek {
  portalStart = 0;
  /** The zero byte after the name; equal to `portalStart` for the unnamed portal. */
  portalEnd = 0;
  rowsMax = 0;
}

/** Finds the portal's name without making objects; false if the message is malformed. */
export function peekExecute(buffer: Uint8Array, start: number, end: number, into: ExecutePeek): boolean {
  const portalEnd = zeroAt(buffer, start + 5, end);
  if (portalEnd < 0 || portalEnd + 5 !== end) return false;
  into.portalStart = start + 5;
  into.portalEnd = portalEnd;
  into.rowsMax = int32At(buffer, portalEnd + 1);
  return true;
}
