import type { DeclareCursorStmt, FetchStmt, SelectStmt } from 'libpg-query';

import { noActiveTransactionFor, unsupported } from '../errors.ts';
import { Portal } from '../session/portals.ts';
import type { Session } from '../session/session.ts';
import type { Row } from '../storage/value.ts';
import type { Task } from '../wait.ts';
import { bodyOf, type Source } from './parser.ts';
import { command, rowsCommand, waitingCommand, type Plan, type Running } from './plan.ts';
import { planQuery } from './select.ts';

/** Bits of DeclareCursorStmt.options (parsenodes.h). */
const cursorOption = { binary: 1, scroll: 2, noScroll: 4, hold: 32 } as const;

/** FETCH ALL and its like. */
const all = 2 ** 63;

/** DECLARE. */
export function planDeclare(session: Session, source: Source, stmt: DeclareCursorStmt): Plan {
  const options = stmt.options ?? 0;
  const hold = (options & cursorOption.hold) !== 0;
  if ((options & cursorOption.binary) !== 0) throw unsupported('a binary cursor');
  if (stmt.query === undefined || !('SelectStmt' in stmt.query)) throw unsupported('a cursor for this statement');
  const select = bodyOf<SelectStmt>(stmt.query);
  return {
    ...waitingCommand(function* run({ params }) {
      if (!hold && !session.outlivesStatement) throw noActiveTransactionFor('DECLARE CURSOR');
      const plan = yield* planQuery(session, source, select, [], false);
      plan.fold?.({ session, params });
      const level = session.savepoints.length;
      const scroll =
        (options & cursorOption.scroll) !== 0 ? 'yes' : (options & cursorOption.noScroll) !== 0 ? 'no' : 'unsaid';
      const name = stmt.portalname ?? '';
      session.portals.add(
        new Portal({
          name,
          plan: pinned(plan, session),
          execution: { session, params },
          formats: [],
          level,
          hold,
          cursor: true,
          scroll,
          statement: undefined,
        }),
      );
      return 'DECLARE CURSOR';
    }),
    snapshot: true,
  };
}

/** A cursor sees what there was when it was declared, whatever later statements see. */
export function pinned(plan: Plan, session: Session): Plan {
  const transaction = session.mustTransaction();
  const view = transaction.view();
  return {
    ...plan,
    *run(execution): Running {
      const running = plan.run(execution);
      for (;;) {
        const back = transaction.lookWith(view);
        const step = running.next();
        back();
        if (step.done === true) return step.value;
        yield step.value;
      }
    },
  };
}

/** FETCH and MOVE. */
export function planFetch(session: Session, stmt: FetchStmt): Plan {
  const name = stmt.portalname ?? '';
  const word = stmt.ismove === true ? 'MOVE' : 'FETCH';
  const columns = session.portals.get(name)?.plan.columns;
  const collect = function* collect(sink: (row: Row) => void): Task<string> {
    const current = session.portals.must(name, 'cursor');
    const count = yield* fetchRows(current, stmt, sink);
    return `${word} ${count}`;
  };
  if (word === 'MOVE') return waitingCommand(() => collect(() => {}));
  if (columns === undefined) return waitingCommand(() => collect(() => {}));
  return rowsCommand(columns, function* run(): Running {
    const rows: Row[] = [];
    const tag = yield* collect((row) => rows.push(row));
    yield* rows;
    return tag;
  });
}

function* fetchRows(portal: Portal, stmt: FetchStmt, sink: (row: Row) => void): Task<number> {
  const howMany = Number(stmt.howMany ?? 0);
  switch (stmt.direction) {
    case 'FETCH_ABSOLUTE':
      return one(yield* portal.absolute(howMany), sink);
    case 'FETCH_RELATIVE':
      return one(yield* portal.absolute(Math.max(0, portal.position + howMany)), sink);
    case 'FETCH_BACKWARD':
      return yield* go(portal, -howMany, sink);
    default:
      return yield* go(portal, howMany, sink);
  }
}

function* go(portal: Portal, count: number, sink: (row: Row) => void): Task<number> {
  if (count === 0) return one(portal.current(), sink);
  const limit = Math.abs(count) >= all ? 0 : Math.abs(count);
  if (count < 0) return portal.backward(limit, sink);
  return (yield* portal.forward(limit, sink)).count;
}

function one(row: Row | undefined, sink: (row: Row) => void): number {
  if (row === undefined) return 0;
  sink(row);
  return 1;
}

/** CLOSE name, CLOSE ALL. */
export function planClose(session: Session, name: string | undefined): Plan {
  return command(() => {
    if (name === undefined) {
      session.portals.clear();
      return 'CLOSE CURSOR ALL';
    }
    session.portals.must(name, 'cursor');
    session.portals.delete(name);
    return 'CLOSE CURSOR';
  });
}
