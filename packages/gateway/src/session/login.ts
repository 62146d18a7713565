import {
  emptyBytes,
  sqlstate,
  type Connection,
  type ConnectionHandler,
  type NetworkError,
  type PgError,
  type SecuredConnection,
  type Timer,
  type TlsFacts,
} from '@multigres/core';
import {
  Deframer,
  encodeErrorResponse,
  frontendTagTable,
  invalidStartupLength,
  messageBytesMaxOfPostgres,
  serverStartupMachine,
  unencryptedDataAfter,
  type AcceptedSession,
  type AuthenticationMethod,
  type FrameSink,
  type ServerStartupEffect,
  type ServerStartupEvent,
  type ServerStartupState,
} from '@multigres/pgwire';
import type { CancelKey } from '../cancel/cancel-keys.ts';
import { ConsoleSession } from '../console/console-session.ts';
import type { Console } from '../console/console.ts';
import { loginTimeout } from '../errors.ts';
import {
  beginsWithTls,
  encryptionTrouble,
  endPointOf,
  mayBeDirect,
  offersTls,
  secureClient,
} from './client-encryption.ts';
import { sayGoodbye } from './goodbye.ts';
import type { SessionEnvironment } from './session-environment.ts';
import { Session } from './session.ts';
import { Tunnel } from './tunnel.ts';

const withTls: ReturnType<typeof serverStartupMachine> = serverStartupMachine({ tls: true, minorMax: 2 });
const withoutTls: ReturnType<typeof serverStartupMachine> = serverStartupMachine({ tls: false, minorMax: 2 });
const tags: Uint8Array = frontendTagTable();

/** A client that has connected and not logged in yet: drives the start-up machine, then makes the session. */
export class Login implements ConnectionHandler, FrameSink {
  readonly #environment: SessionEnvironment;
  #connection: Connection;
  readonly #deframer: Deframer;
  readonly #timer: Timer;
  readonly #closed: (login: Login) => void;
  /** Undefined until the first bytes are here. */
  #machine: ReturnType<typeof serverStartupMachine> | undefined;
  #state: ServerStartupState = withoutTls.initial;
  /** The answer to this request was sent just now: nothing more may have come with it. */
  #silentAfter: 'SSL' | 'GSSAPI encryption' | undefined;
  #wantsTls = false;
  /** The connection is in the hands of TLS. */
  #handshakes = false;
  #facts: TlsFacts | undefined;
  /** Who it says it is; undefined until it has said so. */
  #user: string | undefined;
  /** What came while the method was being looked up. */
  #leftover: Uint8Array | undefined;
  /** AuthenticationOk and what belongs before it, once the client is accepted. */
  #unsaid: Uint8Array = emptyBytes;
  #over = false;
  #full: PgError | undefined;
  readonly #connectedTick: number;
  /** It is a CancelRequest, and counted as one. */
  #cancels = false;
  #session: Session | Tunnel | ConsoleSession | undefined;

  constructor(environment: SessionEnvironment, connection: Connection, closed: (login: Login) => void) {
    this.#environment = environment;
    environment.metrics.connections.add();
    this.#connectedTick = environment.metrics.turn.tick;
    this.#connection = connection;
    this.#closed = closed;
    const { wholeMessageBytesMax, loginMs } = environment.limits;
    const limits = { wholeBytesMax: wholeMessageBytesMax, messageBytesMax: messageBytesMaxOfPostgres, tags };
    this.#deframer = new Deframer(this, limits, 'startup');
    this.#timer = environment.clock.after(loginMs, () => this.fail(loginTimeout()));
    connection.attach(this);
  }

  /** There is no room for another session: it is refused as soon as it is clear that it wants to be one. */
  refuseSession(error: PgError): void {
    this.#full = error;
  }

  /** Refuses the client. */
  fail(error: PgError): void {
    if (this.#over) return;
    // Between plain text and TLS there is no way to say anything.
    if (this.#handshakes) this.#giveUp();
    else this.#step({ kind: 'failed', error });
  }

  data(bytes: Uint8Array): void {
    if (this.#over) return;
    if (this.#leftover !== undefined) {
      // Paused, but a piece was under way.
      const joined = new Uint8Array(this.#leftover.length + bytes.length);
      joined.set(this.#leftover);
      joined.set(bytes, this.#leftover.length);
      this.#leftover = joined;
      return;
    }
    if (this.#environment.loginPace.admits()) this.#receive(bytes);
    else this.#waitItsTurn(bytes.slice());
  }

  /** Many log in at once. */
  #waitItsTurn(bytes: Uint8Array): void {
    this.#leftover = bytes;
    this.#connection.pause();
    this.#environment.loginPace.later(() => {
      if (this.#over) return;
      const waited = this.#leftover as Uint8Array;
      this.#leftover = undefined;
      this.#connection.resume();
      this.#receive(waited);
    });
  }

  #receive(bytes: Uint8Array): void {
    if (this.#machine === undefined) {
      const offered = offersTls(this.#environment, this.#connection);
      this.#machine = offered ? withTls : withoutTls;
      if (beginsWithTls(bytes)) return offered ? this.#startTls(bytes, true) : this.#left();
    }
    this.#feed(bytes);
  }

  end(): void {
    this.#left();
  }

  drain(): void {}

  closed(): void {
    this.#left(false);
  }

  frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (!this.#over) this.#step({ kind: tag === 0 ? 'packetReceived' : 'messageReceived', buffer, start, end });
  }

  part(): void {
    this.fail(invalidStartupLength());
  }

  #feed(bytes: Uint8Array): void {
    const used = this.#deframer.feed(bytes);
    const { state } = this.#deframer;
    if (this.#silentAfter !== undefined) this.#afterAnswer(this.#silentAfter, bytes.length - used);
    else if (state === 'stopped') this.#putBy(bytes.slice(used));
    else if (state !== 'flowing') this.fail(invalidStartupLength());
  }

  /** What came too early: for the session if there is one already, else for later. */
  #putBy(bytes: Uint8Array): void {
    if (this.#session === undefined) this.#leftover = bytes;
    else if (bytes.length > 0) this.#session.data(bytes);
  }

  #step(event: ServerStartupEvent): void {
    const [state, effects] = (this.#machine ?? withoutTls).step(this.#state, event);
    this.#state = state;
    for (const [index, effect] of effects.entries()) {
      // What accepts the client leaves with what it is told next.
      if (effect.kind === 'send' && effects[index + 1]?.kind === 'accept') this.#unsaid = effect.bytes;
      else this.#do(effect);
    }
  }

  #do(effect: ServerStartupEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#connection.write(effect.bytes);
        return;
      case 'endStartup':
        return this.#deframer.endStartup();
      case 'chooseMethod':
        return this.#chooseMethod(effect);
      case 'lookUpAgain':
        return this.#whenChosen(this.#environment.authenticator.again(effect.method, effect.user));
      case 'cancel':
        return this.#cancel(effect);
      case 'accept':
        return this.#accept(effect);
      case 'refuse':
        this.#refused(effect.error);
        if (effect.error.sqlstate === sqlstate.invalidPassword && this.#user !== undefined)
          this.#environment.authenticator.proofFailed(this.#user);
        return this.#leave();
      case 'expectSilence':
        this.#silentAfter = effect.request;
        return this.#deframer.stop();
      case 'startTls':
        this.#wantsTls = true;
        return;
    }
  }

  /** The client was answered whether it may encrypt; what it has sent without waiting is not to be used. */
  #afterAnswer(request: 'SSL' | 'GSSAPI encryption', bytesLeft: number): void {
    this.#silentAfter = undefined;
    if (this.#over) return;
    this.#deframer.resume();
    if (bytesLeft > 0) return this.fail(unencryptedDataAfter(request));
    if (this.#wantsTls) this.#startTls(emptyBytes, false);
  }

  #startTls(received: Uint8Array, direct: boolean): void {
    this.#handshakes = true;
    secureClient(this.#environment, this.#connection, received).then(
      (secured) => this.#secured(secured, direct),
      (error: NetworkError) => {
        this.#environment.log.debug('a client failed to speak TLS', { reason: error.message });
        if (!this.#over) this.#giveUp();
      },
    );
  }

  #secured({ connection, facts }: SecuredConnection, direct: boolean): void {
    if (this.#over) return connection.destroy();
    this.#handshakes = false;
    this.#connection = connection;
    this.#facts = facts;
    connection.attach(this);
    // As PostgreSQL does it: without a word.
    if (direct && !mayBeDirect(facts)) return this.#left();
    this.#step({ kind: 'encrypted', direct, serverEndPoint: endPointOf(facts) });
  }

  #giveUp(): void {
    this.#connection.destroy();
    this.#left(false);
  }

  /** The client takes the end of the connection for a sign that the cancel was done. Nothing that it sends is read any more. */
  #cancel(key: CancelKey): void {
    this.#cancels = true;
    const done = this.#environment.cancels.requested(key);
    if (done === undefined) return this.#leave();
    this.#connection.pause();
    void done.then(() => this.#leave());
  }

  /** A full gateway still takes cancels and lets its operators in. */
  #noRoom(database: string): PgError | undefined {
    return database === this.#environment.console?.config.database ? undefined : this.#full;
  }

  #chooseMethod({ request, encrypted }: Extract<ServerStartupEffect, { readonly kind: 'chooseMethod' }>): void {
    const { user, database, replication } = request;
    const connection = this.#connection;
    this.#user = user;
    const facts = {
      user,
      database,
      replication,
      encrypted,
      certificate: this.#facts?.clientCertificate,
      get remote() {
        return connection.remote;
      },
    };
    const error = this.#noRoom(database) ?? encryptionTrouble(this.#environment, connection, facts);
    if (error !== undefined) return this.#step({ kind: 'methodChosen', method: { kind: 'reject', error } });
    const method = this.#environment.authenticator.method(facts);
    if (method instanceof Promise) this.#whenChosen(method);
    else this.#step({ kind: 'methodChosen', method });
  }

  /** A look-up at the pooler; the client's bytes wait meanwhile. */
  #whenChosen(choice: Promise<AuthenticationMethod>): void {
    this.#deframer.stop();
    this.#connection.pause();
    this.#leftover = new Uint8Array(0);
    void choice.then((method) => {
      if (this.#over) return;
      this.#deframer.resume();
      const bytes = this.#leftover as Uint8Array;
      this.#leftover = undefined;
      this.#connection.resume();
      this.#step({ kind: 'methodChosen', method });
      if (bytes.length > 0) this.#takeUp(bytes);
    });
  }

  #takeUp(bytes: Uint8Array): void {
    if (this.#session !== undefined) this.#session.data(bytes);
    else if (!this.#over) this.#feed(bytes);
  }

  #accept(effect: Extract<ServerStartupEffect, { readonly kind: 'accept' }>): void {
    const refusal = this.#environment.authenticator.refusal(effect.session);
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#over = true;
    this.#timer.cancel();
    this.#closed(this);
    this.#deframer.stop();
    const { replication, database } = effect.session;
    const { console } = this.#environment;
    if (console !== undefined && database === console.config.database)
      return this.#openConsole(console, effect.session);
    if (replication !== 'none') {
      // Its bytes are not cut into messages any more; what is left of this piece comes by `putBy`.
      this.#handOver();
      const tunnel = new Tunnel(this.#environment, this.#connection, effect.session, replication);
      tunnel.tls = tlsText(this.#facts);
      this.#session = tunnel;
      return tunnel.start();
    }
    const session = new Session(
      this.#environment,
      this.#connection,
      this.#deframer,
      effect.session,
      this.#unsaid,
      this.#connectedTick,
    );
    session.tls = tlsText(this.#facts);
    this.#session = session;
    this.#deframer.sink = session;
    session.start();
  }

  /** To somebody who does not wait with it until there is more to say. */
  #handOver(): void {
    this.#connection.pause();
    this.#connection.write(this.#unsaid);
  }

  #openConsole(console: Console, accepted: AcceptedSession): void {
    this.#handOver();
    this.#environment.metrics.consoleLogins.add();
    const certificate = this.#facts?.clientCertificate;
    const shownWho = certificate?.verified === true && certificate.commonName === accepted.user;
    const isProven = accepted.method !== 'trust' || shownWho;
    const session = new ConsoleSession(
      this.#environment,
      console,
      this.#connection,
      this.#deframer,
      accepted,
      isProven,
    );
    this.#session = session;
    this.#deframer.sink = session;
    session.start();
  }

  /** It has proven who it is, and is told that it may not come in all the same. */
  #refuse(error: PgError): void {
    const { writer } = this.#environment;
    writer.bytes(this.#unsaid);
    encodeErrorResponse(writer, error.report);
    this.#connection.write(writer.take());
    this.#refused(error);
    this.#leave();
  }

  #refused(error: PgError): void {
    const { metrics, sessionLog } = this.#environment;
    metrics.loginFailed(error.sqlstate);
    sessionLog.loginFailed(this.#user === undefined ? {} : { user: this.#user }, this.#connection.remote, error);
  }

  /** The client went before it was a session. */
  #left(connected: boolean = true): void {
    if (!this.#over && !this.#cancels) this.#environment.metrics.loginFailed('none');
    this.#leave(connected);
  }

  #leave(connected: boolean = true): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    this.#closed(this);
    if (connected) sayGoodbye(this.#connection, this.#environment);
  }
}

/** As PgBouncer writes it; empty if the connection is not encrypted. */
function tlsText(facts: TlsFacts | undefined): string {
  return facts === undefined ? '' : `${facts.protocol}/${facts.cipher}`;
}
