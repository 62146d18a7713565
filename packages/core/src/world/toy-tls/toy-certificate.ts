import { concat, utf8, utf8Text } from '../../base/bytes.ts';
import { NetworkError } from '../network.ts';
import type { ClientCertificate, TlsContext, TlsMaterial } from '../tls.ts';

/** A certificate of worlds without cryptography: it says who issued it, and everybody believes that. */
export interface ToyCertificate {
  readonly commonName: string;
  /** Host names that it is for. */
  readonly names: readonly string[];
  readonly issuer: string;
}

/** Certificate, key and (as a server asks for them, or a client trusts them) authorities, as the content of files. */
export function toyMaterial(certificate: ToyCertificate | undefined, authorities?: readonly string[]): TlsMaterial {
  return {
    ...(certificate && {
      certificate: utf8(JSON.stringify(certificate)),
      key: utf8(JSON.stringify(keyOf(certificate))),
    }),
    ...(authorities && { authorities: utf8(JSON.stringify(authorities)) }),
  };
}

function keyOf(certificate: ToyCertificate): { readonly keyOf: string } {
  return { keyOf: certificate.commonName };
}

export class ToyContext implements TlsContext {
  readonly certificate: Uint8Array | undefined;
  readonly toy: ToyCertificate | undefined;
  readonly authorities: readonly string[] | undefined;

  constructor(material: TlsMaterial) {
    this.toy = read<ToyCertificate>(material.certificate, 'the certificate');
    const key = read<{ readonly keyOf: string }>(material.key, 'the key');
    this.authorities = read<readonly string[]>(material.authorities, 'the authorities');
    if (this.toy?.commonName !== key?.keyOf)
      throw new NetworkError('tls', 'certificate and key do not belong together');
    this.certificate = this.toy && toyDer(this.toy);
  }
}

function read<T>(bytes: Uint8Array | undefined, what: string): T | undefined {
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(utf8Text(bytes)) as T;
  } catch (error) {
    throw new NetworkError('tls', `${what} can not be read`, error);
  }
}

/** Why a server's certificate is not trusted; undefined if it is. */
export function serverProblem(
  toy: ToyCertificate,
  authorities: readonly string[] | undefined,
  name: string | undefined,
): string | undefined {
  if (authorities?.includes(toy.issuer) !== true) return 'unable to verify the first certificate';
  if (name !== undefined && !toy.names.includes(name)) return `the certificate is not for ${name}`;
  return undefined;
}

export function clientCertificate(toy: ToyCertificate, authorities: readonly string[] | undefined): ClientCertificate {
  const verified = authorities?.includes(toy.issuer) === true;
  return {
    commonName: toy.commonName,
    distinguishedName: `CN=${toy.commonName}`,
    verified,
    problem: verified ? undefined : 'unable to verify the first certificate',
  };
}

/** In the outer shape of X.509 (RFC 5280, 4.1), signed "with RSA and SHA-256": as much as channel binding looks at. */
export function toyDer(toy: ToyCertificate): Uint8Array {
  const signatureAlgorithm = der(0x30, der(0x06, Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11)));
  return der(
    0x30,
    concat([der(0x30, der(0x0c, utf8(JSON.stringify(toy)))), signatureAlgorithm, der(0x03, Uint8Array.of(0))]),
  );
}

function der(tag: number, content: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(tag, 0x82, content.length >> 8, content.length & 0xff), content]);
}
