/** How much of the pooler one user, or one database, may have at the same time. What is undefined is not limited. */
export interface Share {
  /** One session more is refused with 53300, as Postgres does for `CONNECTION LIMIT`. */
  readonly sessionsMax?: number;
  /** Backends in all pools of the user or database. */
  readonly backendsMax?: number;
}

export interface DatabaseShare extends Share {
  /** What the database is called in Postgres, where clients know it by another name. */
  readonly database?: string;
}

/** Who may have how much. Databases go by the names that clients use. */
export interface Shares {
  readonly users: ReadonlyMap<string, Share>;
  readonly databases: ReadonlyMap<string, DatabaseShare>;
  /** For what a user or database of its own does not say. */
  readonly anyUser: Share;
  readonly anyDatabase: Share;
  /** Users whose sessions are let in whatever the limits: who has to look why nobody gets in. */
  readonly reserved: ReadonlySet<string>;
}

export const noShares: Shares = {
  users: new Map(),
  databases: new Map(),
  anyUser: {},
  anyDatabase: {},
  reserved: new Set(),
};

/** What the user may have: its own line, completed by the one for all. */
export function shareOfUser({ users, anyUser }: Shares, user: string): Share {
  return { ...anyUser, ...users.get(user) };
}

/** How many backends may be in a database; `database`: its name in Postgres. Of several names that clients have for it the strictest counts. */
export function databaseBackendsMax({ databases, anyDatabase }: Shares, database: string): number | undefined {
  let least: number | undefined;
  for (const [name, share] of databases) {
    if ((share.database ?? name) !== database || share.backendsMax === undefined) continue;
    least = Math.min(least ?? Infinity, share.backendsMax);
  }
  return least ?? anyDatabase.backendsMax;
}

/** `database`: its name for clients. */
export function shareOfDatabase({ databases, anyDatabase }: Shares, database: string): DatabaseShare {
  return { ...anyDatabase, ...databases.get(database) };
}
