import type { PgNotice } from '@multigres/pgwire';
import type { Cell, Column } from '@multigres/relay';

/** What became of a statement. */
export interface Outcome {
  readonly tag: string;
  readonly rows?: readonly (readonly Cell[])[];
  readonly notices?: readonly PgNotice[];
  /** Settings that the client is told of, as Postgres tells of some (ParameterStatus). */
  readonly told?: readonly (readonly [name: string, value: string])[];
}

/** Something is missing from what is shown, or was not done everywhere. */
export function warning(sqlstate: string, message: string): PgNotice {
  return { severity: 'WARNING', sqlstate, message };
}

export type { Cell, Column };
