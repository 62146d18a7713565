import { PgError } from '@multigres/core';
import {
  encodeBindComplete,
  encodeCloseComplete,
  encodeCommandComplete,
  encodeEmptyQueryResponse,
  encodeErrorResponse,
  encodeNoData,
  encodeNoticeResponse,
  encodeParameterDescription,
  encodeParameterStatus,
  encodeParseComplete,
  encodePortalSuspended,
  encodeReadyForQuery,
  type Bind,
  type Describe,
  type Execute,
  type FormatCode,
  type FrontendMessage,
  type MessageWriter,
  type Parse,
} from '@multigres/pgwire';
import {
  consoleAborted,
  consoleCannot,
  consoleOneStatement,
  consoleParameters,
  consolePortalUnknown,
  consoleStatementExists,
  consoleStatementUnknown,
  consoleTooManyNames,
} from '../errors.ts';
import type { Console, ConsoleUser } from './console.ts';
import { warning, type Outcome } from './outcome.ts';
import { formatsOf, writeColumns, writeRow } from './rows.ts';
import { columnsOf } from './statement-columns.ts';
import { parseConsole, type ConsoleStatement } from './statement.ts';

/** Prepared statements and portals that a session may have, each. */
const namesMax = 256;

interface Portal {
  /** Undefined: an empty text. */
  readonly statement: ConsoleStatement | undefined;
  readonly formats: readonly FormatCode[];
  /** Once it runs. */
  outcome?: Outcome;
  rowsSent: number;
}

/** What the protocol needs of its session. */
export interface ConsoleVoice extends Omit<ConsoleUser, 'inTransaction'> {
  readonly console: Pick<Console, 'run'>;
  readonly writer: MessageWriter;
}

/**
 * The server's side of the protocol at the console: simple and extended queries, answered one message after the other. Transactions change
 * nothing but the status that is told, so that drivers that begin one everywhere get along.
 */
export class ConsoleProtocol {
  readonly #voice: ConsoleVoice;
  readonly #statements: Map<string, ConsoleStatement | undefined> = new Map();
  readonly #portals: Map<string, Portal> = new Map();
  #status: 'I' | 'T' | 'E' = 'I';
  /** After an error in the extended protocol everything up to Sync is passed over. */
  #skipping = false;

  constructor(voice: ConsoleVoice) {
    this.#voice = voice;
  }

  /** Answers a message into the writer. The next one has to wait for the promise. */
  async message(message: FrontendMessage): Promise<void> {
    const { writer } = this.#voice;
    if (message.kind === 'sync') {
      this.#skipping = false;
      this.#endOfGroup();
      return encodeReadyForQuery(writer, this.#status);
    }
    if (this.#skipping) return;
    try {
      await this.#answer(message);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.fail(error);
      this.#skipping = message.kind !== 'query' && message.kind !== 'functionCall';
    }
    if (message.kind === 'query' || message.kind === 'functionCall') {
      this.#endOfGroup();
      encodeReadyForQuery(writer, this.#status);
    }
  }

  /** Reports an error that ends no more than the statement. */
  fail(error: PgError): void {
    encodeErrorResponse(this.#voice.writer, { ...error.report, severity: 'ERROR' });
    if (this.#status === 'T') this.#status = 'E';
  }

  async #answer(message: FrontendMessage): Promise<void> {
    const { writer } = this.#voice;
    switch (message.kind) {
      case 'query':
        return await this.#query(message.text);
      case 'parse':
        return this.#parse(message);
      case 'bind':
        return this.#bind(message);
      case 'describe':
        return this.#describe(message);
      case 'execute':
        return await this.#execute(message);
      case 'close':
        (message.target === 'statement' ? this.#statements : this.#portals).delete(message.name);
        return encodeCloseComplete(writer);
      case 'functionCall':
        throw consoleCannot('call functions');
      default:
    }
  }

  async #query(text: string): Promise<void> {
    const { writer, settings } = this.#voice;
    const statements = parseConsole(text);
    if (statements.length === 0) return encodeEmptyQueryResponse(writer);
    for (const statement of statements) {
      const columns = columnsOf(statement, settings);
      const outcome = await this.#run(statement);
      this.#tell(outcome);
      if (columns !== undefined) {
        const formats = formatsOf([], columns.length);
        writeColumns(writer, columns, formats);
        for (const row of outcome.rows ?? []) writeRow(writer, columns, formats, row);
      }
      encodeCommandComplete(writer, outcome.tag);
    }
  }

  #parse({ statement: name, query, parameterTypes }: Parse): void {
    if (name !== '' && this.#statements.has(name)) throw consoleStatementExists(name);
    if (parameterTypes.length > 0) throw consoleParameters(parameterTypes.length);
    const statements = parseConsole(query);
    if (statements.length > 1) throw consoleOneStatement();
    this.#keep(this.#statements, name, statements[0]);
    encodeParseComplete(this.#voice.writer);
  }

  #bind({ portal, statement, parameters, resultFormats }: Bind): void {
    if (!this.#statements.has(statement)) throw consoleStatementUnknown(statement);
    if (parameters.length > 0) throw consoleParameters(parameters.length);
    const prepared = this.#statements.get(statement);
    this.#keep(this.#portals, portal, { statement: prepared, formats: resultFormats, rowsSent: 0 });
    encodeBindComplete(this.#voice.writer);
  }

  #describe({ target, name }: Describe): void {
    const { writer, settings } = this.#voice;
    let statement: ConsoleStatement | undefined;
    let formats: readonly FormatCode[] = [];
    if (target === 'statement') {
      if (!this.#statements.has(name)) throw consoleStatementUnknown(name);
      statement = this.#statements.get(name);
      encodeParameterDescription(writer, []);
    } else ({ statement, formats } = this.#portal(name));
    const columns = statement && columnsOf(statement, settings);
    if (columns === undefined) encodeNoData(writer);
    else writeColumns(writer, columns, formatsOf(formats, columns.length));
  }

  async #execute({ portal: name, rowsMax }: Execute): Promise<void> {
    const { writer, settings } = this.#voice;
    const portal = this.#portal(name);
    if (portal.statement === undefined) return encodeEmptyQueryResponse(writer);
    if (portal.outcome === undefined) {
      portal.outcome = await this.#run(portal.statement);
      this.#tell(portal.outcome);
    }
    const { rows = [], tag } = portal.outcome;
    const columns = columnsOf(portal.statement, settings) ?? [];
    const formats = formatsOf(portal.formats, columns.length);
    const until = rowsMax > 0 ? Math.min(rows.length, portal.rowsSent + rowsMax) : rows.length;
    for (; portal.rowsSent < until; portal.rowsSent++) {
      writeRow(writer, columns, formats, rows[portal.rowsSent] as (typeof rows)[number]);
    }
    if (rowsMax > 0 && portal.rowsSent < rows.length) encodePortalSuspended(writer);
    else encodeCommandComplete(writer, tag);
  }

  async #run(statement: ConsoleStatement): Promise<Outcome> {
    if (statement.kind === 'transaction') return this.#transaction(statement);
    if (this.#status === 'E') throw consoleAborted();
    const { console, user, database, mayCommand, settings } = this.#voice;
    return await console.run(statement, { user, database, mayCommand, settings, inTransaction: this.#status !== 'I' });
  }

  #transaction({ does, tag }: Extract<ConsoleStatement, { readonly kind: 'transaction' }>): Outcome {
    const before = this.#status;
    if (does === 'begin') {
      if (before === 'E') throw consoleAborted();
      this.#status = 'T';
      if (before === 'I') return { tag };
      return { tag, notices: [warning('25001', 'there is already a transaction in progress')] };
    }
    this.#status = 'I';
    if (before === 'I') return { tag, notices: [warning('25P01', 'there is no transaction in progress')] };
    return { tag: before === 'E' ? 'ROLLBACK' : tag };
  }

  #tell({ notices = [], told = [] }: Outcome): void {
    const { writer } = this.#voice;
    for (const notice of notices) encodeNoticeResponse(writer, notice);
    for (const [name, value] of told) encodeParameterStatus(writer, name, value);
  }

  /** Portals live until their transaction ends. */
  #endOfGroup(): void {
    if (this.#status !== 'T') this.#portals.clear();
  }

  #portal(name: string): Portal {
    const portal = this.#portals.get(name);
    if (portal === undefined) throw consolePortalUnknown(name);
    return portal;
  }

  #keep<T>(names: Map<string, T>, name: string, value: T): void {
    if (!names.has(name) && names.size >= namesMax) throw consoleTooManyNames(namesMax);
    names.set(name, value);
  }
}
