import type { World } from '@multigres/core';
import type { Ballot, MemberId, PgctldService, RpcClient } from '@multigres/rpc';
import type { MemberConfig } from '../member-config.ts';
import type { Role } from '../member.machine.ts';
import type { PostgresAdmin } from '../postgres-admin.ts';
import type { PromiseFile } from '../promise-file.ts';

/** What deeds are done with. */
export interface MemberHands {
  readonly world: World;
  readonly config: MemberConfig;
  readonly admin: PostgresAdmin;
  readonly promises: PromiseFile;
  readonly pgctld: RpcClient<typeof PgctldService>;
  readonly sessions: ServedSessions;
}

/** The sessions of clients. */
export interface ServedSessions {
  /** Nobody begins a transaction from now on; statements wait in line. */
  pause(why: string): void;
  resume(): void;
  /** Sessions with something under way, or with an open transaction. */
  busy(): number;
}

/** One deed while it is under way. Rejections with a PgError end it; `mayGoOn` is asked before each step that others could see. */
export interface DeedRun {
  readonly hands: MemberHands;
  role(): Role;
  /** Throws 57014 if a higher ballot came. */
  mayGoOn(): void;
  /** Runs at once when a higher ballot comes. */
  onOvertaken(run: () => void): void;
  become(role: Role): void;
  /** It stands in the file that the member is about to be promoted under this ballot. */
  attempted(ballot: Ballot): void;
  /** Looks at Postgres now, so that what is told of a new role is not older than the role. */
  look(): Promise<void>;
  /** A leader's own proof of its lease is being committed. A leader that has resigned begins no other. */
  isProving(): boolean;
  /** There is another data directory. */
  reload(): Promise<MemberId>;
  /** Throws 55000 if there is no data directory. */
  self(): MemberId;
}
