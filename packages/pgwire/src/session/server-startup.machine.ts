import { unreachable, type Machine, type PgError, type Step } from '@multigres/core';
import type { ScramKeys, ScramVerifier } from '../auth/scram-keys.ts';
import type { ScramServerExchange } from '../auth/scram-server.ts';
import { encodeNegotiateProtocolVersion } from '../backend/negotiate-protocol-version.ts';
import { invalidCancelRequest, invalidStartupLayout, unsupportedProtocol } from '../errors.ts';
import { gssencRequestCode } from '../frontend/gssenc-request.ts';
import { sslRequestCode } from '../frontend/ssl-request.ts';
import { decodeStartupPacket, type StartupPacket } from '../frontend/startup-packet.ts';
import type { ProtocolVersion, StartupMessage } from '../frontend/startup-message.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { askForProof, judgeAgain, judgeProof } from './server-authentication.ts';
import { refuse, refuseOldProtocol } from './server-refusal.ts';
import { readStartup, spokenVersion, type StartupRequest } from './startup-request.ts';

/** What is stored of a user's password: `pg_authid.rolpassword`, or a line of a file of users. */
export type StoredSecret =
  | { readonly kind: 'scram'; readonly verifier: ScramVerifier }
  /** `md5` and 32 hexadecimal digits. */
  | { readonly kind: 'md5'; readonly verifier: string }
  /** In clear, which Postgres never has. */
  | { readonly kind: 'password'; readonly password: string };

/** How this client has to prove who it is; chosen by the gateway for the user and database asked for. All randomness comes in here. */
export type AuthenticationMethod =
  | { readonly kind: 'trust' }
  | { readonly kind: 'reject'; readonly error: PgError }
  /**
   * The password in clear; only sensible inside TLS. `doomed`: as for SCRAM. `remembered`: the secret may be out of date, so it is looked up
   * again before the client is refused.
   */
  | {
      readonly kind: 'cleartext';
      readonly secret: StoredSecret;
      readonly doomed?: boolean;
      readonly remembered?: boolean;
    }
  /** `salt`: 4 random bytes. `remembered`: as for cleartext. */
  | { readonly kind: 'md5'; readonly verifier: string; readonly salt: Uint8Array; readonly remembered?: boolean }
  /** `nonce`: base64 of 18 random bytes. `doomed`: the user does not exist or may not log in; give a mock verifier. */
  | { readonly kind: 'scram'; readonly verifier: ScramVerifier; readonly nonce: string; readonly doomed?: boolean };

export interface ServerStartupOptions {
  /** Whether SSLRequest is answered with yes. */
  readonly tls: boolean;
  /** The newest minor version of protocol 3 to speak: 0 or 2. */
  readonly minorMax: 0 | 2;
}

/** A client that has proven who it is. AuthenticationOk is sent; ParameterStatus, BackendKeyData and ReadyForQuery are not yet. */
export interface AcceptedSession extends StartupRequest {
  readonly encrypted: boolean;
  readonly method: 'trust' | 'cleartext' | 'md5' | 'scram';
  /** What lets us log in to a server as this user, if the same verifier is stored there. */
  readonly scramKeys?: ScramKeys;
  /** The password, where the client was asked for it in clear. */
  readonly password?: string;
  /** What the client's answer fitted, where it was asked for md5: as good as the password to a server that asks for md5. */
  readonly md5Verifier?: string;
}

/** How the bytes travel. */
export interface ServerTransport {
  readonly encrypted: boolean;
  /** `tlsServerEndPoint` of our certificate, for SCRAM-SHA-256-PLUS; undefined if there is no channel binding. */
  readonly serverEndPoint: Uint8Array | undefined;
}

export type ServerStartupState =
  | (ServerTransport & {
      readonly kind: 'awaitingPacket';
      readonly sslAsked: boolean;
      readonly gssencAsked: boolean;
    })
  /** `S` is sent: the next bytes belong to TLS. */
  | { readonly kind: 'awaitingTls' }
  | (ServerTransport & { readonly kind: 'awaitingMethod'; readonly request: StartupRequest })
  | (ServerTransport & {
      readonly kind: 'awaitingProof';
      readonly request: StartupRequest;
      readonly method: Exclude<AuthenticationMethod, { readonly kind: 'trust' | 'reject' }>;
      /** For SCRAM, from the second message on. */
      readonly exchange?: ScramServerExchange;
      /** Of the SASL mechanisms offered; undefined until the client has chosen. */
      readonly mechanism?: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';
    })
  /** The answer did not fit what was remembered of the user's secret, which is looked up again. */
  | (ServerTransport & {
      readonly kind: 'awaitingSecret';
      readonly request: StartupRequest;
      readonly method: Extract<AuthenticationMethod, { readonly kind: 'cleartext' | 'md5' }>;
      readonly response: string;
    })
  | { readonly kind: 'ended' };

export type ServerStartupEvent =
  /** An untagged packet, as the deframer gives it in startup mode. */
  | { readonly kind: 'packetReceived'; readonly buffer: Uint8Array; readonly start: number; readonly end: number }
  /** The TLS handshake is done. `direct`: the client did not ask before. */
  | { readonly kind: 'encrypted'; readonly direct: boolean; readonly serverEndPoint: Uint8Array | undefined }
  | { readonly kind: 'methodChosen'; readonly method: AuthenticationMethod }
  /** A tagged message. */
  | { readonly kind: 'messageReceived'; readonly buffer: Uint8Array; readonly start: number; readonly end: number }
  /** The stream is broken (the deframer's `badLength`, a message in parts), or the time for logging in is over. */
  | { readonly kind: 'failed'; readonly error: PgError };

export type ServerStartupEffect =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /**
   * Stop the deframer in the same call: if it leaves over any byte, the client (or somebody in between) did not wait for the answer that was just
   * sent, and what it sent must not be taken for what comes later: step `failed` with `unencryptedDataAfter(request)`.
   */
  | { readonly kind: 'expectSilence'; readonly request: 'SSL' | 'GSSAPI encryption' }
  /** After sending and silence: hand the connection to TLS, then step `encrypted`. */
  | { readonly kind: 'startTls' }
  /** From here on there are tags: call the deframer's `endStartup` in the same call. */
  | { readonly kind: 'endStartup' }
  /** Find out how this client is to prove itself, then step `methodChosen`. Stop the deframer until then. */
  | { readonly kind: 'chooseMethod'; readonly request: StartupRequest; readonly encrypted: boolean }
  /** Choose the same method again, with what is stored now and not `remembered`, then step `methodChosen`. Stop the deframer until then. */
  | { readonly kind: 'lookUpAgain'; readonly method: AuthenticationMethod; readonly user: string }
  /** Somebody wants this query cancelled. Nothing is answered; close the connection. */
  | { readonly kind: 'cancel'; readonly processId: number; readonly secretKey: Uint8Array }
  | { readonly kind: 'accept'; readonly session: AcceptedSession }
  /** Close the connection when what was sent is out: the error, or nothing where PostgreSQL answers nothing. */
  | { readonly kind: 'refuse'; readonly error: PgError };

export type ServerStep = Step<ServerStartupState, ServerStartupEffect>;

/**
 * What a server does with a client until it is logged in (documentation, "Message Flow", "Start-up"): encryption requests in either
 * order, CancelRequest, protocol negotiation, authentication. Pure; refusals carry PostgreSQL's SQLSTATEs.
 */
export function serverStartupMachine(
  options: ServerStartupOptions,
): Machine<ServerStartupState, ServerStartupEvent, ServerStartupEffect> {
  return {
    initial: {
      kind: 'awaitingPacket',
      encrypted: false,
      serverEndPoint: undefined,
      sslAsked: false,
      gssencAsked: false,
    },
    step: (state, event) => step(options, state, event),
  };
}

function step(options: ServerStartupOptions, state: ServerStartupState, event: ServerStartupEvent): ServerStep {
  if (state.kind === 'ended') return [state, []];
  switch (event.kind) {
    case 'failed':
      return refuse(event.error);
    case 'encrypted': {
      const { direct, serverEndPoint } = event;
      return [{ kind: 'awaitingPacket', encrypted: true, serverEndPoint, sslAsked: !direct, gssencAsked: !direct }, []];
    }
    case 'packetReceived': {
      if (state.kind !== 'awaitingPacket') return refuse(invalidStartupLayout());
      const packet = decodeStartupPacket(event.buffer, event.start, event.end);
      return packet ? onPacket(options, state, packet) : refuse(invalidStartupLayout());
    }
    case 'methodChosen':
      if (state.kind === 'awaitingSecret') return judgeAgain(state, event.method);
      return state.kind === 'awaitingMethod' ? askForProof(state, event.method) : [state, []];
    case 'messageReceived':
      if (state.kind !== 'awaitingProof') return refuse(invalidStartupLayout());
      return judgeProof(state, event.buffer, event.start, event.end);
    default:
      return unreachable(event);
  }
}

type AwaitingPacket = Extract<ServerStartupState, { readonly kind: 'awaitingPacket' }>;

/** As in PostgreSQL's `ProcessStartupPacket`, a request that was answered already is read as a protocol version, which it is not. */
function onPacket(options: ServerStartupOptions, state: AwaitingPacket, packet: StartupPacket): ServerStep {
  switch (packet.kind) {
    case 'sslRequest': {
      if (state.sslAsked) return refuse(notAVersion(sslRequestCode, options));
      if (options.tls && !state.encrypted)
        return [{ kind: 'awaitingTls' }, [...answer('S', 'SSL'), { kind: 'startTls' }]];
      return [{ ...state, sslAsked: true }, answer('N', 'SSL')];
    }
    case 'gssencRequest':
      if (state.gssencAsked) return refuse(notAVersion(gssencRequestCode, options));
      return [{ ...state, gssencAsked: true }, answer('N', 'GSSAPI encryption')];
    case 'cancelRequest': {
      const { processId, secretKey } = packet;
      return [{ kind: 'ended' }, [{ kind: 'cancel', processId, secretKey: secretKey.slice() }]];
    }
    case 'malformedCancelRequest':
      return [{ kind: 'ended' }, [{ kind: 'refuse', error: invalidCancelRequest() }]];
    case 'unsupportedVersion':
      return onUnsupportedVersion(packet.version, options.minorMax);
    case 'startup':
      return onStartup(options, state, packet);
    default:
      return unreachable(packet);
  }
}

function onUnsupportedVersion({ major, minor }: ProtocolVersion, minorMax: number): ServerStep {
  const error = unsupportedProtocol(major, minor, minorMax);
  return major < 3 ? refuseOldProtocol(error) : refuse(error);
}

function notAVersion(code: number, options: ServerStartupOptions): PgError {
  return unsupportedProtocol(code >>> 16, code & 0xffff, options.minorMax);
}

function onStartup(options: ServerStartupOptions, state: AwaitingPacket, message: StartupMessage): ServerStep {
  const { read, unknownProtocolOptions } = readStartup(message, options.minorMax);
  const effects: ServerStartupEffect[] = [];
  // Even if the request is refused for another reason: the client must know how to read the answer.
  if (message.version.minor > options.minorMax || unknownProtocolOptions.length > 0) {
    const writer = new MessageWriter(256);
    const version = spokenVersion(message, options.minorMax);
    encodeNegotiateProtocolVersion(writer, version, unknownProtocolOptions);
    effects.push({ kind: 'send', bytes: writer.take() });
  }
  if (read.kind === 'refused') {
    const [ended, refusal] = refuse(read.error);
    return [ended, [...effects, ...refusal]];
  }
  const { request } = read;
  const { encrypted, serverEndPoint } = state;
  effects.push({ kind: 'endStartup' }, { kind: 'chooseMethod', request, encrypted });
  return [{ kind: 'awaitingMethod', encrypted, serverEndPoint, request }, effects];
}

function answer(letter: 'S' | 'N', request: 'SSL' | 'GSSAPI encryption'): readonly ServerStartupEffect[] {
  return [
    { kind: 'send', bytes: Uint8Array.of(letter.charCodeAt(0)) },
    { kind: 'expectSilence', request },
  ];
}
