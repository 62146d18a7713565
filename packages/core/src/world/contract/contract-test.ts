import type { Endpoint } from '../network.ts';
import type { Command } from '../processes.ts';
import type { Random } from '../random.ts';
import type { LogFields, LogLevel } from '../telemetry.ts';
import type { TlsMaterial } from '../tls.ts';
import type { World } from '../world.ts';

/** A line that a world's log took, as the contract sees it. */
export interface LoggedLine {
  readonly level: LogLevel;
  readonly message: string;
  /** With the fields of `with`; big integers may have become text. */
  readonly fields: LogFields;
}

/** What a program does that the processes contract starts. Worlds with real processes write it as a shell command. */
export type Behaviour =
  /** Prints the texts, then ends with the code. */
  | { readonly kind: 'print'; readonly stdout: string; readonly stderr: string; readonly code: number }
  /** Copies standard input to standard output until it ends, then ends with code 0. */
  | { readonly kind: 'cat' }
  /** Prints the line `ready`, then waits; SIGTERM ends it with code 7. */
  | { readonly kind: 'wait' }
  /** Prints the line `ready`, then waits and ignores SIGTERM. */
  | { readonly kind: 'stubborn' }
  /** Prints `name=value` for an environment variable (nothing after `=` when it is not set), then ends with code 0. */
  | { readonly kind: 'environment'; readonly name: string };

/** Certificates in the form that the world under test reads; in none of them is there a list of authorities. */
export interface TlsTools {
  /** For the host name `db.example`. */
  readonly server: TlsMaterial;
  /** Of the client `joe`, from the same authority. */
  readonly client: TlsMaterial;
  /** For `db.example` and `joe` as well, but from an authority that nobody trusts. */
  readonly stranger: TlsMaterial;
  /** Trusts the first authority, without a certificate. */
  readonly trusting: TlsMaterial;
}

/** What a contract test needs besides the world under test. Made anew for each test. */
export interface ContractTools {
  /** Another node that reaches the world's listeners by TCP. May be the same world. */
  readonly other: World;
  /** An address of the world's node for `listen`, which `other` can connect to. */
  readonly host: string;
  /** A directory on the world's disk that exists and is empty; Unix sockets can be made in it, so the path is short. */
  readonly directory: string;
  /** What the world under test has logged so far, debug included. */
  lines(): readonly LoggedLine[];
  /** A command that behaves so. */
  command(behaviour: Behaviour): Command;
  /** An endpoint that answers no connect, neither yes nor no. Without it the connect timeout is not tested. */
  readonly silent?: () => Promise<Endpoint>;
  /** Without it TLS is not tested. */
  readonly tls?: TlsTools;
  /** A root stream of the world's kind of dice. Only worlds whose dice are seeded have it. */
  readonly seeded?: (seed: string) => Random;
}

/**
 * One sentence of a port's contract, and the check that it holds. Resolves if it does; rejects with `ContractBroken` or with whatever the
 * port threw. It waits on the world's clock only: a world whose time is driven by hand must drive it until the promise has settled.
 */
export interface ContractTest {
  readonly name: string;
  run(world: World, tools: ContractTools): Promise<void>;
}
