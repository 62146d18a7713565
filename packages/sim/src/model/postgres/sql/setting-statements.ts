import type { A_Const, A_Expr, Node, TypeCast, VariableSetStmt } from 'libpg-query';

import { unrecognizedParameter, unsupported } from '../errors.ts';
import { settingDefinition } from '../session/setting-table.ts';
import type { Session } from '../session/session.ts';
import { bodyOf, kindOf } from './parser.ts';
import { command, rowsCommand, type Plan, type ResultColumn, type Running } from './plan.ts';
import { setCharacteristics } from './transaction-statements.ts';
import { oid } from './types.ts';

/** SET, SET LOCAL, RESET, SET TRANSACTION, SET SESSION CHARACTERISTICS. */
export function planSet(session: Session, stmt: VariableSetStmt): Plan {
  const name = stmt.name ?? '';
  const local = stmt.is_local === true;
  return command(() => {
    if (local && !session.outlivesStatement) {
      session.notice({
        level: 'WARNING',
        sqlstate: '25P01',
        message: 'SET LOCAL can only be used in transaction blocks',
      });
    }
    switch (stmt.kind) {
      case 'VAR_SET_VALUE':
        session.setSetting(name, settingText(name, stmt.args ?? []), local);
        return 'SET';
      case 'VAR_SET_DEFAULT':
        session.setSetting(name, undefined, local);
        return 'SET';
      case 'VAR_RESET':
        session.setSetting(name, undefined, false);
        return 'RESET';
      case 'VAR_RESET_ALL':
        session.settings.resetAll();
        return 'RESET';
      case 'VAR_SET_MULTI':
        return setMulti(session, name, stmt.args ?? []);
      default:
        throw unsupported(`${stmt.kind} of ${name}`);
    }
  });
}

function setMulti(session: Session, name: string, args: readonly Node[]): string {
  if (name === 'TRANSACTION') {
    if (!session.outlivesStatement) {
      session.notice({
        level: 'WARNING',
        sqlstate: '25P01',
        message: 'SET TRANSACTION can only be used in transaction blocks',
      });
    }
    setCharacteristics(session, args);
  } else if (name === 'SESSION CHARACTERISTICS') setCharacteristics(session, args, 'default_');
  else throw unsupported(`SET ${name}`);
  return 'SET';
}

/** The words of SET as one text; names in lists are quoted where they must be. */
export function settingText(name: string, args: readonly Node[]): string {
  const list = settingDefinition(name)?.list === true;
  return args
    .map((arg) => {
      const text = constantText(arg);
      return list ? quoteIdentifier(text) : text;
    })
    .join(', ');
}

function constantText(node: Node): string {
  if (kindOf(node) === 'TypeCast') return constantText(bodyOf<TypeCast>(node).arg as Node);
  if (kindOf(node) === 'A_Expr') return `-${constantText(bodyOf<A_Expr>(node).rexpr as Node)}`;
  const { sval, ival, fval, boolval } = bodyOf<A_Const>(node);
  if (sval !== undefined) return sval.sval ?? '';
  if (ival !== undefined) return String(ival.ival ?? 0);
  if (fval !== undefined) return fval.fval ?? '';
  return boolval?.boolval === true ? 'true' : 'false';
}

const reserved: ReadonlySet<string> = new Set([
  'user',
  'select',
  'table',
  'from',
  'where',
  'all',
  'default',
  'order',
  'group',
  'limit',
]);

function quoteIdentifier(text: string): string {
  if (/^[a-z_][a-z0-9_$]*$/.test(text) && !reserved.has(text)) return text;
  return `"${text.replaceAll('"', '""')}"`;
}

export function textColumn(name: string): ResultColumn {
  return { name, type: oid.text, typmod: -1, table: 0, attribute: 0 };
}

/** SHOW name, SHOW ALL. */
export function planShow(session: Session, name: string): Plan {
  if (name === 'all') throw unsupported('SHOW ALL');
  const shown = settingDefinition(name)?.name ?? name;
  if (!session.settings.isKnown(name)) throw unrecognizedParameter(name);
  return rowsCommand([textColumn(shown)], function* run(): Running {
    yield [session.showSetting(name)];
    return 'SHOW';
  });
}
