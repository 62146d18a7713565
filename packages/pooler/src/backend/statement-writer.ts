import { encodeClose, encodeDescribe, encodeParse, type MessageWriter } from '@multigres/pgwire';
import { statementName, statementNameBytes, useKind, writeStatementName } from '@multigres/relay';
import { customRuns } from '../statement/plan-choice.ts';
import { sameResult, type Result } from '../statement/statement-results.ts';
import type { Statement, StatementUse } from '../statement/statement-table.ts';
import type { PoolerMetrics } from '../telemetry/pooler-metrics.ts';
import type { Description, Group, ScriptStep } from './group.ts';
import type { PreparedStatement, PreparedStatements } from './prepared-statements.ts';
import type { SchemaVersion } from './schema-version.ts';

/** A name that no statement has: closing it does nothing and is answered in order. */
export const nobody: string = statementName(0);

/** In front of the name in a Describe that is about a statement; in a Bind the portal's name ends there. */
const letterS = 0x53;
const unseen: ScriptStep = { forward: 'swallowed' };
const beforeQuery: ScriptStep = { forward: 'swallowed', beforeQuery: true };
const clients: ScriptStep = { forward: 'asItIs' };
const clientsParse: ScriptStep = { forward: 'asParseComplete' };

interface Owner {
  readonly metrics: PoolerMetrics;
  readonly schema: SchemaVersion;
}

/**
 * Writes what sessions send with the names that carried statements have on this backend: prepares there what it lacks, describes it, spares it what it has, and
 * notes in the group's script what becomes of the answers.
 */
export class StatementWriter {
  readonly #writer: MessageWriter;
  readonly #statements: PreparedStatements;
  readonly #owner: Owner;
  readonly #holdBack: (group: Group, descriptions: number) => void;

  /** `holdBack`: nothing more may be sent before so many descriptions have come, which were just asked for. */
  constructor(
    writer: MessageWriter,
    statements: PreparedStatements,
    owner: Owner,
    holdBack: (group: Group, descriptions: number) => void,
  ) {
    this.#writer = writer;
    this.#statements = statements;
    this.#owner = owner;
    this.#holdBack = holdBack;
  }

  /** A piece with uses; `isWhole`: it is all of its group. */
  write(
    group: Group,
    isWhole: boolean,
    uses: readonly StatementUse[],
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.#prepareReferred(group, uses, buffer, start);
    let from = start;
    for (const use of uses) {
      const at = start + use.offset;
      this.#writer.bytes(buffer, from, at);
      from = at;
      if (use.kind === useKind.refers) {
        this.#writeName((use.statement as Statement).number);
        from = at + statementNameBytes;
      } else if (use.kind === useKind.parses) {
        const isBound = binds(uses, use.statement, buffer, start);
        this.#parse(group, this.#statements.use(use.statement as Statement), isWhole && at === start, isBound);
      } else group.expect(stepOf(use));
    }
    this.#writer.bytes(buffer, from, end);
  }

  /** Before the piece: the statements that it refers to and that this backend lacks. */
  #prepareReferred(group: Group, uses: readonly StatementUse[], buffer: Uint8Array, start: number): void {
    const before = this.#statements.uses;
    let descriptions = 0;
    for (const use of uses) {
      if (use.kind !== useKind.refers) continue;
      const prepared = this.#statements.use(use.statement as Statement);
      if (prepared.preparedAt <= before && !this.#parsesBefore(uses, use))
        descriptions += this.#prepare(group, prepared, isDescribe(buffer, start + use.offset));
      if (group.runs === prepared) continue;
      prepared.runs += 1;
      group.runs = prepared;
      group.run = prepared.runs;
    }
    for (let old = this.#statements.evict(before); old !== undefined; old = this.#statements.evict(before))
      this.#writeClose(group, statementName(old.statement.number), old);
    if (descriptions > 0) this.#holdBack(group, descriptions);
  }

  /** Unless it is there, and answers what the session takes it to. Answers how many descriptions decide whether it does. */
  #prepare(group: Group, prepared: PreparedStatement, describes: boolean): number {
    // After an error Postgres skips everything.
    const expected = group.failed ? undefined : group.owner.expectedResult?.(prepared.statement);
    if (isReady(prepared) && isAsExpected(prepared, expected)) return 0;
    this.#writeParse(group, prepared, expected, describes);
    return expected === undefined ? 0 : 1;
  }

  /** The client itself parses the statement earlier in the same piece. */
  #parsesBefore(uses: readonly StatementUse[], reference: StatementUse): boolean {
    for (const use of uses) {
      if (use === reference) return false;
      if (use.kind === useKind.parses && use.statement === reference.statement) return true;
    }
    return false;
  }

  /** The client parses a carried statement: really, or if the backend has it, by a reply in the right place. */
  #parse(group: Group, prepared: PreparedStatement, leads: boolean, isBound: boolean): void {
    const isFresh = isReady(prepared) && !prepared.changed && prepared.schema === this.#owner.schema.now;
    // What is not bound at once may be stale without an error that would show it; and only a group that can run again may find out.
    const mayFindOut = isBound || (leads && group.replay !== undefined);
    if (!isFresh || !mayFindOut) return this.#writeParse(group, prepared, 'owner');
    this.#owner.metrics.avoidedParses.add();
    group.owner.statementPrepared?.(prepared.statement, prepared.result);
    if (!isBound) return this.#lookAt(group, prepared);
    if (leads && !group.hasScript && !group.delivered) {
      group.leadingParseCompletes += 1;
      return;
    }
    group.expect(clientsParse);
    encodeClose(this.#writer, 'statement', nobody);
  }

  /** Postgres is asked whether a statement is still what it was. */
  #lookAt(group: Group, prepared: PreparedStatement): void {
    const description: Description = {
      prepared,
      isOwners: true,
      answersParse: true,
      expected: undefined,
      isUnasked: true,
    };
    group.expect({ forward: 'swallowed', description });
    encodeClose(this.#writer, 'statement', nobody);
    encodeDescribe(this.#writer, 'statement', statementName(prepared.statement.number));
  }

  /**
   * Close first: whether it is there may be in doubt, and closing what is not there is no error. `expected`: what the owner relies on, or `owner` if it is the
   * one who prepares it.
   */
  #writeParse(
    group: Group,
    prepared: PreparedStatement,
    expected: Result | 'owner' | undefined,
    describes: boolean = false,
  ): void {
    this.#owner.metrics.sentParses.add();
    const { statement } = prepared;
    const name = statementName(statement.number);
    const isOwners = expected === 'owner';
    this.#writeClose(group, name, prepared);
    const relied = isOwners ? undefined : expected;
    const isUnasked = relied === undefined || !describes;
    group.expect({
      forward: isOwners ? 'asItIs' : 'swallowed',
      prepared,
      presentAfter: true,
      description: { prepared, isOwners, answersParse: false, expected: relied, isUnasked },
    });
    prepared.runs = 0;
    prepared.changed = false;
    prepared.result = undefined;
    prepared.preparedAt = this.#statements.uses;
    prepared.schema = this.#owner.schema.now;
    if (isOwners) group.owner.statementPrepared?.(statement, undefined);
    encodeParse(this.#writer, name, statement.query, statement.parameterTypes);
    encodeDescribe(this.#writer, 'statement', name);
  }

  #writeClose(group: Group, name: string, prepared: PreparedStatement): void {
    group.expect({ forward: 'swallowed', prepared, presentAfter: false });
    encodeClose(this.#writer, 'statement', name);
  }

  #writeName(number: number): void {
    const name = new Uint8Array(statementNameBytes);
    writeStatementName(name, 0, number);
    this.#writer.bytes(name);
  }
}

function stepOf({ kind }: StatementUse): ScriptStep {
  if (kind === useKind.unseen) return unseen;
  return kind === useKind.beforeQuery ? beforeQuery : clients;
}

/** Whether the backend surely has it, and need not plan it anew. */
function isReady({ present, pending, runs, statement }: PreparedStatement): boolean {
  return present && pending === 0 && (runs < customRuns || !statement.plan.preparesAnew);
}

/** Whether a piece has a Bind of the statement; its bytes begin at `start`. */
function binds(
  uses: readonly StatementUse[],
  statement: Statement | undefined,
  buffer: Uint8Array,
  start: number,
): boolean {
  for (const use of uses)
    if (use.kind === useKind.refers && use.statement === statement && !isDescribe(buffer, start + use.offset))
      return true;
  return false;
}

/** Of the message that names a statement there. */
function isDescribe(buffer: Uint8Array, at: number): boolean {
  return buffer[at - 1] === letterS;
}

function isAsExpected({ result }: PreparedStatement, expected: Result | undefined): boolean {
  return expected === undefined || (result !== undefined && sameResult(expected, result));
}
