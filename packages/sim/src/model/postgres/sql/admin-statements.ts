import type { AlterSystemStmt, CreateSchemaStmt, VariableSetStmt } from 'libpg-query';

import { badSyncNames, mustBeSuperuserFor, tooFewSyncStandbys, unrecognizedParameter, unsupported } from '../errors.ts';
import { parseSyncNames } from '../replication/sync-names.ts';
import { settingDefinition } from '../session/setting-table.ts';
import { checkSetting } from '../session/setting-value.ts';
import type { Session } from '../session/session.ts';
import { command, waitingCommand, type Plan } from './plan.ts';
import { isTaken, refuseReadOnlyFor, schemaShape } from './ddl.ts';
import { settingText } from './setting-statements.ts';

/** ALTER SYSTEM: writes postgresql.auto.conf, also on a standby. In force after a reload, or a restart. */
export function planAlterSystem(session: Session, stmt: AlterSystemStmt): Plan {
  const set = stmt.setstmt as VariableSetStmt;
  const name = (set.name ?? '').toLowerCase();
  return waitingCommand(function* run() {
    session.beAlone('ALTER SYSTEM');
    if (!session.isSuperuser(session.currentUser)) throw mustBeSuperuserFor('ALTER SYSTEM command');
    const { autoConf } = session.host.processes.directory;
    if (set.kind === 'VAR_RESET_ALL') autoConf.clear();
    else if (set.kind === 'VAR_SET_VALUE') autoConf.set(name, checkedText(name, set));
    else if (settingDefinition(name) === undefined) throw unrecognizedParameter(name);
    else autoConf.delete(name);
    yield* session.host.alteredSystem();
    return 'ALTER SYSTEM';
  });
}

function checkedText(name: string, set: VariableSetStmt): string {
  const definition = settingDefinition(name);
  if (definition === undefined) throw unrecognizedParameter(name);
  const text = settingText(name, set.args ?? []);
  checkSetting(definition, text, definition.boot);
  if (name === 'synchronous_standby_names') checkSyncNames(text);
  return text;
}

function checkSyncNames(text: string): void {
  const names = parseSyncNames(text);
  if (names === undefined || !('kind' in names)) return;
  throw names.kind === 'count' ? tooFewSyncStandbys(names.count) : badSyncNames(text, names.detail);
}

/** CHECKPOINT; on a standby a restartpoint. */
export function planCheckpoint(session: Session): Plan {
  return command(() => {
    session.host.processes.checkpoint();
    return 'CHECKPOINT';
  });
}

/** CREATE SCHEMA without elements. */
export function planCreateSchema(session: Session, stmt: CreateSchemaStmt): Plan {
  if (stmt.schemaElts !== undefined || stmt.authrole !== undefined) throw unsupported('this form of CREATE SCHEMA');
  const name = stmt.schemaname ?? '';
  return waitingCommand(function* run() {
    refuseReadOnlyFor(session, 'CREATE SCHEMA');
    if (yield* isTaken(session, 'pg_namespace', name, false, stmt.if_not_exists === true, 'schema'))
      return 'CREATE SCHEMA';
    session.mustTransaction().create(session.namespaceFor(false), schemaShape(session, name));
    return 'CREATE SCHEMA';
  });
}
