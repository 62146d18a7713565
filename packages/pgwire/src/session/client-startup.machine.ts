import { assert, unreachable, utf8Text, type Machine, type PgError, type Step } from '@multigres/core';
import { md5Response, md5Verifier } from '../auth/md5.ts';
import {
  scramClientFinal,
  scramClientFirst,
  scramClientVerify,
  type ClientBinding,
  type ScramClientFirst,
  type ScramSecret,
} from '../auth/scram-client.ts';
import { scramMechanism, scramPlusMechanism, type ScramKeys } from '../auth/scram-keys.ts';
import type { Authentication } from '../backend/authentication.ts';
import { decodeBackendMessage, type BackendMessage } from '../backend/backend-message.ts';
import type { PgNotice } from '../backend/notice-response.ts';
import type { TransactionStatus } from '../backend/ready-for-query.ts';
import {
  noPasswordFor,
  onlyMd5VerifierFor,
  onlyScramKeysFor,
  refusedByServer,
  unexpectedFromServer,
  unsupportedAuthentication,
} from '../errors.ts';
import { encodePasswordMessage } from '../frontend/password-message.ts';
import { encodeSaslInitialResponse } from '../frontend/sasl-initial-response.ts';
import { encodeSaslResponse } from '../frontend/sasl-response.ts';
import { encodeStartupMessage, type ProtocolVersion } from '../frontend/startup-message.ts';
import { MessageWriter } from '../wire/message-writer.ts';

/** What we can prove ourselves with. `none` is enough where the server trusts us; `md5` is a verifier, good where it asks for md5. */
export type ClientCredential =
  | { readonly kind: 'none' }
  | { readonly kind: 'md5'; readonly verifier: string }
  | ScramSecret;

export interface ClientStartupOptions {
  readonly user: string;
  readonly database: string;
  /** Settings and other parameters of the StartupMessage (`application_name`, `options`, `replication`), in this order. */
  readonly parameters: Iterable<readonly [name: string, value: string]>;
  readonly credential: ClientCredential;
  /** Base64 of 18 random bytes; used for SCRAM only. */
  readonly nonce: string;
  /** The minor version of protocol 3 to ask for. PostgreSQL before 18 negotiates 2 down to 0. */
  readonly minor: 0 | 2;
}

/** A backend that is ready for its first query. */
export interface BackendSession {
  readonly version: ProtocolVersion;
  readonly encrypted: boolean;
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 and no key if the server sent none. */
  readonly processId: number;
  readonly secretKey: Uint8Array | undefined;
  readonly status: TransactionStatus;
  /** What proved us, if it was SCRAM: keep them and the next login is cheap. */
  readonly scramKeys: ScramKeys | undefined;
}

type ScramProgress =
  | { readonly kind: 'unused' }
  | { readonly kind: 'begun'; readonly first: ScramClientFirst }
  | { readonly kind: 'proofSent'; readonly keys: ScramKeys; readonly serverSignature: Uint8Array }
  | { readonly kind: 'verified'; readonly keys: ScramKeys };

export type ClientStartupState =
  | { readonly kind: 'created' }
  | {
      readonly kind: 'authenticating';
      readonly encrypted: boolean;
      readonly serverEndPoint: Uint8Array | undefined;
      readonly version: ProtocolVersion;
      readonly scram: ScramProgress;
    }
  /** AuthenticationOk is here: parameters and keys follow until ReadyForQuery. */
  | {
      readonly kind: 'settling';
      readonly session: BackendSession;
    }
  | { readonly kind: 'ended' };

export type ClientStartupEvent =
  /**
   * The connection stands, and is encrypted if it is to be (ssl-answer.ts). With `tlsServerEndPoint` of the server's certificate SCRAM is bound to it
   * where the server can.
   */
  | { readonly kind: 'connected'; readonly encrypted: boolean; readonly serverEndPoint: Uint8Array | undefined }
  | { readonly kind: 'messageReceived'; readonly buffer: Uint8Array; readonly start: number; readonly end: number };

export type ClientStartupEffect =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'notice'; readonly notice: PgNotice }
  | { readonly kind: 'ready'; readonly session: BackendSession }
  /** Close the connection. The error is the server's own where it sent one, else ours. */
  | { readonly kind: 'refuse'; readonly error: PgError };

type ClientStep = Step<ClientStartupState, ClientStartupEffect>;

/**
 * What a client does until it is logged in (documentation, "Message Flow", "Start-up"). A server that claims to know us by SCRAM must
 * prove it before its AuthenticationOk counts. Pure; the driver adds the deadline.
 */
export function clientStartupMachine(
  options: ClientStartupOptions,
): Machine<ClientStartupState, ClientStartupEvent, ClientStartupEffect> {
  return { initial: { kind: 'created' }, step: (state, event) => step(options, state, event) };
}

function step(options: ClientStartupOptions, state: ClientStartupState, event: ClientStartupEvent): ClientStep {
  if (state.kind === 'ended') return [state, []];
  switch (event.kind) {
    case 'connected':
      assert(state.kind === 'created', 'a connection stands once');
      return sendStartup(options, event.encrypted, event.serverEndPoint);
    case 'messageReceived': {
      const message = decodeBackendMessage(event.buffer, event.start, event.end);
      return message ? onMessage(options, state, message) : refuse(unexpectedFromServer('The message is malformed.'));
    }
    default:
      return unreachable(event);
  }
}

function sendStartup(
  options: ClientStartupOptions,
  encrypted: boolean,
  serverEndPoint: Uint8Array | undefined,
): ClientStep {
  const version = { major: 3, minor: options.minor };
  const parameters = [['user', options.user] as const, ['database', options.database] as const, ...options.parameters];
  return [
    { kind: 'authenticating', encrypted, serverEndPoint, version, scram: { kind: 'unused' } },
    [send((writer) => encodeStartupMessage(writer, version, parameters))],
  ];
}

function onMessage(options: ClientStartupOptions, state: ClientStartupState, message: BackendMessage): ClientStep {
  if (message.kind === 'errorResponse') return refuse(refusedByServer(message.report));
  if (message.kind === 'noticeResponse') return [state, [{ kind: 'notice', notice: message.notice }]];
  if (state.kind === 'settling') return whileSettling(state, message);
  if (state.kind !== 'authenticating') return unexpected(message);
  switch (message.kind) {
    case 'negotiateProtocolVersion': {
      const { major, minor } = message.version;
      if (major !== 3 || minor > options.minor)
        return refuse(unexpectedFromServer('The negotiated version is newer than ours.'));
      return [{ ...state, version: message.version }, []];
    }
    case 'authenticationOk':
    case 'authenticationKerberosV5':
    case 'authenticationCleartextPassword':
    case 'authenticationMd5Password':
    case 'authenticationGss':
    case 'authenticationGssContinue':
    case 'authenticationSspi':
    case 'authenticationSasl':
    case 'authenticationSaslContinue':
    case 'authenticationSaslFinal':
      return onAuthentication(options, state, message);
    default:
      return unexpected(message);
  }
}

type Authenticating = Extract<ClientStartupState, { readonly kind: 'authenticating' }>;

function onAuthentication(options: ClientStartupOptions, state: Authenticating, message: Authentication): ClientStep {
  const { credential, user } = options;
  switch (message.kind) {
    case 'authenticationOk':
      return onAuthenticationOk(state);
    case 'authenticationCleartextPassword':
    case 'authenticationMd5Password':
      // Once SCRAM has begun, a server that asks for less is no longer the one we began with.
      if (state.scram.kind !== 'unused') return unexpected(message);
      return answerPassword(state, message, user, credential);
    case 'authenticationSasl':
      return onSasl(options, state, message.mechanisms);
    case 'authenticationSaslContinue': {
      if (state.scram.kind !== 'begun' || credential.kind === 'none' || credential.kind === 'md5')
        return unexpected(message);
      const final = scramClientFinal(utf8Text(message.data), state.scram.first, credential);
      if (final.kind === 'refused') return refuse(final.error);
      const { keys, serverSignature } = final;
      const next: Authenticating = { ...state, scram: { kind: 'proofSent', keys, serverSignature } };
      return [next, [send((writer) => encodeSaslResponse(writer, final.data))]];
    }
    case 'authenticationSaslFinal': {
      if (state.scram.kind !== 'proofSent') return unexpected(message);
      const error = scramClientVerify(utf8Text(message.data), state.scram.serverSignature);
      return error ? refuse(error) : [{ ...state, scram: { kind: 'verified', keys: state.scram.keys } }, []];
    }
    default:
      return refuse(unsupportedAuthentication(message.kind.slice('authentication'.length)));
  }
}

function answerPassword(
  state: Authenticating,
  message: Extract<Authentication, { readonly kind: 'authenticationCleartextPassword' | 'authenticationMd5Password' }>,
  user: string,
  credential: ClientCredential,
): ClientStep {
  if (credential.kind === 'none') return refuse(noPasswordFor(user));
  if (credential.kind === 'scramKeys') return refuse(onlyScramKeysFor(user));
  const answer = (password: string): ClientStep => [state, [send((writer) => encodePasswordMessage(writer, password))]];
  if (message.kind === 'authenticationMd5Password') {
    const verifier = credential.kind === 'md5' ? credential.verifier : md5Verifier(user, credential.password);
    return answer(md5Response(verifier, message.salt));
  }
  return credential.kind === 'md5' ? refuse(onlyMd5VerifierFor(user)) : answer(credential.password);
}

function onSasl(options: ClientStartupOptions, state: Authenticating, mechanisms: readonly string[]): ClientStep {
  if (state.scram.kind !== 'unused') return refuse(unexpectedFromServer('SASL was begun twice.'));
  const binding = bindingFor(state, mechanisms);
  const mechanism = binding.kind === 'used' ? scramPlusMechanism : scramMechanism;
  if (!mechanisms.includes(mechanism)) return refuse(unsupportedAuthentication(mechanisms.join(', ')));
  if (options.credential.kind === 'none') return refuse(noPasswordFor(options.user));
  if (options.credential.kind === 'md5') return refuse(onlyMd5VerifierFor(options.user));
  const first = scramClientFirst(options.nonce, binding);
  return [
    { ...state, scram: { kind: 'begun', first } },
    [send((writer) => encodeSaslInitialResponse(writer, mechanism, first.data))],
  ];
}

function bindingFor({ serverEndPoint }: Authenticating, mechanisms: readonly string[]): ClientBinding {
  if (serverEndPoint === undefined) return { kind: 'none' };
  return mechanisms.includes(scramPlusMechanism) ? { kind: 'used', serverEndPoint } : { kind: 'unused' };
}

function onAuthenticationOk(state: Authenticating): ClientStep {
  const { encrypted, scram, version } = state;
  if (scram.kind === 'begun' || scram.kind === 'proofSent') {
    return refuse(unexpectedFromServer('The server accepted without proving that it knows the password.'));
  }
  const session: BackendSession = {
    version,
    encrypted,
    parameters: new Map(),
    processId: 0,
    secretKey: undefined,
    status: 'I',
    scramKeys: scram.kind === 'verified' ? scram.keys : undefined,
  };
  return [{ kind: 'settling', session }, []];
}

function whileSettling(
  state: Extract<ClientStartupState, { readonly kind: 'settling' }>,
  message: BackendMessage,
): ClientStep {
  const { session } = state;
  switch (message.kind) {
    case 'parameterStatus': {
      const parameters = new Map(session.parameters).set(message.name, message.value);
      return [{ kind: 'settling', session: { ...session, parameters } }, []];
    }
    case 'backendKeyData': {
      const { processId, secretKey } = message;
      return [{ kind: 'settling', session: { ...session, processId, secretKey: secretKey.slice() } }, []];
    }
    case 'readyForQuery':
      return [{ kind: 'ended' }, [{ kind: 'ready', session: { ...session, status: message.status } }]];
    default:
      return unexpected(message);
  }
}

function unexpected(message: BackendMessage): ClientStep {
  return refuse(unexpectedFromServer(`A message of kind ${message.kind} is out of place.`));
}

function refuse(error: PgError): ClientStep {
  return [{ kind: 'ended' }, [{ kind: 'refuse', error }]];
}

function send(write: (writer: MessageWriter) => void): ClientStartupEffect {
  const writer = new MessageWriter(256);
  write(writer);
  return { kind: 'send', bytes: writer.take() };
}
