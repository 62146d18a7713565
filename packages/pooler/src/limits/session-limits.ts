import { assert, type PgError } from '@multigres/core';
import { tooManySessionsForDatabase, tooManySessionsForUser } from '../errors.ts';
import { noShares, shareOfDatabase, shareOfUser, type Shares } from './shares.ts';

/** The sessions of a user or of a database. */
interface Tally {
  readonly name: string;
  sessions: number;
}

/** A session that was let in, in two counts; to be given back when it ends. */
export interface Admission {
  readonly user: Tally;
  readonly database: Tally;
}

/**
 * Counts the sessions of all gateways per user and per database, and refuses those that are too many. Whoever was let in is counted from then on,
 * also while its login at Postgres is under way, until `leave`: exactly once.
 */
export class SessionLimits {
  #shares: Shares;
  readonly #users: Map<string, Tally> = new Map();
  readonly #databases: Map<string, Tally> = new Map();

  constructor(shares: Shares = noShares) {
    this.#shares = shares;
  }

  /** For sessions from now on; who is in stays. */
  use(shares: Shares): void {
    this.#shares = shares;
  }

  /** Whether the user gets in although the pooler is full. */
  isReserved(user: string): boolean {
    return this.#shares.reserved.has(user);
  }

  /** What clients call this database is called so in Postgres. */
  serverDatabase(database: string): string {
    return this.#shares.databases.get(database)?.database ?? database;
  }

  /** Lets a session in, or says why not (53300). The user counts first, as in PostgreSQL's InitPostgres. */
  enter(user: string, database: string): Admission | PgError {
    if (!this.isReserved(user)) {
      const ofUser = shareOfUser(this.#shares, user).sessionsMax ?? Infinity;
      if (this.sessionsOfUser(user) >= ofUser) return tooManySessionsForUser(user, ofUser);
      const ofDatabase = shareOfDatabase(this.#shares, database).sessionsMax ?? Infinity;
      if (this.sessionsOfDatabase(database) >= ofDatabase) return tooManySessionsForDatabase(database, ofDatabase);
    }
    return { user: counted(this.#users, user), database: counted(this.#databases, database) };
  }

  leave({ user, database }: Admission): void {
    uncounted(this.#users, user);
    uncounted(this.#databases, database);
  }

  sessionsOfUser(user: string): number {
    return this.#users.get(user)?.sessions ?? 0;
  }

  sessionsOfDatabase(database: string): number {
    return this.#databases.get(database)?.sessions ?? 0;
  }
}

function counted(tallies: Map<string, Tally>, name: string): Tally {
  let tally = tallies.get(name);
  if (tally === undefined) tallies.set(name, (tally = { name, sessions: 0 }));
  tally.sessions += 1;
  return tally;
}

function uncounted(tallies: Map<string, Tally>, tally: Tally): void {
  assert(tally.sessions > 0, 'nobody leaves who was not let in');
  tally.sessions -= 1;
  // Whoever has no session costs nothing.
  if (tally.sessions === 0) tallies.delete(tally.name);
}
