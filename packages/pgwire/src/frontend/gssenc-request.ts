import type { MessageWriter } from '../wire/message-writer.ts';

export const gssencRequestCode: number = 80_877_104;

/** GSSENCRequest: may we encrypt with GSSAPI? Answered with one byte, `G` or `N`. */
export function encodeGssencRequest(writer: MessageWriter): void {
  writer.beginUntagged();
  writer.int32(gssencRequestCode);
  writer.end();
}
