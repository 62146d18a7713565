import { sameSecret, unreachable, utf8, utf8Text } from '@multigres/core';
import { md5Proves, md5Verifier } from '../auth/md5.ts';
import {
  scramKeysOfPassword,
  scramMechanism,
  scramPlusMechanism,
  scramStoredKey,
  type ScramKeys,
} from '../auth/scram-keys.ts';
import { scramServerFinal, scramServerFirst } from '../auth/scram-server.ts';
import {
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationMd5Password,
  encodeAuthenticationOk,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
} from '../backend/authentication.ts';
import {
  emptyPassword,
  expectedAuthenticationResponse,
  invalidMessageLength,
  invalidPasswordPacket,
  invalidSaslMechanism,
  passwordAuthenticationFailed,
} from '../errors.ts';
import { decodePasswordMessage } from '../frontend/password-message.ts';
import { decodeSaslInitialResponse } from '../frontend/sasl-initial-response.ts';
import { frontendTag } from '../tags.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { refuse } from './server-refusal.ts';
import type {
  AcceptedSession,
  AuthenticationMethod,
  ServerStartupState,
  ServerStep,
  StoredSecret,
} from './server-startup.machine.ts';

type AwaitingMethod = Extract<ServerStartupState, { readonly kind: 'awaitingMethod' }>;
type AwaitingSecret = Extract<ServerStartupState, { readonly kind: 'awaitingSecret' }>;
type PasswordMethod = AwaitingSecret['method'];
type AwaitingProof = Extract<ServerStartupState, { readonly kind: 'awaitingProof' }>;

/** PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH and PG_MAX_SASL_MESSAGE_LENGTH. */
const passwordBytesMax = 65_535;
const saslBytesMax = 1024;

/** The method is known: accept, refuse, or send the request for a proof. */
export function askForProof(state: AwaitingMethod, method: AuthenticationMethod): ServerStep {
  const writer = new MessageWriter(256);
  switch (method.kind) {
    case 'trust':
      return accept(state, 'trust', writer);
    case 'reject':
      return refuse(method.error);
    case 'cleartext':
      encodeAuthenticationCleartextPassword(writer);
      break;
    case 'md5':
      encodeAuthenticationMd5Password(writer, method.salt);
      break;
    case 'scram':
      // The safer one first: clients take the first that they know.
      encodeAuthenticationSasl(
        writer,
        state.serverEndPoint === undefined ? [scramMechanism] : [scramPlusMechanism, scramMechanism],
      );
      break;
    default:
      return unreachable(method);
  }
  const { encrypted, serverEndPoint, request } = state;
  return [
    { kind: 'awaitingProof', encrypted, serverEndPoint, request, method },
    [{ kind: 'send', bytes: writer.take() }],
  ];
}

/** The client's next message while it proves itself. */
export function judgeProof(state: AwaitingProof, buffer: Uint8Array, start: number, end: number): ServerStep {
  const sasl = state.method.kind === 'scram';
  const tag = buffer[start] as number;
  if (tag !== frontendTag.authenticationResponse) {
    return refuse(expectedAuthenticationResponse(sasl ? 'SASL' : 'password', tag));
  }
  if (end - start - 5 > (sasl ? saslBytesMax : passwordBytesMax)) return refuse(invalidMessageLength());
  return state.method.kind === 'scram'
    ? judgeSasl(state, state.method, buffer, start, end)
    : judgePassword(state, state.method, buffer, start, end);
}

function judgePassword(
  state: AwaitingProof,
  method: PasswordMethod,
  buffer: Uint8Array,
  start: number,
  end: number,
): ServerStep {
  const response = decodePasswordMessage(buffer, start, end)?.password;
  if (response === undefined) return refuse(invalidPasswordPacket());
  if (response === '') return refuse(emptyPassword());
  const accepted = judgeResponse(state, method, response);
  if (accepted !== undefined) return accepted;
  const { encrypted, serverEndPoint, request } = state;
  if (method.remembered !== true) return refuse(passwordAuthenticationFailed(request.user));
  return [
    { kind: 'awaitingSecret', encrypted, serverEndPoint, request, method, response },
    [{ kind: 'lookUpAgain', method, user: request.user }],
  ];
}

/** The secret was looked up afresh: the answer fits it, or is refused. */
export function judgeAgain(state: AwaitingSecret, method: AuthenticationMethod): ServerStep {
  if (method.kind === 'reject') return refuse(method.error);
  const refused = refuse(passwordAuthenticationFailed(state.request.user));
  // The salt that the client has answered to counts.
  if (method.kind === 'md5' && state.method.kind === 'md5')
    return judgeResponse(state, { ...method, salt: state.method.salt }, state.response) ?? refused;
  if (method.kind === 'cleartext' && state.method.kind === 'cleartext')
    return judgeResponse(state, method, state.response) ?? refused;
  return refused;
}

/** Accepts an answer that fits; undefined if it does not. */
function judgeResponse(
  state: AwaitingProof | AwaitingSecret,
  method: PasswordMethod,
  response: string,
): ServerStep | undefined {
  if (method.kind === 'md5') {
    if (!md5Proves(method.verifier, method.salt, response)) return undefined;
    return accept(state, 'md5', new MessageWriter(256), { md5Verifier: method.verifier });
  }
  const judged = judgeCleartext(method.secret, state.request.user, response);
  if (!judged.fits || method.doomed === true) return undefined;
  const gift = { password: response, ...(judged.keys && { scramKeys: judged.keys }) };
  return accept(state, 'cleartext', new MessageWriter(256), gift);
}

function judgeCleartext(
  secret: StoredSecret,
  user: string,
  password: string,
): { readonly fits: boolean; readonly keys?: ScramKeys } {
  if (secret.kind === 'md5') return { fits: sameSecret(utf8(md5Verifier(user, password)), utf8(secret.verifier)) };
  if (secret.kind === 'password') return { fits: sameSecret(utf8(password), utf8(secret.password)) };
  const { verifier } = secret;
  const keys = scramKeysOfPassword(password, verifier.salt, verifier.iterations);
  return { fits: sameSecret(scramStoredKey(keys.clientKey), verifier.storedKey), keys };
}

function judgeSasl(
  state: AwaitingProof,
  method: Extract<AuthenticationMethod, { readonly kind: 'scram' }>,
  buffer: Uint8Array,
  start: number,
  end: number,
): ServerStep {
  if (state.mechanism === undefined) {
    const initial = decodeSaslInitialResponse(buffer, start, end);
    if (!initial) return refuse(invalidPasswordPacket());
    const { mechanism, response } = initial;
    if (mechanism !== scramMechanism && (mechanism !== scramPlusMechanism || state.serverEndPoint === undefined))
      return refuse(invalidSaslMechanism());
    const chosen: AwaitingProof = { ...state, mechanism };
    // A client may choose first and begin with its next message; an empty challenge asks for it (RFC 4422, section 3).
    if (response === null) return challenge(chosen, '');
    return judgeClientFirst(chosen, method, utf8Text(response));
  }
  const data = utf8Text(buffer.subarray(start + 5, end));
  if (state.exchange === undefined) return judgeClientFirst(state, method, data);
  const final = scramServerFinal(data, state.exchange, state.request.user, method.doomed);
  if (final.kind === 'refused') return refuse(final.error);
  const writer = new MessageWriter(256);
  encodeAuthenticationSaslFinal(writer, final.data);
  return accept(state, 'scram', writer, { scramKeys: final.keys });
}

function judgeClientFirst(
  state: AwaitingProof,
  method: Extract<AuthenticationMethod, { readonly kind: 'scram' }>,
  clientFirst: string,
): ServerStep {
  const { serverEndPoint, mechanism } = state;
  const binding = serverEndPoint && { serverEndPoint, chosen: mechanism === scramPlusMechanism };
  const first = scramServerFirst(clientFirst, method.verifier, method.nonce, binding);
  if (first.kind === 'refused') return refuse(first.error);
  return challenge({ ...state, exchange: first.exchange }, first.data);
}

function challenge(state: AwaitingProof, data: string): ServerStep {
  const writer = new MessageWriter(256);
  encodeAuthenticationSaslContinue(writer, data);
  return [state, [{ kind: 'send', bytes: writer.take() }]];
}

/** Adds AuthenticationOk to what `writer` holds, sends it, and says who was accepted. */
function accept(
  state: AwaitingMethod | AwaitingProof | AwaitingSecret,
  method: AcceptedSession['method'],
  writer: MessageWriter,
  gift?: Pick<AcceptedSession, 'scramKeys' | 'password' | 'md5Verifier'>,
): ServerStep {
  encodeAuthenticationOk(writer);
  if (state.request.optionsError !== undefined) return refuse(state.request.optionsError, writer);
  const session = { ...state.request, encrypted: state.encrypted, method, ...gift };
  return [
    { kind: 'ended' },
    [
      { kind: 'send', bytes: writer.take() },
      { kind: 'accept', session },
    ],
  ];
}
