/**
 * What became of the work that an error reports on. A lost reply is never `notApplied`: who cannot know says `unknown`.
 * - `notApplied`: provably not executed, or rolled back
 * - `applied`: executed and committed, and still an error is reported
 * - `unknown`: may or may not have been executed
 */
export type Fate = 'notApplied' | 'applied' | 'unknown';

export type Severity = 'ERROR' | 'FATAL' | 'PANIC';

/** The fields of an ErrorResponse or NoticeResponse (PostgreSQL documentation, "Error and Notice Message Fields"), by our names. */
export interface PgReport {
  /** ERROR ends the statement, FATAL the session, PANIC all sessions. */
  readonly severity: Severity;
  /** Five characters. */
  readonly sqlstate: string;
  /** One line, lower case first, no full stop: PostgreSQL's message style. */
  readonly message: string;
  /** Sentences. */
  readonly detail?: string;
  /** What the user can do; sentences. */
  readonly hint?: string;
  /** 1-based, in characters of the statement. */
  readonly position?: number;
  /** The same for a statement that the server made itself, which is then `internalQuery`. */
  readonly internalPosition?: number;
  readonly internalQuery?: string;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
  readonly file?: string;
  readonly line?: number;
  readonly routine?: string;
}

export interface PgErrorInit extends Omit<PgReport, 'severity'> {
  readonly severity?: Severity;
  /** Default `notApplied`: refusals before execution are the common case. */
  readonly fate?: Fate;
}

/**
 * A refusal or a failure that a user may see: PostgreSQL's ErrorResponse plus the fate of the work.
 * Only each package's `errors.ts` makes these, one function per condition.
 */
export class PgError extends Error {
  override readonly name = 'PgError';
  readonly fate: Fate;
  readonly report: PgReport;

  constructor(init: PgErrorInit, cause?: unknown) {
    super(init.message, { cause });
    const { fate, severity, ...fields } = init;
    this.fate = fate ?? 'notApplied';
    this.report = { severity: severity ?? 'ERROR', ...fields };
  }

  get sqlstate(): string {
    return this.report.sqlstate;
  }
}
