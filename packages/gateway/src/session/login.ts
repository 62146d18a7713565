import { sqlstate, type Connection, type ConnectionHandler, type PgError, type Timer } from '@multigres/core';
import {
  Deframer,
  frontendTagTable,
  invalidStartupLength,
  messageBytesMaxOfPostgres,
  serverStartupMachine,
  unencryptedDataAfter,
  type AuthenticationMethod,
  type FrameSink,
  type ServerStartupEffect,
  type ServerStartupEvent,
  type ServerStartupState,
} from '@multigres/pgwire';
import type { CancelKey } from '../cancel/cancel-keys.ts';
import { loginTimeout } from '../errors.ts';
import { sayGoodbye } from './goodbye.ts';
import type { SessionEnvironment } from './session-environment.ts';
import { Session } from './session.ts';
import { Tunnel } from './tunnel.ts';

const machine: ReturnType<typeof serverStartupMachine> = serverStartupMachine({ tls: false, minorMax: 0 });
const tags: Uint8Array = frontendTagTable();

/** A client that has connected and not logged in yet: drives the start-up machine, then makes the session. */
export class Login implements ConnectionHandler, FrameSink {
  readonly #environment: SessionEnvironment;
  readonly #connection: Connection;
  readonly #deframer: Deframer;
  readonly #timer: Timer;
  readonly #closed: (login: Login) => void;
  #state: ServerStartupState = machine.initial;
  /** Who it says it is; undefined until it has said so. */
  #user: string | undefined;
  /** What came while the method was being looked up. */
  #leftover: Uint8Array | undefined;
  #over = false;
  readonly #connectedTick: number;
  #session: Session | Tunnel | undefined;

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

  /** Refuses the client. */
  fail(error: PgError): void {
    if (!this.#over) this.#step({ kind: 'failed', error });
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
    if (state === 'stopped') this.#putBy(bytes.slice(used));
    else if (state !== 'flowing') this.fail(invalidStartupLength());
  }

  /** What came too early: for the session if there is one already, else for later. */
  #putBy(bytes: Uint8Array): void {
    if (this.#session === undefined) this.#leftover = bytes;
    else if (bytes.length > 0) this.#session.data(bytes);
  }

  #step(event: ServerStartupEvent): void {
    const [state, effects] = machine.step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#do(effect);
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
        this.#environment.metrics.loginFailed(effect.error.sqlstate);
        if (effect.error.sqlstate === sqlstate.invalidPassword && this.#user !== undefined)
          this.#environment.authenticator.proofFailed(this.#user);
        return this.#leave();
      case 'startTls':
        // Not reached while TLS is not offered: the machine answers N.
        return this.fail(unencryptedDataAfter('SSL'));
    }
  }

  /** The client takes the end of the connection for a sign that the cancel was done. Nothing that it sends is read any more. */
  #cancel(key: CancelKey): void {
    const done = this.#environment.cancels.requested(key);
    if (done === undefined) return this.#leave();
    this.#connection.pause();
    void done.then(() => this.#leave());
  }

  #chooseMethod({ request, encrypted }: Extract<ServerStartupEffect, { readonly kind: 'chooseMethod' }>): void {
    const { user, database, replication } = request;
    const connection = this.#connection;
    this.#user = user;
    const method = this.#environment.authenticator.method({
      user,
      database,
      replication,
      encrypted,
      certificate: undefined,
      get remote() {
        return connection.remote;
      },
    });
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
    this.#over = true;
    this.#timer.cancel();
    this.#closed(this);
    this.#connection.pause();
    this.#deframer.stop();
    const { replication } = effect.session;
    if (replication !== 'none') {
      // Its bytes are not cut into messages any more; what is left of this piece comes by `putBy`.
      this.#session = new Tunnel(this.#environment, this.#connection, effect.session, replication);
      return this.#session.start();
    }
    const session = new Session(
      this.#environment,
      this.#connection,
      this.#deframer,
      effect.session,
      this.#connectedTick,
    );
    this.#session = session;
    this.#deframer.sink = session;
    session.start();
  }

  /** The client went before it was a session. */
  #left(connected: boolean = true): void {
    if (!this.#over) this.#environment.metrics.loginFailed('none');
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
