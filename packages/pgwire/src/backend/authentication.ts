import { assert } from '@multigres/core';
import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

/** All messages with the tag `R`, told apart by an Int32 in front of the body. */
export const authenticationCode = {
  ok: 0,
  kerberosV5: 2,
  cleartextPassword: 3,
  md5Password: 5,
  gss: 7,
  gssContinue: 8,
  sspi: 9,
  sasl: 10,
  saslContinue: 11,
  saslFinal: 12,
} as const;

export type Authentication =
  | { readonly kind: 'authenticationOk' }
  | { readonly kind: 'authenticationKerberosV5' }
  | { readonly kind: 'authenticationCleartextPassword' }
  /** `salt`: 4 bytes. All byte fields are views of the decoded buffer. */
  | { readonly kind: 'authenticationMd5Password'; readonly salt: Uint8Array }
  | { readonly kind: 'authenticationGss' }
  | { readonly kind: 'authenticationGssContinue'; readonly data: Uint8Array }
  | { readonly kind: 'authenticationSspi' }
  /** `mechanisms`: best first. */
  | { readonly kind: 'authenticationSasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'authenticationSaslContinue'; readonly data: Uint8Array }
  | { readonly kind: 'authenticationSaslFinal'; readonly data: Uint8Array };

function writeBareAuthentication(writer: MessageWriter, code: number): void {
  writer.begin(backendTag.authentication);
  writer.int32(code);
  writer.end();
}

function writeDataAuthentication(writer: MessageWriter, code: number, data: Uint8Array | string): void {
  writer.begin(backendTag.authentication);
  writer.int32(code);
  if (typeof data === 'string') writer.text(data);
  else writer.bytes(data);
  writer.end();
}

/** AuthenticationOk: you are who you say. */
export function encodeAuthenticationOk(writer: MessageWriter): void {
  writeBareAuthentication(writer, authenticationCode.ok);
}

/** AuthenticationKerberosV5: obsolete, listed for completeness. */
export function encodeAuthenticationKerberosV5(writer: MessageWriter): void {
  writeBareAuthentication(writer, authenticationCode.kerberosV5);
}

/** AuthenticationCleartextPassword: send the password as it is. */
export function encodeAuthenticationCleartextPassword(writer: MessageWriter): void {
  writeBareAuthentication(writer, authenticationCode.cleartextPassword);
}

/** AuthenticationMD5Password: send the password hashed with this salt of 4 bytes. */
export function encodeAuthenticationMd5Password(writer: MessageWriter, salt: Uint8Array): void {
  assert(salt.length === 4, 'the salt of md5 authentication has 4 bytes');
  writeDataAuthentication(writer, authenticationCode.md5Password, salt);
}

/** AuthenticationGSS. */
export function encodeAuthenticationGss(writer: MessageWriter): void {
  writeBareAuthentication(writer, authenticationCode.gss);
}

/** AuthenticationGSSContinue, for GSSAPI and SSPI. */
export function encodeAuthenticationGssContinue(writer: MessageWriter, data: Uint8Array): void {
  writeDataAuthentication(writer, authenticationCode.gssContinue, data);
}

/** AuthenticationSSPI. */
export function encodeAuthenticationSspi(writer: MessageWriter): void {
  writeBareAuthentication(writer, authenticationCode.sspi);
}

/** AuthenticationSASL: choose one of these mechanisms. */
export function encodeAuthenticationSasl(writer: MessageWriter, mechanisms: readonly string[]): void {
  writer.begin(backendTag.authentication);
  writer.int32(authenticationCode.sasl);
  for (const mechanism of mechanisms) writer.cstring(mechanism);
  writer.int8(0);
  writer.end();
}

/** AuthenticationSASLContinue: the server's challenge. */
export function encodeAuthenticationSaslContinue(writer: MessageWriter, data: Uint8Array | string): void {
  writeDataAuthentication(writer, authenticationCode.saslContinue, data);
}

/** AuthenticationSASLFinal: the server's own proof. */
export function encodeAuthenticationSaslFinal(writer: MessageWriter, data: Uint8Array | string): void {
  writeDataAuthentication(writer, authenticationCode.saslFinal, data);
}

/** Undefined if malformed or of a kind that the documentation does not list. */
export function decodeAuthentication(buffer: Uint8Array, start: number, end: number): Authentication | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const code = reader.int32();
  const message = reader.ok ? readAuthentication(code, reader) : undefined;
  return reader.done ? message : undefined;
}

function readAuthentication(code: number, reader: MessageReader): Authentication | undefined {
  switch (code) {
    case authenticationCode.ok:
      return { kind: 'authenticationOk' };
    case authenticationCode.kerberosV5:
      return { kind: 'authenticationKerberosV5' };
    case authenticationCode.cleartextPassword:
      return { kind: 'authenticationCleartextPassword' };
    case authenticationCode.md5Password:
      return { kind: 'authenticationMd5Password', salt: reader.bytes(4) };
    case authenticationCode.gss:
      return { kind: 'authenticationGss' };
    case authenticationCode.gssContinue:
      return { kind: 'authenticationGssContinue', data: reader.rest() };
    case authenticationCode.sspi:
      return { kind: 'authenticationSspi' };
    case authenticationCode.sasl:
      return { kind: 'authenticationSasl', mechanisms: readMechanisms(reader) };
    case authenticationCode.saslContinue:
      return { kind: 'authenticationSaslContinue', data: reader.rest() };
    case authenticationCode.saslFinal:
      return { kind: 'authenticationSaslFinal', data: reader.rest() };
    default:
      return undefined;
  }
}

function readMechanisms(reader: MessageReader): string[] {
  const mechanisms: string[] = [];
  for (;;) {
    const mechanism = reader.cstring();
    if (mechanism === '') return mechanisms;
    mechanisms.push(mechanism);
  }
}
