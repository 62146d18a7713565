import {
  formatEndpoint,
  NetworkError,
  type Connection,
  type Endpoint,
  type TlsFacts,
  type World,
} from '@multigres/core';
import { encodeSslRequest, judgeSslAnswer, MessageWriter } from '@multigres/pgwire';
import type { PostgresTls } from '../config.ts';
import { loginCutOff, loginTimedOut, postgresUnreachable, tlsFailed } from '../errors.ts';

/** A connection on which nothing was said yet, but for TLS. */
export interface PostgresConnection {
  readonly connection: Connection;
  /** Undefined: it is in clear. */
  readonly facts: TlsFacts | undefined;
}

/** The Postgres behind the pooler: where it is, and how to get there. */
export class PostgresServer {
  readonly endpoint: Endpoint;
  /** The endpoint as text, for messages. */
  readonly where: string;
  readonly #world: World;
  readonly #tls: PostgresTls | undefined;

  constructor(world: World, endpoint: Endpoint, tls: PostgresTls | undefined) {
    this.#world = world;
    this.endpoint = endpoint;
    this.where = formatEndpoint(endpoint);
    // On Unix sockets Postgres has no TLS, and libpq does not ask for it.
    this.#tls = endpoint.kind === 'unix' || tls?.mode === 'disable' ? undefined : tls;
  }

  /**
   * Rejects with a PgError: 57P03 if Postgres is not reachable, 08001 if it does not speak TLS or its certificate is not what it should be. Takes at
   * most `timeoutMs` for each of its steps: the connection, and TLS.
   */
  async connect(timeoutMs: number): Promise<PostgresConnection> {
    const tls = this.#tls;
    const connection = await this.#connect(timeoutMs);
    if (tls === undefined) return { connection, facts: undefined };
    let late = false;
    const timer = this.#world.clock.after(timeoutMs, () => {
      late = true;
      connection.destroy();
    });
    try {
      return await this.#encrypt(connection, tls);
    } catch (error) {
      connection.destroy();
      if (late) throw loginTimedOut(this.where, timeoutMs);
      if (!(error instanceof NetworkError)) throw error;
      if (tls.mode === 'prefer') return { connection: await this.#connect(timeoutMs), facts: undefined };
      throw tlsFailed(this.where, error);
    } finally {
      timer.cancel();
    }
  }

  async #connect(timeoutMs: number): Promise<Connection> {
    try {
      return await this.#world.network.connect(this.endpoint, { timeoutMs });
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      throw postgresUnreachable(this.where, error);
    }
  }

  async #encrypt(connection: Connection, tls: PostgresTls): Promise<PostgresConnection> {
    const answer = judgeSslAnswer(await this.#ask(connection), tls.mode !== 'prefer');
    if (answer.kind === 'refused') throw answer.error;
    if (answer.kind === 'goOnInClear') return { connection, facts: undefined };
    return await this.#world.network.secure(connection, {
      kind: 'client',
      context: tls.context(),
      serverName: this.endpoint.kind === 'tcp' ? this.endpoint.host : '',
      verify: verification[tls.mode],
      alpn: ['postgresql'],
    });
  }

  /** Sends SSLRequest; resolves with the first bytes that come back. */
  #ask(connection: Connection): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const cutOff = (): void => reject(loginCutOff(this.where));
      connection.attach({
        data: (bytes) => {
          connection.pause();
          resolve(bytes.slice());
        },
        end: cutOff,
        drain: () => {},
        closed: cutOff,
      });
      const writer = new MessageWriter(64);
      encodeSslRequest(writer);
      connection.write(writer.take());
    });
  }
}

/** What each of libpq's modes (documentation, "SSL Mode Descriptions") asks of the server's certificate. */
const verification = {
  disable: 'none',
  prefer: 'none',
  require: 'none',
  'verify-ca': 'chain',
  'verify-full': 'name',
} as const satisfies Record<PostgresTls['mode'], string>;
