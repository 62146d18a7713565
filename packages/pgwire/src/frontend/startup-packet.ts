import { int32At } from '../wire/scan.ts';
import { cancelRequestCode, decodeCancelRequest, type CancelRequest } from './cancel-request.ts';
import { gssencRequestCode } from './gssenc-request.ts';
import { sslRequestCode } from './ssl-request.ts';
import { decodeStartupMessage, type ProtocolVersion, type StartupMessage } from './startup-message.ts';

/** What may come before there are tags. Of another major version only the version is read: what follows it has an unknown shape. */
export type StartupPacket =
  | StartupMessage
  | CancelRequest
  /** A CancelRequest without a key, or with one that is too long. */
  | { readonly kind: 'malformedCancelRequest' }
  | { readonly kind: 'sslRequest' }
  | { readonly kind: 'gssencRequest' }
  | { readonly kind: 'unsupportedVersion'; readonly version: ProtocolVersion };

/** Decodes an untagged packet as the deframer gives it in startup mode: `start` is at the length word. */
export function decodeStartupPacket(buffer: Uint8Array, start: number, end: number): StartupPacket | undefined {
  if (end - start < 8) return undefined;
  const code = int32At(buffer, start + 4);
  if (code === cancelRequestCode) return decodeCancelRequest(buffer, start, end) ?? { kind: 'malformedCancelRequest' };
  if (code === sslRequestCode) return end - start === 8 ? { kind: 'sslRequest' } : undefined;
  if (code === gssencRequestCode) return end - start === 8 ? { kind: 'gssencRequest' } : undefined;
  const major = code >>> 16;
  if (major !== 3) return { kind: 'unsupportedVersion', version: { major, minor: code & 0xffff } };
  return decodeStartupMessage(buffer, start, end);
}
