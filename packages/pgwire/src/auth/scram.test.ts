import { hex, utf8, utf8Text } from '@multigres/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { md5Proves, md5Response, md5Verifier } from './md5.ts';
import { saslprep } from './saslprep.ts';
import { scramClientFinal, scramClientVerify, type ScramClientFirst, type ScramSecret } from './scram-client.ts';
import {
  formatScramVerifier,
  mockScramVerifier,
  parseScramVerifier,
  scramKeysOfPassword,
  scramVerifierOfPassword,
} from './scram-keys.ts';
import { scramServerFinal, scramServerFirst } from './scram-server.ts';

const salt = utf8('sixteen bytes ok');
const verifier = scramVerifierOfPassword('pencil', salt, 10);
const first: ScramClientFirst = {
  data: 'n,,n=,r=client',
  bare: 'n=,r=client',
  gs2Header: 'n,,',
  serverEndPoint: undefined,
  nonce: 'client',
};

/** A whole login; `edit` may spoil the client's last message. */
function login(secret: ScramSecret, edit: (final: string) => string = (final) => final): string {
  const challenge = scramServerFirst(first.data, verifier, 'server');
  if (challenge.kind === 'refused') return challenge.error.message;
  const proof = scramClientFinal(challenge.data, first, secret);
  if (proof.kind === 'refused') return proof.error.message;
  const proven = scramServerFinal(edit(proof.data), challenge.exchange, 'ann');
  if (proven.kind === 'refused') return `${proven.error.sqlstate} ${proven.error.message}`;
  const error = scramClientVerify(proven.data, proof.serverSignature);
  if (error) return error.message;
  return `in, with ${hex(proven.keys.clientKey).slice(0, 8)}`;
}

describe('RFC 7677, section 3', () => {
  const user: ScramClientFirst = {
    data: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    bare: 'n=user,r=rOprNGfwEbeRWgbNEkqO',
    gs2Header: 'n,,',
    serverEndPoint: undefined,
    nonce: 'rOprNGfwEbeRWgbNEkqO',
  };
  const rfcSalt = decodeBase64('W22ZaJ0SNY7soEsUEjb6gQ==') as Uint8Array;
  const serverNonce = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
  const serverFirst = `r=rOprNGfwEbeRWgbNEkqO${serverNonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
  const clientFinal = `c=biws,r=rOprNGfwEbeRWgbNEkqO${serverNonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
  const serverFinal = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

  it('is what our server says', () => {
    const stored = scramVerifierOfPassword('pencil', rfcSalt, 4096);
    const challenge = scramServerFirst(user.data, stored, serverNonce);
    expect(challenge).toMatchObject({ kind: 'challenge', data: serverFirst });
    if (challenge.kind === 'refused') return;
    expect(scramServerFinal(clientFinal, challenge.exchange, 'user')).toMatchObject({
      kind: 'proven',
      data: serverFinal,
      keys: scramKeysOfPassword('pencil', rfcSalt, 4096),
    });
  });

  it('is what our client says', () => {
    const final = scramClientFinal(serverFirst, user, { kind: 'password', password: 'pencil' });
    expect(final).toMatchObject({ kind: 'proof', data: clientFinal });
    if (final.kind === 'refused') return;
    expect(scramClientVerify(serverFinal, final.serverSignature)).toBeUndefined();
    expect(scramClientVerify(serverFinal.replace('6', '7'), final.serverSignature)?.sqlstate).toBe('28P01');
    expect(scramClientVerify('e=other-error', final.serverSignature)?.message).toContain('other-error');
  });
});

describe('SCRAM', () => {
  it('lets in who knows the password, and learns the keys', () => {
    const keys = scramKeysOfPassword('pencil', salt, 10);
    expect(login({ kind: 'password', password: 'pencil' })).toBe(`in, with ${hex(keys.clientKey).slice(0, 8)}`);
  });

  it('lets in who has the keys', () => {
    const keys = scramKeysOfPassword('pencil', salt, 10);
    expect(login({ kind: 'scramKeys', keys })).toContain('in, with');
  });

  it('refuses a wrong password', () => {
    expect(login({ kind: 'password', password: 'pencil ' })).toBe(
      '28P01 password authentication failed for user "ann"',
    );
  });

  it.each([
    ['another nonce', (final: string) => final.replace('r=client', 'r=clienT'), '08P01 invalid SCRAM response'],
    [
      'another binding',
      (final: string) => final.replace('biws', 'eSws'),
      '08P01 unexpected SCRAM channel-binding attribute in client-final-message',
    ],
    ['no proof', (final: string) => final.replace(/,p=.*/, ''), '08P01 malformed SCRAM message'],
    ['half a proof', (final: string) => final.slice(0, -4), '08P01 malformed SCRAM message'],
    ['nothing', () => '', '08P01 malformed SCRAM message'],
    [
      'an extension that the proof does not cover',
      (final: string) => final.replace(',p=', ',x=1,p='),
      '28P01 password authentication failed for user "ann"',
    ],
  ])('refuses %s', (_name, edit, expected) => {
    expect(login({ kind: 'password', password: 'pencil' }, edit)).toBe(expected);
  });

  it.each([
    ['', '08P01'],
    ['n,,', '08P01'],
    ['n,,n=,r=', '08P01'],
    ['n,,n=,r=a b', '08P01'],
    ['n,a=bob,n=,r=x', '0A000'],
    ['n,,m=ext,n=,r=x', '0A000'],
    ['p=tls-server-end-point,,n=,r=x', '08P01'],
    ['z,,n=,r=x', '08P01'],
  ])('refuses the first message "%s" with %s', (message, expected) => {
    const refused = scramServerFirst(message, verifier, 'server');
    expect(refused.kind === 'refused' && refused.error.sqlstate).toBe(expected);
  });

  it('takes a client that could bind channels but was not offered it', () => {
    expect(scramServerFirst('y,,n=,r=x', verifier, 'server').kind).toBe('challenge');
  });

  it.each([
    ['r=clientserver,s=AAAA,i=0'],
    ['r=clientserver,s=AAAA,i=9999999'],
    ['r=client,s=AAAA,i=10'],
    ['r=other,s=AAAA,i=10'],
    ['r=clientserver,s=,i=10'],
    ['r=clientserver,s=A,i=10'],
    [''],
  ])('does not answer the challenge "%s"', (challenge) => {
    expect(scramClientFinal(challenge, first, { kind: 'password', password: 'x' }).kind).toBe('refused');
  });

  it('never crashes on random text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        scramServerFirst(text, verifier, 'server');
        scramClientVerify(text, salt);
        const challenge = scramServerFirst(first.data, verifier, 'server');
        if (challenge.kind === 'challenge') {
          expect(scramServerFinal(text, challenge.exchange, 'ann').kind).toBe('refused');
        }
      }),
    );
  });

  it('gives users who do not exist a salt that stays and a verifier that nothing fits', () => {
    const secret = utf8('secret');
    const [one, again, other] = ['a', 'a', 'b'].map((user) => mockScramVerifier(user, secret));
    expect(one).toEqual(again);
    expect(one?.salt).not.toEqual(other?.salt);
    expect(one?.salt.length).toBe(16);
    expect(mockScramVerifier('a', utf8('other')).salt).not.toEqual(one?.salt);
  });

  it('refuses the doomed even with the right proof', () => {
    const challenge = scramServerFirst(first.data, verifier, 'server');
    if (challenge.kind === 'refused') throw challenge.error;
    const proof = scramClientFinal(challenge.data, first, { kind: 'password', password: 'pencil' });
    if (proof.kind === 'refused') throw proof.error;
    expect(scramServerFinal(proof.data, challenge.exchange, 'ann', true).kind).toBe('refused');
  });
});

describe('verifiers', () => {
  it('are written as PostgreSQL writes them, and read again', () => {
    const written = formatScramVerifier(verifier);
    expect(written).toMatch(/^SCRAM-SHA-256\$10:[^$]+\$[^:]+:.+$/);
    expect(parseScramVerifier(written)).toEqual(verifier);
  });

  it.each(['', 'md5abc', 'SCRAM-SHA-256$0:AAAA$x:y', 'SCRAM-SHA-256$10:AAAA$AAAA:AAAA'])('"%s" is none', (text) => {
    expect(parseScramVerifier(text)).toBeUndefined();
  });
});

describe('md5', () => {
  it('is what PostgreSQL stores', () => {
    // select 'md5' || md5('secret' || 'ann')
    expect(md5Verifier('ann', 'secret')).toBe('md59d792a3a8853c2411afb9163d088c036');
  });

  it('proves the password for one salt', () => {
    const stored = md5Verifier('ann', 'secret');
    const oneSalt = Uint8Array.of(1, 2, 3, 4);
    expect(md5Proves(stored, oneSalt, md5Response(stored, oneSalt))).toBe(true);
    expect(md5Proves(stored, Uint8Array.of(1, 2, 3, 5), md5Response(stored, oneSalt))).toBe(false);
  });
});

describe('base64', () => {
  it('is its own inverse, and the same as the platform knows it', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes);
      }),
    );
  });

  it('takes exactly one text for some bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: fc.constantFrom(...'AQgw+/=z') }), fc.string()), (text) => {
        const bytes = decodeBase64(text);
        if (bytes) expect(encodeBase64(bytes)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('saslprep', () => {
  it.each([
    ['ASCII as it is, control characters too', 'a\tb c', 'a\tb c'],
    ['soft hyphens away', 'I\u00adX', 'IX'],
    ['other spaces to spaces', 'a\u00a0b', 'a b'],
    ['compatible characters together', '\u2168', 'IX'],
    ['a feminine ordinal', '\u00aa', 'a'],
    ['a prohibited character: the password as given', '\u2168\u0007', '\u2168\u0007'],
    ['private use: the password as given', '\u2168\ue000', '\u2168\ue000'],
    ['nothing left: the password as given', '\u00ad', '\u00ad'],
  ])('takes %s', (_name, password, expected) => {
    expect(saslprep(password)).toBe(expected);
    expect(utf8Text(utf8(saslprep(password)))).toBe(expected);
  });
});
