import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

type Hash = (bytes: Uint8Array) => Uint8Array;

/** Signature algorithms by their object identifier in DER, in hex. MD5 and SHA-1 count as SHA-256 (RFC 5929, 4.1). */
const hashes: Readonly<Record<string, Hash>> = {
  '2a864886f70d010104': sha256, // md5WithRSAEncryption
  '2a864886f70d010105': sha256, // sha1WithRSAEncryption
  '2a864886f70d01010e': sha224, // sha224WithRSAEncryption
  '2a864886f70d01010b': sha256, // sha256WithRSAEncryption
  '2a864886f70d01010c': sha384, // sha384WithRSAEncryption
  '2a864886f70d01010d': sha512, // sha512WithRSAEncryption
  '2a8648ce3d0401': sha256, // ecdsa-with-SHA1
  '2a8648ce3d040301': sha224, // ecdsa-with-SHA224
  '2a8648ce3d040302': sha256, // ecdsa-with-SHA256
  '2a8648ce3d040303': sha384, // ecdsa-with-SHA384
  '2a8648ce3d040304': sha512, // ecdsa-with-SHA512
};

/** RSASSA-PSS tells its hash in a parameter (RFC 4055, 3.1). */
const rsassaPss = '2a864886f70d01010a';
const pssHashes: Readonly<Record<string, Hash>> = {
  '2b0e03021a': sha256, // sha1
  '608648016503040204': sha224,
  '608648016503040201': sha256,
  '608648016503040202': sha384,
  '608648016503040203': sha512,
};

/** The type of channel binding that PostgreSQL knows. */
export const channelBindingType = 'tls-server-end-point';

/**
 * The hash of a server's certificate (DER) that both ends of SCRAM-SHA-256-PLUS have to agree on: RFC 5929, section 4.1. Undefined if the
 * certificate is malformed, or its signature has no hash (Ed25519): there is no channel binding then.
 */
export function tlsServerEndPoint(certificate: Uint8Array): Uint8Array | undefined {
  const outer = elementAt(certificate, 0, certificate.length);
  const signed = outer && elementAt(certificate, outer.start, outer.end);
  const algorithm = signed && elementAt(certificate, signed.end, outer.end);
  if (algorithm === undefined) return undefined;
  const identifier = elementAt(certificate, algorithm.start, algorithm.end);
  if (identifier?.tag !== 0x06) return undefined;
  const name = hexOf(certificate, identifier);
  const hash = name === rsassaPss ? pssHash(certificate, identifier.end, algorithm.end) : lookUp(hashes, name);
  return hash?.(certificate);
}

function pssHash(bytes: Uint8Array, start: number, end: number): Hash | undefined {
  const parameters = elementAt(bytes, start, end);
  const first = parameters && elementAt(bytes, parameters.start, parameters.end);
  // The hash has the tag [0]; left out, it is SHA-1.
  if (first?.tag !== 0xa0) return sha256;
  const algorithm = elementAt(bytes, first.start, first.end);
  const identifier = algorithm && elementAt(bytes, algorithm.start, algorithm.end);
  return identifier && lookUp(pssHashes, hexOf(bytes, identifier));
}

function lookUp(table: Readonly<Record<string, Hash>>, name: string): Hash | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

interface Element {
  readonly tag: number;
  /** Of its content. */
  readonly start: number;
  readonly end: number;
}

/** The element of DER at `at` (X.690, 8.1), if it ends by `limit`. */
function elementAt(bytes: Uint8Array, at: number, limit: number): Element | undefined {
  const tag = bytes[at];
  const short = bytes[at + 1];
  if (tag === undefined || short === undefined || at + 2 > limit) return undefined;
  const lengthBytes = short < 0x80 ? 0 : short & 0x7f;
  if (lengthBytes > 3 || short === 0x80) return undefined;
  let length = lengthBytes === 0 ? short : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
  const start = at + 2 + lengthBytes;
  return start + length <= limit ? { tag, start, end: start + length } : undefined;
}

function hexOf(bytes: Uint8Array, { start, end }: Element): string {
  let text = '';
  for (let i = start; i < end; i++) text += (bytes[i] as number).toString(16).padStart(2, '0');
  return text;
}
