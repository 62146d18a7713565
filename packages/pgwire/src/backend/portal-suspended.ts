import { backendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface PortalSuspended {
  readonly kind: 'portalSuspended';
}

/** PortalSuspended: an Execute reached its row limit; more rows may follow. */
export function encodePortalSuspended(writer: MessageWriter): void {
  writer.bare(backendTag.portalSuspended);
}

export function decodePortalSuspended(_buffer: Uint8Array, start: number, end: number): PortalSuspended | undefined {
  return isBare(start, end) ? { kind: 'portalSuspended' } : undefined;
}
