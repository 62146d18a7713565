import { concat, hex, sameSecret, utf8 } from '@multigres/core';
import { md5 } from '@noble/hashes/legacy.js';

/** What `pg_authid.rolpassword` holds for an md5 password: `md5` and 32 hexadecimal digits, salted with the user's name. */
export function md5Verifier(user: string, password: string): string {
  return `md5${hex(md5(utf8(password + user)))}`;
}

/** The answer to AuthenticationMD5Password (documentation, "Message Flow", AuthenticationMD5Password). `salt`: 4 bytes. */
export function md5Response(verifier: string, salt: Uint8Array): string {
  return `md5${hex(md5(concat([utf8(verifier.slice(3)), salt])))}`;
}

/** Whether a client's answer proves the password behind this verifier. */
export function md5Proves(verifier: string, salt: Uint8Array, response: string): boolean {
  return sameSecret(utf8(md5Response(verifier, salt)), utf8(response));
}
