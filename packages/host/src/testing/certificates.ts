import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate and its private key, as the content of PEM files. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  /** Host names and IPv4 addresses (subjectAltName). */
  readonly names?: readonly string[];
  readonly organization?: string;
  /** Days until it is no longer valid; negative for one that is not any more. Default 1. */
  readonly days?: number;
}

/** An authority for tests: signs certificates with ECDSA and SHA-256, so that no program is needed for it. */
export class TestAuthority {
  readonly certificate: string;
  readonly #name: Buffer;
  readonly #key: KeyObject;

  constructor(commonName: string) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = distinguishedName({ commonName });
    this.#key = privateKey;
    this.certificate = this.#signed(this.#name, publicKey, 1, [basicConstraints(true)]);
  }

  issue(request: CertificateRequest): IssuedCertificate {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { names = [], days = 1 } = request;
    const extensions = [basicConstraints(false), ...(names.length > 0 ? [alternativeNames(names)] : [])];
    return {
      certificate: this.#signed(distinguishedName(request), publicKey, days, extensions),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
  }

  #signed(subject: Buffer, publicKey: KeyObject, days: number, extensions: readonly Buffer[]): string {
    const ecdsaWithSha256 = sequence(identifier([0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
    const toBeSigned = sequence(
      der(0xa0, der(0x02, Buffer.of(2))), // version 3
      der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
      ecdsaWithSha256,
      this.#name,
      sequence(time(Math.min(-1, days - 1)), time(days)),
      subject,
      publicKey.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions)),
    );
    const signature = sign('sha256', toBeSigned, this.#key);
    const bytes = sequence(toBeSigned, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.of(0), signature])));
    const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
    return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  }
}

function distinguishedName({ organization, commonName }: CertificateRequest): Buffer {
  const part = (type: number, text: string): Buffer =>
    der(0x31, sequence(identifier([0x55, 4, type]), der(0x0c, Buffer.from(text))));
  return sequence(...(organization === undefined ? [] : [part(10, organization)]), part(3, commonName));
}

function basicConstraints(isAuthority: boolean): Buffer {
  const value = isAuthority ? sequence(der(0x01, Buffer.of(0xff))) : sequence();
  return sequence(identifier([0x55, 0x1d, 19]), der(0x01, Buffer.of(0xff)), der(0x04, value));
}

function alternativeNames(names: readonly string[]): Buffer {
  const each = names.map((name) =>
    isIP(name) === 4 ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name)),
  );
  return sequence(identifier([0x55, 0x1d, 17]), der(0x04, sequence(...each)));
}

/** UTCTime, so many days from now. */
function time(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString();
  return der(0x17, Buffer.from(`${text.slice(2, 19).replaceAll(/[-:T]/g, '')}Z`));
}

function identifier(bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}
