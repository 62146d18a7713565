import type { Row, Value } from '../storage/value.ts';
import type { Session } from '../session/session.ts';
import type { Wait } from '../wait.ts';

/** A column of a result, as RowDescription tells it. */
export interface ResultColumn {
  readonly name: string;
  readonly type: number;
  readonly typmod: number;
  /** OID of the table and number of the column if it is one, else 0. */
  readonly table: number;
  readonly attribute: number;
}

export interface Execution {
  readonly session: Session;
  readonly params: readonly Value[];
}

/** A plan at work: yields rows and waits, ends with the command tag. */
export type Running = Generator<Wait | Row, string, void>;

/** An analysed statement. */
export interface Plan {
  /** Undefined if it returns no rows. */
  readonly columns: readonly ResultColumn[] | undefined;
  /** Rows may be asked for one by one (a plain SELECT); otherwise it runs to its end at once and its rows are kept. */
  readonly streaming: boolean;
  /** Sees data, so a snapshot is taken before. */
  readonly snapshot: boolean;
  /** Evaluates the constant parts, as planning does, and asks whether the user may do it. To be called once before `run`. */
  fold?(execution: Execution): void;
  run(execution: Execution): Running;
}

export interface Planned {
  readonly plan: Plan;
  readonly paramTypes: readonly number[];
}

export function isWait(step: Wait | Row): step is Wait {
  return !Array.isArray(step);
}

/** A plan that returns no rows and does not wait. */
export function command(run: (execution: Execution) => string): Plan {
  return {
    columns: undefined,
    streaming: false,
    snapshot: false,
    // oxlint-disable-next-line require-yield -- a command that neither waits nor returns rows
    *run(execution): Running {
      return run(execution);
    },
  };
}

/** A plan that returns no rows and may wait. */
export function waitingCommand(run: (execution: Execution) => Generator<Wait, string, void>, snapshot = false): Plan {
  return { columns: undefined, streaming: false, snapshot, run };
}

/** A utility statement that answers with rows (SHOW, FETCH). */
export function rowsCommand(columns: readonly ResultColumn[], run: (execution: Execution) => Running): Plan {
  return { columns, streaming: false, snapshot: false, run };
}
