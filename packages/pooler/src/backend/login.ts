import { assert, PgError, type Connection, type ConnectionHandler, type Timer, type World } from '@multigres/core';
import {
  clientStartupMachine,
  Deframer,
  encodeBase64,
  tlsServerEndPoint,
  type BackendSession,
  type ClientCredential,
  type ClientStartupEffect,
  type ClientStartupEvent,
  type ClientStartupState,
  type FrameSink,
} from '@multigres/pgwire';
import { loginCutOff, loginRefused, loginTimedOut, malformedLogin } from '../errors.ts';
import type { PostgresConnection, PostgresServer } from './postgres-server.ts';
import { Backend, type BackendIdentity, type BackendLimits, type BackendOwner } from './backend.ts';

/** As whom to log in. */
export interface LoginIdentity {
  readonly user: string;
  readonly database: string;
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly credentials: ClientCredential;
}

export interface LoginTarget {
  readonly id: number;
  readonly owner: BackendOwner;
  readonly limits: BackendLimits;
}

/**
 * Connects and logs in. Rejects with a PgError: what `PostgresServer.connect` says, or what Postgres itself says when it refuses. Takes
 * at most `timeoutMs`.
 */
export async function login(
  world: World,
  postgres: PostgresServer,
  identity: LoginIdentity,
  timeoutMs: number,
  target: LoginTarget,
): Promise<Backend> {
  const { connection, identity: told } = await logIn(world, postgres, identity, timeoutMs);
  const backend = new Backend(
    target.id,
    connection,
    told,
    world.clock,
    world.telemetry.log,
    target.owner,
    target.limits,
  );
  connection.attach(backend);
  return backend;
}

/** The same, without a word about what the connection is for. Attach to it before anything is said. */
export async function logIn(
  world: World,
  postgres: PostgresServer,
  identity: LoginIdentity,
  timeoutMs: number,
): Promise<{ readonly connection: Connection; readonly identity: BackendIdentity }> {
  const connected = await postgres.connect(timeoutMs);
  const { session, trusted } = await new Login(world, postgres.where, connected, identity, timeoutMs).done;
  const told = {
    parameters: new Map(session.parameters),
    trusted,
    processId: session.processId,
    secretKey: session.secretKey ?? new Uint8Array(0),
  };
  return { connection: connected.connection, identity: told };
}

/** Drives the start-up machine of one connection. */
class Login implements ConnectionHandler, FrameSink {
  readonly done: Promise<{ readonly session: BackendSession; readonly trusted: boolean }>;
  readonly #connection: Connection;
  readonly #where: string;
  readonly #machine: ReturnType<typeof clientStartupMachine>;
  readonly #deframer: Deframer = new Deframer(this, { wholeBytesMax: 64 * 1024, messageBytesMax: 64 * 1024 });
  #state: ClientStartupState;
  #sends = 0;
  #timer: Timer;
  #resolve!: (result: { readonly session: BackendSession; readonly trusted: boolean }) => void;
  #reject!: (error: PgError) => void;
  #settled = false;

  constructor(
    world: World,
    where: string,
    { connection, facts }: PostgresConnection,
    identity: LoginIdentity,
    timeoutMs: number,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#connection = connection;
    this.#where = where;
    this.#machine = clientStartupMachine({
      user: identity.user,
      database: identity.database,
      parameters: identity.settings,
      credential: identity.credentials,
      nonce: encodeBase64(world.random.bytes(18)),
      minor: 0,
    });
    this.#state = this.#machine.initial;
    this.#timer = world.clock.after(timeoutMs, () => this.#fail(loginTimedOut(this.#where, timeoutMs)));
    connection.attach(this);
    // The question for TLS may have left it paused.
    connection.resume();
    const certificate = facts?.serverCertificate;
    const serverEndPoint = certificate && tlsServerEndPoint(certificate);
    this.#step({ kind: 'connected', encrypted: facts !== undefined, serverEndPoint });
  }

  data(bytes: Uint8Array): void {
    this.#deframer.feed(bytes);
    if (this.#deframer.state !== 'flowing') this.#fail(malformedLogin(this.#where));
  }

  end(): void {
    this.#fail(loginCutOff(this.#where));
  }

  drain(): void {}

  closed(): void {
    this.#fail(loginCutOff(this.#where));
  }

  frame(_tag: number, buffer: Uint8Array, start: number, end: number): void {
    assert(!this.#settled || end > start, 'frames are not empty');
    if (!this.#settled) this.#step({ kind: 'messageReceived', buffer, start, end });
  }

  part(): void {
    this.#fail(malformedLogin(this.#where));
  }

  #step(event: ClientStartupEvent): void {
    const [state, effects] = this.#machine.step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: ClientStartupEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#sends += 1;
        this.#connection.write(effect.bytes);
        return;
      case 'ready':
        this.#settled = true;
        this.#timer.cancel();
        // One message from us means that nothing was asked: Postgres trusts the pooler with this user.
        return this.#resolve({ session: effect.session, trusted: this.#sends === 1 });
      case 'refuse':
        return this.#fail(loginRefused(effect.error));
      default:
        return;
    }
  }

  #fail(error: PgError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer.cancel();
    this.#connection.destroy();
    this.#reject(error);
  }
}
