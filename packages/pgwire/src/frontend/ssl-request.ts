import type { MessageWriter } from '../wire/message-writer.ts';

/** What stands where a StartupMessage has its version. */
export const sslRequestCode: number = 80_877_103;

/** SSLRequest: may we speak TLS? Answered with one byte, `S` or `N`. */
export function encodeSslRequest(writer: MessageWriter): void {
  writer.beginUntagged();
  writer.int32(sslRequestCode);
  writer.end();
}
