import type { CopyStmt, DefElem, RangeVar, SelectStmt } from 'libpg-query';

import { utf8Text } from '@multigres/core';

import { copyContext, copyExtraData, copyMissingData, undefinedColumnOf, unsupported } from '../errors.ts';
import { lockMode } from '../storage/lock-mode.ts';
import type { Column, Relation } from '../storage/relation.ts';
import type { Row, Value } from '../storage/value.ts';
import type { Session } from '../session/session.ts';
import type { Task } from '../wait.ts';
import { newAnalysis, type Analysis } from './expression.ts';
import { fullRow, insertRow } from './insert.ts';
import { bodyOf, stringOf, type Source } from './parser.ts';
import { isWait, type Plan, type Running } from './plan.ts';
import { checkAccess, refuseReadOnly } from './row-check.ts';
import { columnsOf, lockTable, scan } from './scan.ts';
import { newEnv, planSelect } from './select.ts';
import { formatValue, parseValue } from './type-text.ts';

/** COPY table FROM STDIN, COPY table TO STDOUT and COPY (query) TO STDOUT, in text format (PostgreSQL documentation, "COPY"). */
export function planCopy(session: Session, source: Source, stmt: CopyStmt): Plan {
  if (stmt.filename !== undefined || stmt.is_program === true) throw unsupported('COPY with a file or a program');
  checkOptions(stmt);
  const analysis = newAnalysis(session, source);
  return {
    columns: undefined,
    streaming: false,
    snapshot: true,
    run: () => (stmt.is_from === true ? copyFrom(session, analysis, stmt) : copyTo(session, analysis, stmt)),
  };
}

function checkOptions(stmt: CopyStmt): void {
  for (const node of stmt.options ?? []) {
    const { defname, arg } = bodyOf<DefElem>(node);
    if (defname !== 'format' || stringOf(arg) !== 'text') throw unsupported(`the option ${defname} of COPY`);
  }
  if (stmt.whereClause !== undefined) throw unsupported('COPY WHERE');
}

/** COPY tells no position of its table. */
function withoutPlace(range: RangeVar | undefined): RangeVar {
  return { ...range, location: -1 };
}

function copyColumns(stmt: CopyStmt, relation: Relation): number[] {
  if (stmt.attlist === undefined) return relation.shape.columns.map((_column, i) => i);
  return stmt.attlist.map((node) => {
    const name = stringOf(node);
    const at = relation.shape.columns.findIndex((column) => column.name === name);
    if (at < 0) throw undefinedColumnOf(name, relation.shape.name, undefined);
    return at;
  });
}

function* copyFrom(session: Session, analysis: Analysis, stmt: CopyStmt): Running {
  const { relation } = yield* lockTable(session, withoutPlace(stmt.relation), analysis.source, lockMode.rowExclusive);
  checkAccess(session, relation);
  refuseReadOnly(session, relation, 'COPY FROM');
  const columns = copyColumns(stmt, relation);
  session.client.beginCopyIn(columns.length);
  const reader = new LineReader();
  let count = 0;
  for (;;) {
    const bytes = yield* session.client.copyData();
    for (const line of bytes === undefined ? reader.rest() : reader.feed(bytes)) {
      if (line === '\\.') continue;
      count += 1;
      yield* copyLine(session, relation, columns, line, count);
    }
    if (bytes === undefined) return `COPY ${count}`;
  }
}

function* copyLine(
  session: Session,
  relation: Relation,
  columns: readonly number[],
  line: string,
  number: number,
): Task<void> {
  const where = `COPY ${relation.shape.name}, line ${number}`;
  const fields = line.split('\t');
  const names = columns.map((at) => relation.shape.columns[at] as Column);
  if (fields.length > columns.length) throw copyExtraData(`${where}: "${line}"`);
  const values = names.map((column, i) => {
    const field = fields[i];
    if (field === undefined) throw copyMissingData(column.name, `${where}: "${line}"`);
    return parseField(field, column, where);
  });
  try {
    yield* insertRow(session, relation, fullRow(session, relation, columns, values), false);
  } catch (error) {
    throw copyContext(
      error,
      error instanceof Error && /null value/.test(error.message) ? `${where}: "${line}"` : where,
    );
  }
}

function parseField(field: string, column: Column, where: string): Value {
  if (field === '\\N') return null;
  const text = unescape(field);
  try {
    return parseValue(text, column.type, column.typmod, true);
  } catch (error) {
    throw copyContext(error, `${where}, column ${column.name}: "${text}"`);
  }
}

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unescape(field: string): string {
  if (!field.includes('\\')) return field;
  return field.replace(/\\([\s\S])/g, (_all, letter: string) => escapes[letter] ?? letter);
}

function escape(text: string): string {
  return text.replace(/[\b\f\n\r\t\v\\]/g, (letter) => {
    const found = Object.keys(escapes).find((name) => escapes[name] === letter);
    return `\\${found ?? '\\'}`;
  });
}

/** Cuts the stream into lines; the pieces may end anywhere, even inside a character. */
class LineReader {
  #held: Uint8Array = new Uint8Array(0);

  feed(bytes: Uint8Array): string[] {
    const all = new Uint8Array(this.#held.length + bytes.length);
    all.set(this.#held);
    all.set(bytes, this.#held.length);
    const end = all.lastIndexOf(10);
    this.#held = all.subarray(end + 1);
    return end < 0 ? [] : utf8Text(all.subarray(0, end)).split('\n');
  }

  /** A last line without its end. */
  rest(): string[] {
    return this.#held.length === 0 ? [] : [utf8Text(this.#held)];
  }
}

function* copyTo(session: Session, analysis: Analysis, stmt: CopyStmt): Running {
  const rows =
    stmt.query === undefined ? yield* tableRows(session, analysis, stmt) : yield* queryRows(session, analysis, stmt);
  session.client.beginCopyOut(rows.columns.length);
  let count = 0;
  for (const step of rows.run()) {
    if (isWait(step)) {
      yield step;
      continue;
    }
    count += 1;
    const fields = step.map((value, i) =>
      value === null ? '\\N' : escape(formatValue(value, rows.columns[i]?.type ?? 0, session.outputStyle)),
    );
    const slow = session.client.copyLine(fields.join('\t'));
    if (slow !== undefined) yield slow;
  }
  session.client.endCopyOut();
  return `COPY ${count}`;
}

interface CopyRows {
  readonly columns: readonly { readonly type: number }[];
  run(): Running;
}

function* tableRows(session: Session, analysis: Analysis, stmt: CopyStmt): Task<CopyRows> {
  const { relation } = yield* lockTable(session, withoutPlace(stmt.relation), analysis.source, lockMode.accessShare);
  checkAccess(session, relation);
  const columns = copyColumns(stmt, relation);
  const all = columnsOf(relation);
  return {
    columns: columns.map((at) => ({ type: all[at]?.type ?? 0 })),
    *run(): Running {
      const env = newEnv({ session, params: [] });
      for (const version of scan(relation, session.mustTransaction().view(), undefined, env)) {
        yield columns.map((at) => version.values[at] ?? null) as Row;
      }
      return 'COPY';
    },
  };
}

function* queryRows(session: Session, analysis: Analysis, stmt: CopyStmt): Task<CopyRows> {
  if (stmt.query === undefined || !('SelectStmt' in stmt.query)) throw unsupported('COPY of this query');
  const plan = yield* planSelect(analysis, bodyOf<SelectStmt>(stmt.query));
  plan.fold?.({ session, params: [] });
  return { columns: plan.columns ?? [], run: () => plan.run({ session, params: [] }) };
}
