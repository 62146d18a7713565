import { frontendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface PasswordMessage {
  readonly kind: 'passwordMessage';
  /** Clear, or `md5` and 32 hexadecimal digits. */
  readonly password: string;
}

/** PasswordMessage: the answer to AuthenticationCleartextPassword and AuthenticationMD5Password. */
export function encodePasswordMessage(writer: MessageWriter, password: string): void {
  writer.begin(frontendTag.authenticationResponse);
  writer.cstring(password);
  writer.end();
}

export function decodePasswordMessage(buffer: Uint8Array, start: number, end: number): PasswordMessage | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const password = reader.cstring();
  return reader.done ? { kind: 'passwordMessage', password } : undefined;
}
