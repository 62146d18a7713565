import { utf8Text } from '@multigres/core';
import {
  encodeBindComplete,
  encodeCloseComplete,
  encodeCommandComplete,
  encodeDataRow,
  encodeEmptyQueryResponse,
  encodeNoData,
  encodeParameterDescription,
  encodeParseComplete,
  encodePortalSuspended,
  encodeRowDescription,
  type Bind,
  type Close,
  type Describe,
  type Execute,
  type FrontendMessage,
  type MessageWriter,
  type Parse,
} from '@multigres/pgwire';

import {
  bindParameterCount,
  bindParameterFormats,
  bindResultFormats,
  commandInFailedTransaction,
  multipleCommandsInPrepared,
  unsupported,
  unsupportedFormatCode,
} from '../errors.ts';
import { Portal } from '../session/portals.ts';
import type { PreparedStatement } from '../session/prepared-statements.ts';
import type { Session } from '../session/session.ts';
import { pinned } from '../sql/cursor-statements.ts';
import { answeredRoleQuestion } from './role-question.ts';
import { parseStatements, type Statement } from '../sql/parser.ts';
import { command, type Plan, type ResultColumn } from '../sql/plan.ts';
import { currentPlan } from '../sql/prepared.ts';
import { planStatement } from '../sql/statement.ts';
import { isTransactionExit } from '../sql/transaction-statements.ts';
import { receiveValue, sendValue } from '../sql/type-binary.ts';
import { formatValue, parseValue } from '../sql/type-text.ts';
import { knownType, oid, typeInfo } from '../sql/types.ts';
import type { Row, Value } from '../storage/value.ts';
import type { Task, Wait } from '../wait.ts';

/** What the handler needs of its backend. */
export interface Output {
  readonly writer: MessageWriter;
  flush(): void;
  flushIfFull(): Wait | undefined;
  /** Throws if the backend was told to stop. */
  checkInterrupts(): void;
  noteQuery(text: string): void;
}

interface TypePolicy {
  unsupported(text: string): void;
}

/** How many rows are made between two looks at how much output has gathered. */
const rowsPerLook = 64;

const emptyPlan: Plan = command(() => '');

/** Does what the client's messages say (PostgreSQL documentation, "Message Flow"). */
export class MessageHandler {
  readonly #session: Session;
  readonly #output: Output;
  readonly #policy: TypePolicy;

  constructor(session: Session, output: Output, policy: TypePolicy) {
    this.#session = session;
    this.#output = output;
    this.#policy = policy;
  }

  /** Answers whether the client is to be told that the backend is ready again. Throws what the client is to be told as an error. */
  *handle(message: FrontendMessage): Task<boolean> {
    switch (message.kind) {
      case 'query':
        yield* this.#query(message.text);
        return true;
      case 'parse':
        yield* this.#parse(message);
        return false;
      case 'bind':
        yield* this.#bind(message);
        return false;
      case 'describe':
        yield* this.#describe(message);
        return false;
      case 'execute':
        yield* this.#execute(message);
        return false;
      case 'close':
        this.#close(message);
        return false;
      case 'flush':
        this.#output.flush();
        return false;
      case 'sync':
        yield* this.#session.finishCommand();
        return true;
      case 'functionCall':
        throw unsupported('FunctionCall');
      default:
        // What is left of a COPY that has failed is passed over in silence.
        return false;
    }
  }

  // The simple protocol.

  *#query(asked: string): Task<void> {
    const session = this.#session;
    const text = answeredRoleQuestion(asked, (role) => session.host.storedPassword(role));
    this.#output.noteQuery(text);
    session.noteStatementStart();
    session.startCommand();
    session.statements.dropUnnamed();
    const statements = parseStatements(text);
    if (statements.length === 0) encodeEmptyQueryResponse(this.#output.writer);
    for (let i = 0; i < statements.length; i++) {
      yield* this.#simple(statements[i] as Statement, statements.length > 1, i === statements.length - 1);
    }
    yield* session.finishCommand();
  }

  *#simple(statement: Statement, several: boolean, last: boolean): Task<void> {
    const session = this.#session;
    this.#refuseIfFailed(statement);
    session.startCommand();
    if (several) session.startImplicitBlock();
    const { plan } = yield* planStatement(session, statement, [], true);
    plan.fold?.({ session, params: [] });
    if (plan.snapshot) session.takeSnapshot();
    const portal = this.#portal('', statement, plan, [], []);
    // What runs at once is described when it has run.
    if (!plan.streaming) yield* portal.complete();
    if (plan.columns !== undefined) this.#rowDescription(plan.columns, []);
    const { count } = yield* this.#run(portal, 0);
    if (last) {
      session.endImplicitBlock();
      yield* session.finishCommand();
    } else if (statement.kind === 'TransactionStmt') yield* session.finishCommand();
    else session.nextCommand();
    encodeCommandComplete(this.#output.writer, tagOf(portal, count));
  }

  #portal(
    name: string,
    statement: Statement | undefined,
    plan: Plan,
    params: readonly Value[],
    formats: readonly number[],
  ): Portal {
    const session = this.#session;
    return new Portal({
      name,
      plan,
      statement,
      execution: { session, params },
      formats,
      level: session.savepoints.length,
      hold: false,
      cursor: false,
      scroll: 'no',
    });
  }

  *#run(portal: Portal, limit: number): Task<{ readonly count: number; readonly more: boolean }> {
    const columns = portal.plan.columns ?? [];
    const sink = (row: Row): void => this.#dataRow(columns, portal.formats, row);
    let count = 0;
    for (;;) {
      const chunk = limit === 0 ? rowsPerLook : Math.min(rowsPerLook, limit - count);
      const part = yield* portal.forward(chunk, sink);
      count += part.count;
      // What has come to its end, a COMMIT above all, cannot be cancelled any more; a query's end is seen by asking for one more row.
      if (part.more || columns.length > 0) this.#output.checkInterrupts();
      const slow = this.#output.flushIfFull();
      if (slow !== undefined) yield slow;
      if (!part.more || (limit > 0 && count >= limit)) return { count, more: part.more };
    }
  }

  #refuseIfFailed(statement: Statement | undefined): void {
    if (this.#session.block !== 'failed') return;
    if (statement === undefined || !isTransactionExit(statement.kind, statement.node))
      throw commandInFailedTransaction();
  }

  // The extended protocol.

  *#parse(message: Parse): Task<void> {
    const session = this.#session;
    this.#output.noteQuery(message.query);
    session.noteStatementStart();
    session.startCommand();
    if (message.statement === '') session.statements.dropUnnamed();
    const statements = parseStatements(message.query);
    if (statements.length > 1) throw multipleCommandsInPrepared();
    const [statement] = statements;
    let plan: Plan | undefined;
    let paramTypes: readonly number[] = message.parameterTypes;
    if (statement !== undefined) {
      this.#refuseIfFailed(statement);
      this.#refuseUnknownTypes(message.parameterTypes);
      const planned = yield* planStatement(session, statement, message.parameterTypes);
      ({ plan, paramTypes } = planned);
    }
    session.statements.add({
      name: message.statement,
      statement,
      text: message.query,
      paramTypes,
      plan,
      analyze: () => planStatement(session, statement as Statement, paramTypes, true),
      epoch: session.catalogEpoch,
      columns: plan?.columns,
      fromSql: false,
    });
    session.nextCommand();
    encodeParseComplete(this.#output.writer);
  }

  #refuseUnknownTypes(types: readonly number[]): void {
    const unknown = types.find((type) => type !== 0 && !knownType(type));
    if (unknown === undefined) return;
    this.#policy.unsupported(`a parameter of type ${unknown}`);
    throw unsupported(`a parameter of type ${unknown}`);
  }

  *#bind(message: Bind): Task<void> {
    const session = this.#session;
    const prepared = session.statements.must(message.statement);
    session.noteStatementStart();
    session.startCommand();
    this.#output.noteQuery(prepared.text);
    checkCounts(message, prepared);
    this.#refuseIfFailedToBind(prepared);
    if (message.portal === '') session.portals.delete('');
    const params = this.#parameters(message, prepared);
    let plan = prepared.statement === undefined ? emptyPlan : yield* currentPlan(session, prepared);
    checkResultFormats(message, plan);
    plan.fold?.({ session, params });
    if (plan.streaming && plan.snapshot) {
      session.takeSnapshot();
      plan = pinned(plan, session);
    }
    session.portals.add(this.#portal(message.portal, prepared.statement, plan, params, message.resultFormats));
    encodeBindComplete(this.#output.writer);
  }

  #refuseIfFailedToBind(prepared: PreparedStatement): void {
    if (this.#session.block !== 'failed') return;
    const exits =
      prepared.statement !== undefined && isTransactionExit(prepared.statement.kind, prepared.statement.node);
    if (!exits || prepared.paramTypes.length > 0) throw commandInFailedTransaction();
  }

  #parameters(message: Bind, prepared: PreparedStatement): Value[] {
    return message.parameters.map((bytes, i) => {
      if (bytes === null) return null;
      const type = prepared.paramTypes[i] as number;
      const format = formatOf(message.parameterFormats, i);
      if (format === 1) return receiveValue(bytes, type, i + 1);
      if (format !== 0) throw unsupportedFormatCode(format);
      return parseValue(utf8Text(bytes), type);
    });
  }

  *#describe(message: Describe): Task<void> {
    const session = this.#session;
    session.startCommand();
    const { writer } = this.#output;
    if (message.target === 'portal') {
      const portal = session.portals.must(message.name, 'portal');
      if (session.block === 'failed' && portal.plan.columns !== undefined) throw commandInFailedTransaction();
      this.#columns(portal.plan.columns, portal.formats);
      return;
    }
    const prepared = session.statements.must(message.name);
    if (session.block === 'failed' && prepared.columns !== undefined) throw commandInFailedTransaction();
    encodeParameterDescription(writer, prepared.paramTypes);
    // Where no rows come, nobody looks whether the plan still holds.
    if (prepared.columns !== undefined && session.block !== 'failed') yield* currentPlan(session, prepared);
    this.#columns(prepared.columns, []);
  }

  #columns(columns: readonly ResultColumn[] | undefined, formats: readonly number[]): void {
    if (columns === undefined) encodeNoData(this.#output.writer);
    else this.#rowDescription(columns, formats);
  }

  *#execute(message: Execute): Task<void> {
    const session = this.#session;
    const { writer } = this.#output;
    const portal = session.portals.must(message.portal, 'portal');
    if (portal.plan === emptyPlan) {
      encodeEmptyQueryResponse(writer);
      return;
    }
    session.startCommand();
    const { statement } = portal;
    this.#refuseIfFailed(statement);
    portal.refuseIfDone();
    if (portal.plan.snapshot && !portal.plan.streaming) session.takeSnapshot();
    const { count, more } = yield* this.#run(portal, Math.max(0, message.rowsMax));
    if (more) {
      encodePortalSuspended(writer);
      return;
    }
    if (statement?.kind === 'TransactionStmt' || session.commitsAtOnce) yield* session.finishCommand();
    else {
      session.nextCommand();
      session.notePipelined();
    }
    encodeCommandComplete(writer, tagOf(portal, count));
  }

  #close(message: Close): void {
    if (message.target === 'portal') this.#session.portals.delete(message.name);
    else this.#session.statements.delete(message.name);
    encodeCloseComplete(this.#output.writer);
  }

  // Rows.

  #rowDescription(columns: readonly ResultColumn[], formats: readonly number[]): void {
    encodeRowDescription(
      this.#output.writer,
      columns.map((column, i) => ({
        name: column.name,
        tableOid: column.table,
        columnNumber: column.attribute,
        typeOid: column.type,
        typeSize: typeInfo(column.type).length,
        typeModifier: column.typmod,
        format: formatOf(formats, i),
      })),
    );
  }

  #dataRow(columns: readonly ResultColumn[], formats: readonly number[], row: Row): void {
    const style = this.#session.outputStyle;
    encodeDataRow(
      this.#output.writer,
      row.map((value, i) => {
        if (value === null) return null;
        const type = columns[i]?.type ?? oid.text;
        return formatOf(formats, i) === 1 ? sendValue(value, type, style) : formatValue(value, type, style);
      }),
    );
  }
}

function formatOf(formats: readonly number[], i: number): number {
  if (formats.length === 0) return 0;
  return (formats.length === 1 ? formats[0] : formats[i]) ?? 0;
}

function checkCounts(message: Bind, prepared: PreparedStatement): void {
  const { parameterFormats, parameters } = message;
  if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length) {
    throw bindParameterFormats(parameterFormats.length, parameters.length);
  }
  if (parameters.length !== prepared.paramTypes.length) {
    throw bindParameterCount(prepared.name, parameters.length, prepared.paramTypes.length);
  }
}

function checkResultFormats(message: Bind, plan: Plan): void {
  const columns = (plan.columns ?? []).length;
  const formats = message.resultFormats.length;
  if (plan.columns !== undefined && formats > 1 && formats !== columns) throw bindResultFormats(formats, columns);
  const bad = message.resultFormats.find((format) => format !== 0 && format !== 1);
  if (bad !== undefined) throw unsupportedFormatCode(bad);
}

/** SELECT counts the rows of this Execute. */
function tagOf(portal: Portal, count: number): string {
  if (portal.plan.streaming || portal.tag === 'SELECT') return `SELECT ${count}`;
  return portal.tag;
}
