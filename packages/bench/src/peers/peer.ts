/** How clients reach a server, and how it reaches the next one. */
export type Transport = 'tcp' | 'unix';

/** As libpq takes it: `host` is an address or the folder of the socket. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How clients prove to a pooler who they are; behind it Postgres trusts everybody. */
export type Auth =
  | { readonly method: 'trust' }
  | { readonly method: 'scram'; readonly user: string; readonly password: string };

/** A file of users as PgBouncer has it, and ours takes it. */
export const usersFile = (auth: Auth): string => (auth.method === 'trust' ? '' : `"${auth.user}" "${auth.password}"\n`);

export type PeerId = 'direct' | 'pgbouncer' | 'two' | 'one';

/** Something that a client can connect to and that ends at the same Postgres. */
export interface Peer {
  readonly id: PeerId;
  readonly title: string;
  readonly version: string;
  readonly address: Address;
  /** Its own process and, below it, all others of it; none for Postgres itself, which is measured for everybody. */
  readonly rootPid: number | undefined;
  /** For the report: its settings, as given. */
  readonly settings: readonly string[];
  readonly command: string;
  /** Throws if it has ended by itself. */
  check(): void;
  stop(): Promise<void>;
}

export const socketPath = ({ host, port }: Address): string => `${host}/.s.PGSQL.${port}`;
