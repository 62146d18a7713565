import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, it, test } from 'vitest';
import { tlsServerEndPoint } from './tls-server-end-point.ts';

function der(tag: number, ...parts: readonly (readonly number[])[]): number[] {
  const content = parts.flat();
  const length =
    content.length < 0x80 ? [content.length] : [0x82, Math.floor(content.length / 256), content.length % 256];
  return [tag, ...length, ...content];
}

const bytesOf = (text: string): number[] => (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));

/** As much of a certificate as has to be read, with a long first part as real ones have. */
function certificate(algorithm: string, ...parameters: readonly number[][]): Uint8Array {
  const signed = der(
    0x30,
    Array.from({ length: 600 }, (_, i) => i % 251),
  );
  return Uint8Array.from(
    der(0x30, signed, der(0x30, der(0x06, bytesOf(algorithm)), ...parameters), der(0x03, [0, 1, 2])),
  );
}

describe('the hash is that of the signature', () => {
  it.each([
    ['sha256WithRSAEncryption', '2a864886f70d01010b', sha256],
    ['sha384WithRSAEncryption', '2a864886f70d01010c', sha384],
    ['ecdsa-with-SHA512', '2a8648ce3d040304', sha512],
    ['md5WithRSAEncryption, which is too weak', '2a864886f70d010104', sha256],
    ['sha1WithRSAEncryption, which is too weak', '2a864886f70d010105', sha256],
  ])('%s', (_, algorithm, hash) => {
    const bytes = certificate(algorithm, der(0x05));
    expect(tlsServerEndPoint(bytes)).toEqual(hash(bytes));
  });

  it('as the parameters of RSASSA-PSS say, or SHA-256 without them', () => {
    const pss = '2a864886f70d01010a';
    const named = certificate(pss, der(0x30, der(0xa0, der(0x30, der(0x06, bytesOf('608648016503040203'))))));
    expect(tlsServerEndPoint(named)).toEqual(sha512(named));
    const bare = certificate(pss, der(0x30));
    expect(tlsServerEndPoint(bare)).toEqual(sha256(bare));
  });
});

test('a signature without a hash has none: Ed25519', () => {
  expect(tlsServerEndPoint(certificate('2b6570'))).toBeUndefined();
});

test('what is no certificate has none, wherever it is cut', () => {
  const whole = certificate('2a864886f70d01010b');
  for (let length = 0; length < whole.length; length++)
    expect(tlsServerEndPoint(whole.subarray(0, length))).toBeUndefined();
  expect(tlsServerEndPoint(Uint8Array.of(0x30, 0x80, 0, 0))).toBeUndefined();
});
