import { assert, type PgError } from '@multigres/core';
import {
  MessageWriter,
  encodeErrorResponse,
  serverStartupMachine,
  type AcceptedSession,
  type ServerStartupEffect,
  type ServerStartupEvent,
  type ServerStartupState,
} from '@multigres/pgwire';

import type { Server } from './server.ts';

export interface LoggedIn {
  readonly user: string;
  readonly database: string;
  readonly settings: ReadonlyMap<string, string>;
  /** It wants to be served by a walsender. */
  readonly replication: boolean;
}

interface LoginHost {
  readonly remote: string;
  send(bytes: Uint8Array): void;
  endStartup(): void;
  accept(loggedIn: LoggedIn): void;
  close(): void;
}

/** Drives the start-up machine of a new connection. */
export class Login {
  readonly #server: Server;
  readonly #host: LoginHost;
  readonly #machine: ReturnType<typeof serverStartupMachine>;
  #state: ServerStartupState;

  constructor(server: Server, host: LoginHost) {
    this.#server = server;
    this.#host = host;
    this.#machine = serverStartupMachine({ tls: false, minorMax: server.minorMax });
    this.#state = this.#machine.initial;
  }

  received(tag: number, buffer: Uint8Array, start: number, end: number): void {
    this.#step({ kind: tag === 0 ? 'packetReceived' : 'messageReceived', buffer, start, end });
  }

  /** Refuses the client with an error, as FATAL. */
  failed(error: PgError): void {
    if (this.#state.kind === 'ended') {
      // Logged in already, but the session could not be opened.
      const writer = new MessageWriter(512);
      encodeErrorResponse(writer, { ...error.report, severity: 'FATAL' });
      this.#host.send(writer.take());
      this.#host.close();
      return;
    }
    this.#step({ kind: 'failed', error });
  }

  #step(event: ServerStartupEvent): void {
    const [state, effects] = this.#machine.step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#apply(effect);
  }

  #apply(effect: ServerStartupEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#host.send(effect.bytes);
        return;
      case 'endStartup':
        this.#host.endStartup();
        return;
      case 'chooseMethod':
        this.#step({ kind: 'methodChosen', method: this.#server.authenticationFor(effect.request, this.#host.remote) });
        return;
      case 'cancel':
        this.#server.cancelRequest(effect.processId, effect.secretKey);
        this.#host.close();
        return;
      case 'accept':
        this.#accept(effect.session);
        return;
      case 'refuse':
        this.#host.close();
        return;
      default:
        assert(effect.kind !== 'startTls', 'the model never offers TLS');
    }
  }

  #accept(session: AcceptedSession): void {
    const { user, database, settings, replication } = session;
    this.#host.accept({ user, database, settings, replication: replication !== 'none' });
  }
}
