import type { PgError } from '@multigres/core';
import type { PgNotice } from '@multigres/pgwire';
import {
  BodyReader,
  consoleTopic,
  decodeRemark,
  decodeTable,
  encodeConsoleCommand,
  encodeViewAsked,
  type Answer,
  type Cell,
  type ConsoleCommand,
  type Question,
  type Table,
} from '@multigres/relay';
import { warning } from './outcome.ts';

/** Whoever has more to show than this in so much time is missing from the view. */
const viewMs = 5_000;

/** A row by its columns' names; what a table does not have is absent. */
export type Row = Readonly<Record<string, Cell>>;

/** Rows of all who were asked, and who of them is missing. */
export interface Gathered {
  readonly rows: Row[];
  readonly notices: PgNotice[];
}

export interface HubParts {
  /** Tables about this gateway, by the names under which others ask for them. */
  readonly own: (name: string) => Table;
  readonly ask: (question: Question) => Promise<readonly Answer[]>;
}

/** Asks everybody who knows something for the console: this gateway itself, all others, the pooler. */
export class Hub {
  readonly #parts: HubParts;

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** Rows about this gateway alone. */
  own(name: string): Row[] {
    return rowsOf(this.#parts.own(name));
  }

  /** A view of the pooler's. */
  async pooler(name: string): Promise<Gathered> {
    return await this.#view('peer', name);
  }

  /** A view of every gateway's, this one's first. */
  async gateways(name: string): Promise<Gathered> {
    const others = await this.#view('others', name);
    return { rows: [...this.own(name), ...others.rows], notices: others.notices };
  }

  /** What of a command came back: errors of those who refused it, remarks of the others. */
  async command(
    to: Question['to'],
    command: ConsoleCommand,
    deadlineMs: number,
  ): Promise<{ readonly errors: readonly PgError[]; readonly remarks: readonly string[] }> {
    const body = encodeConsoleCommand(command);
    const answers = await this.#parts.ask({ to, topic: consoleTopic.command, body, deadlineMs });
    const errors = answers.flatMap((answer) => ('error' in answer ? [answer.error] : []));
    const remarks = answers.flatMap((answer) => ('body' in answer ? [decodeRemark(new BodyReader(answer.body))] : []));
    return { errors, remarks: remarks.filter((remark) => remark !== '') };
  }

  async #view(to: Question['to'], name: string): Promise<Gathered> {
    const body = encodeViewAsked(name);
    const answers = await this.#parts.ask({ to, topic: consoleTopic.view, body, deadlineMs: viewMs });
    const rows: Row[] = [];
    const notices: PgNotice[] = [];
    for (const answer of answers) {
      if ('error' in answer) notices.push(missing(answer.from, answer.error));
      else for (const row of rowsOf(decodeTable(new BodyReader(answer.body)))) rows.push(row);
    }
    return { rows, notices };
  }
}

function missing(from: string, error: PgError): PgNotice {
  return { ...warning(error.sqlstate, `${from} is missing from this view`), detail: sentence(error.message) };
}

function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}

function rowsOf({ columns, rows }: Table): Row[] {
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, at) => [name, row[at] ?? null])));
}
