import type { HeldLock } from './storage/lock-manager.ts';
import { formatValue } from './sql/type-text.ts';
import type { Backend } from './server/backend.ts';
import type { Server } from './server/server.ts';
import type { Lsn } from '@multigres/core';

/** A row as text, as psql would show it; null for NULL. */
export type TextRow = Readonly<Record<string, string | null>>;

/** What one backend has that a pool could leak to the next client. */
export interface BackendView {
  readonly pid: number;
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
  readonly state: 'idle' | 'active';
  readonly waitEvent: string | undefined;
  /** The last statement's text. */
  readonly query: string;
  /** As in ReadyForQuery. */
  readonly transaction: 'I' | 'T' | 'E';
  readonly savepoints: readonly string[];
  /** Settings that differ from what RESET goes back to. */
  readonly settings: Readonly<Record<string, string>>;
  readonly role: string;
  readonly temporaryTables: readonly string[];
  readonly channels: readonly string[];
  /** Named prepared statements. */
  readonly statements: readonly string[];
  /** Named portals and cursors. */
  readonly portals: readonly string[];
  /** Cursors WITH HOLD that outlived their transaction. */
  readonly heldCursors: readonly string[];
  /** Session-level ones. */
  readonly advisoryLocks: readonly string[];
}

/** The god's-eye view: reads everything, locks nothing, changes nothing. Empty while the server is not up. */
export class Inspection {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  databases(): string[] {
    return [...(this.#server.storeIfUp?.databaseNames ?? [])];
  }

  /** Committed tables by `schema.name`. */
  tables(database: string): string[] {
    const store = this.#server.storeIfUp;
    if (store === undefined) return [];
    return [...store.committedTables(database)].map(({ shape }) => `${shape.schema}.${shape.name}`).toSorted();
  }

  /** Committed rows in physical order; undefined if there is no such table. */
  rows(database: string, table: string, schema = 'public'): TextRow[] | undefined {
    const store = this.#server.storeIfUp;
    const columns = store?.database(database)?.find(schema, table, new Set())?.shape.columns;
    const rows = store?.committedRows(database, schema, table);
    if (columns === undefined || rows === undefined) return undefined;
    const style = { timeZone: 'UTC', dateStyle: 'ISO, MDY' };
    return rows.map((row) =>
      Object.fromEntries(
        columns.map((column, i) => [
          column.name,
          row[i] === null || row[i] === undefined ? null : formatValue(row[i], column.type, style),
        ]),
      ),
    );
  }

  locks(): HeldLock[] {
    return [...(this.#server.storeIfUp?.locks.all() ?? [])];
  }

  backends(): BackendView[] {
    return [...this.#server.backends].flatMap((backend) => {
      const view = viewOf(backend);
      return view === undefined ? [] : [view];
    });
  }

  /** As pg_is_in_recovery() tells; false while the server is not up. */
  isInRecovery(): boolean {
    return this.#server.inRecovery;
  }

  insertLsn(): Lsn {
    return this.#server.directory.log.insertLsn;
  }

  flushedLsn(): Lsn {
    return this.#server.directory.log.flushedLsn;
  }
}

function viewOf(backend: Backend): BackendView | undefined {
  const { session } = backend;
  if (session === undefined) return undefined;
  const own = session.transaction?.own ?? new Set<number>();
  return {
    pid: backend.pid,
    user: session.authenticatedUser,
    database: session.database,
    applicationName: session.settings.get('application_name') ?? '',
    ...backend.activity,
    transaction: session.status,
    savepoints: [...session.savepoints],
    settings: session.settings.changed(),
    role: session.currentUser,
    temporaryTables: [...session.temporary.catalog.all(own)].map(({ shape }) => shape.name).toSorted(),
    channels: [...session.notifications.channels].toSorted(),
    statements: session.statements.names(),
    portals: session.portals.names(),
    heldCursors: session.portals.heldNames(),
    advisoryLocks: session.advisory.keys(),
  };
}
