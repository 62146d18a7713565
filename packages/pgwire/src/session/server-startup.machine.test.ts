import { utf8, utf8Text, type PgError } from '@multigres/core';
import { describe, expect, it } from 'vitest';
import { md5Response, md5Verifier } from '../auth/md5.ts';
import { scramClientFinal, scramClientFirst, type ClientBinding } from '../auth/scram-client.ts';
import { mockScramVerifier, scramKeysOfPassword, scramVerifierOfPassword } from '../auth/scram-keys.ts';
import { decodeBackendMessage, type BackendMessage } from '../backend/backend-message.ts';
import { Deframer } from '../frame/deframer.ts';
import { cancelRequestCode, encodeCancelRequest } from '../frontend/cancel-request.ts';
import { encodeGssencRequest } from '../frontend/gssenc-request.ts';
import { encodePasswordMessage } from '../frontend/password-message.ts';
import { encodeQuery } from '../frontend/query.ts';
import { encodeSaslInitialResponse } from '../frontend/sasl-initial-response.ts';
import { encodeSaslResponse } from '../frontend/sasl-response.ts';
import { encodeSslRequest } from '../frontend/ssl-request.ts';
import { encodeStartupMessage } from '../frontend/startup-message.ts';
import { CollectingSink } from '../testing/collecting-sink.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import {
  serverStartupMachine,
  type AuthenticationMethod,
  type ServerStartupEffect,
  type ServerStartupEvent,
  type ServerStartupState,
} from './server-startup.machine.ts';

const salt = utf8('0123456789abcdef');
const verifier = scramVerifierOfPassword('pw', salt, 10);
const md5Salt = Uint8Array.of(1, 2, 3, 4);

const encrypted = { kind: 'encrypted', direct: false, serverEndPoint: undefined } as const;

/** A client that has just connected; each call steps the machine and answers its effects, the sent messages decoded. */
class Client {
  readonly #machine;
  #state: ServerStartupState;
  readonly sent: (BackendMessage | string)[] = [];

  constructor(tls: boolean = false, minorMax: 0 | 2 = 2) {
    this.#machine = serverStartupMachine({ tls, minorMax });
    this.#state = this.#machine.initial;
  }

  step(event: ServerStartupEvent): ServerStartupEffect[] {
    const [state, effects] = this.#machine.step(this.#state, event);
    this.#state = state;
    for (const effect of effects) if (effect.kind === 'send') this.sent.push(...read(effect.bytes));
    return effects.filter((effect) => effect.kind !== 'send');
  }

  packet(write: (writer: MessageWriter) => void): ServerStartupEffect[] {
    const buffer = written(write);
    return this.step({ kind: 'packetReceived', buffer, start: 0, end: buffer.length });
  }

  message(write: (writer: MessageWriter) => void): ServerStartupEffect[] {
    const buffer = written(write);
    return this.step({ kind: 'messageReceived', buffer, start: 0, end: buffer.length });
  }

  startup(parameters: Readonly<Record<string, string>>, minor: number = 0): ServerStartupEffect[] {
    return this.packet((writer) => encodeStartupMessage(writer, { major: 3, minor }, Object.entries(parameters)));
  }

  /** Startup as user ann, then this method. */
  begin(method: AuthenticationMethod): ServerStartupEffect[] {
    this.startup({ user: 'ann' });
    return this.step({ kind: 'methodChosen', method });
  }
}

function written(write: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter(256);
  write(writer);
  return writer.take();
}

function read(bytes: Uint8Array): (BackendMessage | string)[] {
  if (bytes.length === 1) return [utf8Text(bytes)];
  const sink = new CollectingSink();
  new Deframer(sink, { wholeBytesMax: 1e6, messageBytesMax: 1e6 }).feed(bytes);
  return sink.messages.map((each) => decodeBackendMessage(each.bytes, 0, each.bytes.length) ?? 'malformed');
}

function refusal(effects: readonly ServerStartupEffect[]): string {
  const effect = effects.at(-1);
  return effect?.kind === 'refuse' ? `${effect.error.sqlstate} ${effect.error.message}` : 'none';
}

function request(effects: readonly ServerStartupEffect[]): Record<string, unknown> {
  const effect = effects.at(-1);
  if (effect?.kind !== 'chooseMethod') return {};
  return { ...effect.request, settings: [...effect.request.settings].map(([name, value]) => `${name}=${value}`) };
}

describe('requests for encryption', () => {
  it('are denied in either order where there is none, and the session goes on', () => {
    for (const order of [
      [encodeSslRequest, encodeGssencRequest],
      [encodeGssencRequest, encodeSslRequest],
    ]) {
      const client = new Client();
      for (const encode of order) expect(client.packet(encode)).toMatchObject([{ kind: 'expectSilence' }]);
      expect(client.sent).toEqual(['N', 'N']);
      expect(client.startup({ user: 'ann' }).at(-1)).toMatchObject({ kind: 'chooseMethod', encrypted: false });
    }
  });

  it('lead to TLS after a denied GSSENCRequest', () => {
    const client = new Client(true);
    client.packet(encodeGssencRequest);
    expect(client.packet(encodeSslRequest)).toEqual([{ kind: 'expectSilence', request: 'SSL' }, { kind: 'startTls' }]);
    expect(client.sent).toEqual(['N', 'S']);
    client.step(encrypted);
    expect(client.startup({ user: 'ann' }).at(-1)).toMatchObject({ kind: 'chooseMethod', encrypted: true });
  });

  it('are taken for a version the second time, and inside TLS', () => {
    for (const [encode, minor] of [
      [encodeSslRequest, 5679],
      [encodeGssencRequest, 5680],
    ] as const) {
      const expected = `0A000 unsupported frontend protocol 1234.${minor}: server supports 3.0 to 3.2`;
      const twice = new Client();
      twice.packet(encode);
      expect(refusal(twice.packet(encode))).toBe(expected);
      const inside = new Client(true);
      inside.packet(encodeSslRequest);
      inside.step(encrypted);
      expect(refusal(inside.packet(encode))).toBe(expected);
    }
  });

  it('are denied where TLS came without asking', () => {
    const client = new Client(true);
    client.step({ ...encrypted, direct: true });
    client.packet(encodeSslRequest);
    expect(client.sent).toEqual(['N']);
    expect(client.startup({ user: 'ann' }).at(-1)).toMatchObject({ kind: 'chooseMethod', encrypted: true });
  });

  it('may be followed by nothing in clear', () => {
    const client = new Client(true);
    client.packet(encodeSslRequest);
    expect(refusal(client.startup({ user: 'ann' }))).toContain('08P01');
  });
});

describe('a cancel request', () => {
  it('is surfaced and not answered', () => {
    const client = new Client();
    const secretKey = Uint8Array.from({ length: 32 }, (_, i) => i);
    expect(client.packet((writer) => encodeCancelRequest(writer, 77, secretKey))).toEqual([
      { kind: 'cancel', processId: 77, secretKey },
    ]);
    expect(client.sent).toEqual([]);
  });

  it('with a key that is none is not answered either', () => {
    const client = new Client();
    const effects = client.packet((writer) => {
      writer.beginUntagged();
      writer.int32(cancelRequestCode);
      writer.int32(77);
      writer.end();
    });
    expect(refusal(effects)).toBe('08P01 invalid length of cancel request packet');
    expect(client.sent).toEqual([]);
  });
});

describe('the startup message', () => {
  it('asks for a database of the name of the user if it names none', () => {
    expect(request(new Client().startup({ user: 'ann' }))).toEqual({
      version: { major: 3, minor: 0 },
      user: 'ann',
      database: 'ann',
      settings: [],
      replication: 'none',
      unknownProtocolOptions: [],
    });
    expect(request(new Client().startup({ user: 'ann', database: 'shop' }))['database']).toBe('shop');
  });

  it('holds settings, those of its options first, and names have no case', () => {
    const parameters = {
      user: 'ann',
      DateStyle: 'ISO',
      options: '-c geqo=off --datestyle=German -c a.B=1',
      application_name: 'x',
    };
    expect(request(new Client().startup(parameters))['settings']).toEqual([
      'geqo=off',
      'a.b=1',
      'datestyle=ISO',
      'application_name=x',
    ]);
  });

  it.each([
    ['true', 'physical'],
    ['on', 'physical'],
    ['1', 'physical'],
    ['y', 'physical'],
    ['database', 'logical'],
    ['false', 'none'],
    ['of', 'none'],
    ['0', 'none'],
  ])('with replication=%s asks for %s replication', (value, expected) => {
    expect(request(new Client().startup({ user: 'ann', replication: value }))['replication']).toBe(expected);
  });

  it.each([
    [{}, '28000 no PostgreSQL user name specified in startup packet'],
    [{ user: '' }, '28000 no PostgreSQL user name specified in startup packet'],
    [{ user: 'ann', replication: 'o' }, '22023 invalid value for parameter "replication": "o"'],
    [{ user: 'ann', replication: '' }, '22023 invalid value for parameter "replication": ""'],
  ])('%j is refused', (parameters, expected) => {
    const client = new Client();
    expect(refusal(client.startup(parameters as Record<string, string>))).toBe(expected);
    expect(client.sent).toMatchObject([{ kind: 'errorResponse', report: { severity: 'FATAL' } }]);
    expect(client.startup({ user: 'ann' })).toEqual([]);
  });

  it('with options that can not be read is refused once it is known who asks', () => {
    const client = new Client();
    client.startup({ user: 'ann', options: 'x' });
    expect(refusal(client.step({ kind: 'methodChosen', method: { kind: 'trust' } }))).toBe(
      '42601 invalid command-line argument for server process: x',
    );
    expect(client.sent).toMatchObject([{ kind: 'authenticationOk' }, { kind: 'errorResponse' }]);
  });

  it('of another major version is refused', () => {
    const old = new Client();
    const effects = old.packet((writer) => encodeStartupMessage(writer, { major: 2, minor: 0 }, [['user', 'ann']]));
    expect(refusal(effects)).toBe('0A000 unsupported frontend protocol 2.0: server supports 3.0 to 3.2');
  });

  it('must end with a zero byte', () => {
    const buffer = Uint8Array.of(0, 0, 0, 9, 0, 3, 0, 0, 65);
    const effects = new Client().step({ kind: 'packetReceived', buffer, start: 0, end: 9 });
    expect(refusal(effects)).toContain('08P01 invalid startup packet layout');
  });

  it('is negotiated before it is refused for another reason', () => {
    const client = new Client();
    client.startup({ user: '', '_pq_.new': '1' });
    expect(client.sent.map((each) => (typeof each === 'object' ? each.kind : each))).toEqual([
      'negotiateProtocolVersion',
      'errorResponse',
    ]);
  });

  it.each([
    [0, 2, {}, undefined, 0],
    [1, 2, {}, undefined, 1],
    [2, 2, {}, undefined, 2],
    [2, 0, {}, { minor: 0, options: [] }, 0],
    [9999, 2, {}, { minor: 2, options: [] }, 2],
    [0, 2, { '_pq_.new': '1', '_pq_.er': '' }, { minor: 0, options: ['_pq_.new', '_pq_.er'] }, 0],
  ] as const)('of minor %i, where we speak up to %i, with %j, is negotiated to %j', (asked, max, more, told, minor) => {
    const client = new Client(false, max);
    const asksFor = request(client.startup({ user: 'ann', ...more }, asked));
    expect(asksFor['version']).toEqual({ major: 3, minor });
    expect(asksFor['settings']).toEqual([]);
    expect(client.sent).toEqual(
      told
        ? [{ kind: 'negotiateProtocolVersion', version: { major: 3, minor: told.minor }, unknownOptions: told.options }]
        : [],
    );
  });
});

const proof =
  (password: string): ((writer: MessageWriter) => void) =>
  (writer) =>
    encodePasswordMessage(writer, password);

/** Effects of the last step. */
function scram(client: Client, method: AuthenticationMethod, password: string, empty: boolean): ServerStartupEffect[] {
  client.begin(method);
  const first = scramClientFirst('nonce');
  client.message((writer) => encodeSaslInitialResponse(writer, 'SCRAM-SHA-256', empty ? null : first.data));
  if (empty) client.message((writer) => encodeSaslResponse(writer, first.data));
  const challenge = client.sent.at(-1);
  if (typeof challenge !== 'object' || challenge.kind !== 'authenticationSaslContinue') return [];
  const final = scramClientFinal(utf8Text(challenge.data), first, { kind: 'password', password });
  if (final.kind === 'refused') throw final.error;
  return client.message((writer) => encodeSaslResponse(writer, final.data));
}

describe('authentication', () => {
  it('by trust asks nothing', () => {
    const client = new Client();
    expect(client.begin({ kind: 'trust' })).toMatchObject([
      { kind: 'accept', session: { user: 'ann', method: 'trust', encrypted: false } },
    ]);
    expect(client.sent).toEqual([{ kind: 'authenticationOk' }]);
  });

  it('may be rejected at once', () => {
    const error = { sqlstate: '28000', report: { severity: 'FATAL', sqlstate: '28000', message: 'no entry' } };
    const client = new Client();
    expect(client.begin({ kind: 'reject', error: error as PgError })).toEqual([{ kind: 'refuse', error }]);
    expect(client.sent).toMatchObject([{ kind: 'errorResponse', report: { message: 'no entry' } }]);
  });

  it('by a password in clear checks either kind of stored secret', () => {
    for (const secret of [
      { kind: 'scram', verifier },
      { kind: 'md5', verifier: md5Verifier('ann', 'pw') },
      { kind: 'password', password: 'pw' },
    ] as const) {
      const right = new Client();
      right.begin({ kind: 'cleartext', secret });
      expect(right.message(proof('pw'))).toMatchObject([
        { kind: 'accept', session: { method: 'cleartext', password: 'pw' } },
      ]);
      expect(right.sent).toEqual([{ kind: 'authenticationCleartextPassword' }, { kind: 'authenticationOk' }]);
      const wrong = new Client();
      wrong.begin({ kind: 'cleartext', secret });
      expect(refusal(wrong.message(proof('pW')))).toBe('28P01 password authentication failed for user "ann"');
    }
  });

  it('by md5 checks the salted hash', () => {
    const stored = md5Verifier('ann', 'pw');
    const right = new Client();
    right.begin({ kind: 'md5', verifier: stored, salt: md5Salt });
    expect(right.message(proof(md5Response(stored, md5Salt)))).toMatchObject([{ kind: 'accept' }]);
    const wrong = new Client();
    wrong.begin({ kind: 'md5', verifier: stored, salt: md5Salt });
    expect(refusal(wrong.message(proof(stored)))).toContain('28P01');
  });

  it('by a password in clear refuses who is doomed even if it fits', () => {
    const client = new Client();
    client.begin({ kind: 'cleartext', secret: { kind: 'scram', verifier }, doomed: true });
    expect(refusal(client.message(proof('pw')))).toContain('28P01');
  });

  it('is judged again by what is stored now, where what was remembered does not fit', () => {
    const [old, fresh] = [md5Verifier('ann', 'old'), md5Verifier('ann', 'pw')];
    const methods = {
      md5: [
        { kind: 'md5', verifier: old, salt: md5Salt, remembered: true },
        { kind: 'md5', verifier: fresh, salt: Uint8Array.of(9, 9, 9, 9) },
      ],
      cleartext: [
        { kind: 'cleartext', secret: { kind: 'md5', verifier: old }, remembered: true },
        { kind: 'cleartext', secret: { kind: 'md5', verifier: fresh } },
      ],
    } as const;
    for (const kind of ['md5', 'cleartext'] as const) {
      const answer = (password: string): string =>
        kind === 'md5' ? md5Response(md5Verifier('ann', password), md5Salt) : password;
      const [remembered, now] = methods[kind];
      for (const [password, outcome] of [
        ['pw', 'accept'],
        ['no', 'refuse'],
      ] as const) {
        const client = new Client();
        client.begin(remembered);
        expect(client.message(proof(answer(password)))).toEqual([
          { kind: 'lookUpAgain', method: remembered, user: 'ann' },
        ]);
        expect(client.step({ kind: 'methodChosen', method: now })).toMatchObject([{ kind: outcome }]);
      }
      const other = new Client();
      other.begin(remembered);
      other.message(proof(answer('pw')));
      const bySasl = { kind: 'scram', verifier, nonce: 'srv' } as const;
      expect(refusal(other.step({ kind: 'methodChosen', method: bySasl }))).toContain('28P01');
    }
  });

  it('by SCRAM yields the keys of the client', () => {
    for (const empty of [false, true]) {
      const client = new Client();
      expect(scram(client, { kind: 'scram', verifier, nonce: 'srv' }, 'pw', empty)).toMatchObject([
        { kind: 'accept', session: { method: 'scram', scramKeys: scramKeysOfPassword('pw', salt, 10) } },
      ]);
      expect(client.sent.slice(-2)).toMatchObject([{ kind: 'authenticationSaslFinal' }, { kind: 'authenticationOk' }]);
    }
  });

  it('by SCRAM treats a wrong password and an unknown user alike', () => {
    const wrong = new Client();
    const unknown = new Client();
    const mock = mockScramVerifier('ann', utf8('secret'));
    const refusals = [
      refusal(scram(wrong, { kind: 'scram', verifier, nonce: 'srv' }, 'pW', false)),
      refusal(scram(unknown, { kind: 'scram', verifier: mock, nonce: 'srv', doomed: true }, 'pw', false)),
    ];
    const doomed = scram(new Client(), { kind: 'scram', verifier, nonce: 'srv', doomed: true }, 'pw', false);
    expect(refusal(doomed)).toBe(refusals[0]);
    expect(refusals).toEqual(Array(2).fill('28P01 password authentication failed for user "ann"'));
    const kinds = (client: Client): unknown[] =>
      client.sent.map((each) => (typeof each === 'object' ? each.kind : each));
    expect(kinds(wrong)).toEqual(kinds(unknown));
  });

  describe('by SCRAM inside TLS', () => {
    const serverEndPoint = utf8('the hash of our certificate');

    function bound(mechanism: string, binding: ClientBinding, edit = (final: string): string => final): Client {
      const client = new Client(true);
      client.step({ ...encrypted, serverEndPoint });
      client.begin({ kind: 'scram', verifier, nonce: 'srv' });
      const first = scramClientFirst('nonce', binding);
      client.message((writer) => encodeSaslInitialResponse(writer, mechanism, first.data));
      const challenge = client.sent.at(-1);
      if (typeof challenge !== 'object' || challenge.kind !== 'authenticationSaslContinue') return client;
      const final = scramClientFinal(utf8Text(challenge.data), first, { kind: 'password', password: 'pw' });
      if (final.kind === 'proof') client.message((writer) => encodeSaslResponse(writer, edit(final.data)));
      return client;
    }

    const told = (client: Client): unknown => {
      const last = client.sent.at(-1);
      if (typeof last !== 'object' || last.kind !== 'errorResponse') return typeof last === 'object' ? last.kind : last;
      return `${last.report.sqlstate} ${last.report.detail ?? last.report.message}`;
    };

    it('offers the mechanism that is bound to our certificate first', () => {
      const client = bound('SCRAM-SHA-256-PLUS', { kind: 'used', serverEndPoint });
      expect(client.sent[0]).toEqual({
        kind: 'authenticationSasl',
        mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
      });
      expect(told(client)).toBe('authenticationOk');
    });

    it('takes a client that knows no channel binding', () => {
      expect(told(bound('SCRAM-SHA-256', { kind: 'none' }))).toBe('authenticationOk');
    });

    it.each([
      [
        'thinks that we know none: its offer was taken away',
        ['SCRAM-SHA-256', { kind: 'unused' }],
        '28000 The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.',
      ],
      [
        'saw another certificate',
        ['SCRAM-SHA-256-PLUS', { kind: 'used', serverEndPoint: utf8('that of somebody in between') }],
        '28000 SCRAM channel binding check failed',
      ],
      [
        'chooses it and sends none',
        ['SCRAM-SHA-256-PLUS', { kind: 'none' }],
        '08P01 The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.',
      ],
      [
        'sends it and does not choose it',
        ['SCRAM-SHA-256', { kind: 'used', serverEndPoint }],
        '08P01 The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
      ],
    ] as const)('refuses a client that %s', (_, [mechanism, binding], expected) => {
      expect(told(bound(mechanism, binding))).toBe(expected);
    });

    it('refuses a binding of another type', () => {
      const client = new Client(true);
      client.step({ ...encrypted, serverEndPoint });
      client.begin({ kind: 'scram', verifier, nonce: 'srv' });
      client.message((w) => encodeSaslInitialResponse(w, 'SCRAM-SHA-256-PLUS', 'p=tls-unique,,n=,r=nonce'));
      expect(told(client)).toBe('08P01 unsupported SCRAM channel-binding type "tls-unique"');
    });

    it('does not offer it where our certificate can not be bound to', () => {
      const client = new Client(true);
      client.step(encrypted);
      client.begin({ kind: 'scram', verifier, nonce: 'srv' });
      expect(client.sent.at(-1)).toEqual({ kind: 'authenticationSasl', mechanisms: ['SCRAM-SHA-256'] });
      client.message((w) => encodeSaslInitialResponse(w, 'SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,n=,r=n'));
      expect(told(client)).toBe('08P01 client selected an invalid SASL authentication mechanism');
    });
  });

  it('refuses what is no answer', () => {
    const cases: readonly (readonly [AuthenticationMethod, (writer: MessageWriter) => void, string])[] = [
      [
        { kind: 'md5', verifier: 'md5', salt: md5Salt },
        (w) => encodeQuery(w, 'x'),
        '08P01 expected password response, got message type 81',
      ],
      [
        { kind: 'scram', verifier, nonce: 's' },
        (w) => encodeQuery(w, 'x'),
        '08P01 expected SASL response, got message type 81',
      ],
      [{ kind: 'scram', verifier, nonce: 's' }, proof('x'), '08P01 invalid password packet size'],
      [
        { kind: 'scram', verifier, nonce: 's' },
        (w) => encodeSaslInitialResponse(w, 'PLAIN', ''),
        '08P01 client selected an invalid SASL authentication mechanism',
      ],
      [
        { kind: 'scram', verifier, nonce: 's' },
        (w) => encodeSaslResponse(w, new Uint8Array(1025)),
        '08P01 invalid message length',
      ],
      [{ kind: 'md5', verifier: 'md5', salt: md5Salt }, proof(''), '28P01 empty password returned by client'],
      [
        { kind: 'md5', verifier: 'md5', salt: md5Salt },
        (w) => encodeSaslResponse(w, 'x'),
        '08P01 invalid password packet size',
      ],
    ];
    for (const [method, answer, expected] of cases) {
      const client = new Client();
      client.begin(method);
      expect(refusal(client.message(answer))).toBe(expected);
    }
  });
});
