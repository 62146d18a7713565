/** Who may see and do what at the admin console. */
export interface ConsoleConfig {
  /** Connections to this database get the console instead of Postgres; a real database of that name cannot be reached through the gateway then. */
  readonly database: string;
  /** May do everything. */
  readonly users: readonly string[];
  /** May look, and do nothing. */
  readonly statsUsers: readonly string[];
  /**
   * Whether somebody who was not asked for any proof (trust) is believed to be who he says he is wherever he comes from. If not, only
   * on a connection from the gateway's own machine.
   */
  readonly trustAnywhere: boolean;
}

/** The superuser that every Postgres has: who is let in as such may do more there than here. */
export const defaultConsoleConfig: ConsoleConfig = {
  database: 'multigres',
  users: ['postgres'],
  statsUsers: [],
  trustAnywhere: false,
};
