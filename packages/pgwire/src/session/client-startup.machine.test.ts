import { utf8, utf8Text } from '@multigres/core';
import { describe, expect, it } from 'vitest';
import { md5Response, md5Verifier } from '../auth/md5.ts';
import { scramKeysOfPassword, scramVerifierOfPassword } from '../auth/scram-keys.ts';
import {
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationGss,
  encodeAuthenticationMd5Password,
  encodeAuthenticationOk,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
} from '../backend/authentication.ts';
import { encodeBackendKeyData } from '../backend/backend-key-data.ts';
import { encodeErrorResponse } from '../backend/error-response.ts';
import { encodeNegotiateProtocolVersion } from '../backend/negotiate-protocol-version.ts';
import { encodeNoticeResponse } from '../backend/notice-response.ts';
import { encodeParameterStatus } from '../backend/parameter-status.ts';
import { encodeReadyForQuery } from '../backend/ready-for-query.ts';
import { encodeDataRow } from '../backend/data-row.ts';
import { decodePasswordMessage } from '../frontend/password-message.ts';
import { decodeStartupPacket } from '../frontend/startup-packet.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import {
  clientStartupMachine,
  type ClientStartupEffect,
  type ClientStartupOptions,
  type ClientStartupState,
} from './client-startup.machine.ts';
import { serverStartupMachine, type AuthenticationMethod } from './server-startup.machine.ts';
import { Deframer } from '../frame/deframer.ts';
import { CollectingSink } from '../testing/collecting-sink.ts';

type Write = (writer: MessageWriter) => void;

const connected = { kind: 'connected', encrypted: false, serverEndPoint: undefined } as const;
const salt = utf8('0123456789abcdef');
const password = { kind: 'password', password: 'pw' } as const;
const scramKeys = { kind: 'scramKeys', keys: scramKeysOfPassword('pw', salt, 10) } as const;

function machine(options: Partial<ClientStartupOptions>): ReturnType<typeof clientStartupMachine> {
  return clientStartupMachine({
    user: 'ann',
    database: 'shop',
    parameters: [['application_name', 'x']],
    credential: { kind: 'none' },
    nonce: 'cli',
    minor: 0,
    ...options,
  });
}

/** Connects and hears what the server says; answers the effects after the startup message. */
function hear(options: Partial<ClientStartupOptions>, ...messages: readonly Write[]): ClientStartupEffect[] {
  const client = machine(options);
  let [state] = client.step(client.initial, connected);
  const all: ClientStartupEffect[] = [];
  for (const write of messages) {
    const writer = new MessageWriter(256);
    write(writer);
    const buffer = writer.take();
    const [next, effects] = client.step(state, { kind: 'messageReceived', buffer, start: 0, end: buffer.length });
    buffer.fill(0);
    state = next;
    all.push(...effects);
  }
  return all;
}

function refusal(effects: readonly ClientStartupEffect[]): string {
  const effect = effects.at(-1);
  return effect?.kind === 'refuse'
    ? `${effect.error.sqlstate} ${effect.error.report.detail ?? effect.error.message}`
    : 'none';
}

const ok: Write = encodeAuthenticationOk;
const sasl: Write = (writer) => encodeAuthenticationSasl(writer, ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']);
const ready: Write = (writer) => encodeReadyForQuery(writer, 'I');

describe('a client', () => {
  it('says who it is and collects what the server tells until it is ready', () => {
    const client = machine({ minor: 2 });
    const [, [sent]] = client.step(client.initial, connected);
    const bytes = sent?.kind === 'send' ? sent.bytes : new Uint8Array(0);
    expect(decodeStartupPacket(bytes, 0, bytes.length)).toEqual({
      kind: 'startup',
      version: { major: 3, minor: 2 },
      parameters: new Map([
        ['user', 'ann'],
        ['database', 'shop'],
        ['application_name', 'x'],
      ]),
    });
    const effects = hear(
      { minor: 2 },
      (writer) => encodeNegotiateProtocolVersion(writer, { major: 3, minor: 0 }, []),
      ok,
      (writer) => encodeParameterStatus(writer, 'TimeZone', 'UTC'),
      (writer) => encodeNoticeResponse(writer, { severity: 'WARNING', sqlstate: '01000', message: 'mind the gap' }),
      (writer) => encodeParameterStatus(writer, 'TimeZone', 'GMT'),
      (writer) => encodeBackendKeyData(writer, 42, Uint8Array.of(1, 2, 3, 4)),
      ready,
    );
    expect(effects).toEqual([
      { kind: 'notice', notice: { severity: 'WARNING', sqlstate: '01000', message: 'mind the gap' } },
      {
        kind: 'ready',
        session: {
          version: { major: 3, minor: 0 },
          encrypted: false,
          parameters: new Map([['TimeZone', 'GMT']]),
          processId: 42,
          secretKey: Uint8Array.of(1, 2, 3, 4),
          status: 'I',
          scramKeys: undefined,
        },
      },
    ]);
  });

  it.each([
    [undefined, ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'], 'SCRAM-SHA-256', 'n,,'],
    [utf8('hash'), ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'], 'SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,'],
    [utf8('hash'), ['SCRAM-SHA-256'], 'SCRAM-SHA-256', 'y,,'],
  ])('binds SCRAM to the certificate where both can: %s, %j', (serverEndPoint, offered, mechanism, header) => {
    const client = machine({ credential: password });
    const [state] = client.step(client.initial, { kind: 'connected', encrypted: true, serverEndPoint });
    const writer = new MessageWriter(256);
    encodeAuthenticationSasl(writer, offered);
    const buffer = writer.take();
    const [, [sent]] = client.step(state, { kind: 'messageReceived', buffer, start: 0, end: buffer.length });
    const text = sent?.kind === 'send' ? utf8Text(sent.bytes) : '';
    expect([text.includes(`${mechanism}\0`), text.includes(`${header}n=,r=`)]).toEqual([true, true]);
  });

  it('sends a password as it is asked to', () => {
    const md5Salt = Uint8Array.of(9, 8, 7, 6);
    for (const [ask, expected] of [
      [encodeAuthenticationCleartextPassword, 'pw'],
      [
        (writer: MessageWriter) => encodeAuthenticationMd5Password(writer, md5Salt),
        md5Response(md5Verifier('ann', 'pw'), md5Salt),
      ],
    ] as const) {
      const [sent] = hear({ credential: password }, ask);
      const bytes = sent?.kind === 'send' ? sent.bytes : new Uint8Array(0);
      expect(decodePasswordMessage(bytes, 0, bytes.length)?.password).toBe(expected);
    }
  });

  it('says what is missing when an md5 verifier is not enough', () => {
    const credential = { kind: 'md5', verifier: md5Verifier('ann', 'pw') } as const;
    for (const ask of [
      encodeAuthenticationCleartextPassword,
      (writer: MessageWriter) => encodeAuthenticationSasl(writer, ['SCRAM-SHA-256']),
    ])
      expect(refusal(hear({ credential }, ask))).toContain('only its md5 verifier is known');
  });

  it.each<readonly [string, Partial<ClientStartupOptions>, readonly Write[], string]>([
    [
      'no password',
      {},
      [encodeAuthenticationCleartextPassword],
      '28P01 server asks for a password, and none is known for user "ann"',
    ],
    ['no password for SCRAM', {}, [sasl], '28P01 server asks for a password, and none is known for user "ann"'],
    [
      'only keys',
      { credential: scramKeys },
      [encodeAuthenticationCleartextPassword],
      '28P01 server asks for the password of user "ann" itself, and only SCRAM keys are known',
    ],
    [
      'no SCRAM mechanism that we know',
      { credential: password },
      [(w) => encodeAuthenticationSasl(w, ['NEW'])],
      '0A000 authentication method "NEW" is not supported',
    ],
    [
      'GSSAPI',
      { credential: password },
      [encodeAuthenticationGss],
      '0A000 authentication method "Gss" is not supported',
    ],
    [
      'a server that stops asking in the middle',
      { credential: password },
      [sasl, ok],
      '08P01 The server accepted without proving that it knows the password.',
    ],
    [
      'a server that accepts our proof and gives none',
      { credential: password },
      [sasl, (w) => encodeAuthenticationSaslContinue(w, 'r=clix,s=AAAA,i=1'), ok],
      '08P01 The server accepted without proving that it knows the password.',
    ],
    [
      'a server that falls back to the clear password',
      { credential: password },
      [sasl, encodeAuthenticationCleartextPassword],
      '08P01 A message of kind authenticationCleartextPassword is out of place.',
    ],
    [
      'a challenge with another nonce',
      { credential: password },
      [sasl, (w) => encodeAuthenticationSaslContinue(w, 'r=x,s=AAAA,i=1')],
      '08P01 The SCRAM nonce is not based on ours.',
    ],
    [
      'a server without the right proof',
      { credential: password },
      [
        sasl,
        (w) => encodeAuthenticationSaslContinue(w, 'r=clix,s=AAAA,i=1'),
        (w) => encodeAuthenticationSaslFinal(w, 'v=AAAA'),
      ],
      '28P01 The server did not prove that it knows the password of the user.',
    ],
    [
      'a challenge that nobody asked for',
      { credential: password },
      [(w) => encodeAuthenticationSaslContinue(w, 'r=clix,s=AAAA,i=1')],
      '08P01 A message of kind authenticationSaslContinue is out of place.',
    ],
    [
      'rows before it is ready',
      {},
      [ok, (w) => encodeDataRow(w, [])],
      '08P01 A message of kind dataRow is out of place.',
    ],
    ['readiness before it accepted', {}, [ready], '08P01 A message of kind readyForQuery is out of place.'],
    ['a malformed message', {}, [(w) => w.bytes(Uint8Array.of(0x52, 0, 0, 0, 4))], '08P01 The message is malformed.'],
    [
      'a newer protocol',
      {},
      [(w) => encodeNegotiateProtocolVersion(w, { major: 3, minor: 2 }, [])],
      '08P01 The negotiated version is newer than ours.',
    ],
  ])('refuses %s', (_name, options, messages, expected) => {
    expect(refusal(hear(options, ...messages))).toBe(expected);
  });

  it('passes on the error of the server, whole, and as not applied', () => {
    const report = { severity: 'FATAL', sqlstate: '3D000', message: 'no such database', detail: 'None.' } as const;
    const [effect] = hear({}, (writer) => encodeErrorResponse(writer, report));
    expect(effect?.kind === 'refuse' && [effect.error.report, effect.error.fate]).toEqual([report, 'notApplied']);
  });
});

/** Runs both machines against one another; answers how it ended on the server's side and what the client holds. */
function meet(
  options: Partial<ClientStartupOptions>,
  method: AuthenticationMethod,
): readonly [string, ClientStartupState] {
  const client = machine(options);
  const server = serverStartupMachine({ tls: false, minorMax: 2 });
  let serverState = server.initial;
  let outcome = 'open';
  let [clientState, toSend] = client.step(client.initial, connected);
  let untagged = true;
  while (toSend.length > 0) {
    const buffer = toSend[0]?.kind === 'send' ? toSend[0].bytes : new Uint8Array(0);
    if (buffer.length === 0) break;
    const at = { buffer, start: 0, end: buffer.length };
    let [next, effects] = server.step(serverState, { kind: untagged ? 'packetReceived' : 'messageReceived', ...at });
    untagged = false;
    if (effects.at(-1)?.kind === 'chooseMethod') [next, effects] = server.step(next, { kind: 'methodChosen', method });
    serverState = next;
    toSend = [];
    for (const effect of effects) {
      if (effect.kind === 'accept') outcome = `accepted ${effect.session.user} by ${effect.session.method}`;
      if (effect.kind === 'refuse') outcome = effect.error.sqlstate;
      if (effect.kind !== 'send') continue;
      const sink = new CollectingSink();
      new Deframer(sink, { wholeBytesMax: 1e4, messageBytesMax: 1e4 }).feed(effect.bytes);
      for (const message of sink.messages) {
        const heard = {
          kind: 'messageReceived',
          buffer: message.bytes,
          start: 0,
          end: message.bytes.length,
        } as const;
        const [after, more] = client.step(clientState, heard);
        clientState = after;
        toSend = more;
      }
    }
  }
  return [outcome, clientState];
}

describe('our client against our server', () => {
  const verifier = scramVerifierOfPassword('pw', salt, 10);
  const md5 = md5Verifier('ann', 'pw');

  it.each<readonly [string, ClientStartupOptions['credential'], AuthenticationMethod, string, string]>([
    ['trust', { kind: 'none' }, { kind: 'trust' }, 'accepted ann by trust', 'settling'],
    ['SCRAM', password, { kind: 'scram', verifier, nonce: 'srv' }, 'accepted ann by scram', 'settling'],
    ['SCRAM with keys', scramKeys, { kind: 'scram', verifier, nonce: 'srv' }, 'accepted ann by scram', 'settling'],
    ['md5', password, { kind: 'md5', verifier: md5, salt: salt.slice(0, 4) }, 'accepted ann by md5', 'settling'],
    [
      'md5 with the verifier alone',
      { kind: 'md5', verifier: md5 },
      { kind: 'md5', verifier: md5, salt: salt.slice(0, 4) },
      'accepted ann by md5',
      'settling',
    ],
    [
      'a clear password',
      password,
      { kind: 'cleartext', secret: { kind: 'scram', verifier } },
      'accepted ann by cleartext',
      'settling',
    ],
    [
      'a wrong password',
      { kind: 'password', password: 'no' },
      { kind: 'scram', verifier, nonce: 'srv' },
      '28P01',
      'ended',
    ],
    [
      'a wrong password, md5',
      { kind: 'password', password: 'no' },
      { kind: 'md5', verifier: md5, salt: salt.slice(0, 4) },
      '28P01',
      'ended',
    ],
  ])('%s', (_name, credential, method, outcome, state) => {
    const [ended, clientState] = meet({ credential }, method);
    expect([ended, clientState.kind]).toEqual([outcome, state]);
    if (method.kind === 'scram' && clientState.kind === 'settling') {
      expect(clientState.session.scramKeys).toEqual(scramKeys.keys);
    }
  });

  it('never crashes on random messages of a server', () => {
    const client = machine({ credential: password });
    const [state] = client.step(client.initial, connected);
    for (let tag = 0; tag < 256; tag++) {
      const buffer = Uint8Array.of(tag, 0, 0, 0, 8, 0, 0, 0, tag % 16);
      const [next] = client.step(state, { kind: 'messageReceived', buffer, start: 0, end: buffer.length });
      expect(utf8Text(utf8(next.kind))).toBe(next.kind);
    }
  });
});
