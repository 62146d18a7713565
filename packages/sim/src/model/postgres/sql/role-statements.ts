import type {
  AlterRoleSetStmt,
  AlterRoleStmt,
  CreateRoleStmt,
  DefElem,
  DropRoleStmt,
  GrantStmt,
  Node,
  ObjectWithArgs,
  RoleSpec,
} from 'libpg-query';

import {
  cannotAlterRoleWithout,
  duplicateRole,
  permissionDeniedFor,
  undefinedRole,
  unrecognizedParameter,
  unsupported,
} from '../errors.ts';
import type { RoleOptions } from '../session/host.ts';
import { settingDefinition } from '../session/setting-table.ts';
import { checkSetting } from '../session/setting-value.ts';
import type { Session } from '../session/session.ts';
import { refuseReadOnlyFor } from './ddl.ts';
import { bodyOf, stringOf } from './parser.ts';
import { command, type Plan } from './plan.ts';
import { settingText } from './setting-statements.ts';

type Changes = { -readonly [K in keyof RoleOptions]?: RoleOptions[K] };

/** CREATE ROLE and CREATE USER. */
export function planCreateRole(session: Session, stmt: CreateRoleStmt): Plan {
  const name = stmt.role ?? '';
  const changes = changesOf(stmt.options ?? []);
  return command(() => {
    refuseReadOnlyFor(session, 'CREATE ROLE');
    if (!session.isSuperuser(session.currentUser)) throw permissionDeniedFor('create role');
    const transaction = session.mustTransaction();
    if (session.host.store.roles.get(name, transaction.own) !== undefined) throw duplicateRole(name);
    transaction.putRole(name, { login: stmt.stmt_type === 'ROLESTMT_USER', ...changes, name });
    return 'CREATE ROLE';
  });
}

/** ALTER ROLE ... with options. */
export function planAlterRole(session: Session, stmt: AlterRoleStmt): Plan {
  const changes = changesOf(stmt.options ?? []);
  return command(() => {
    refuseReadOnlyFor(session, 'ALTER ROLE');
    change(session, stmt.role, (role) => ({ ...role, ...changes }));
    return 'ALTER ROLE';
  });
}

/** ALTER ROLE ... SET: in force for sessions that log in later. */
export function planAlterRoleSet(session: Session, stmt: AlterRoleSetStmt): Plan {
  const set = stmt.setstmt;
  const name = (set?.name ?? '').toLowerCase();
  if (stmt.database !== undefined || set === undefined) throw unsupported('this form of ALTER ROLE SET');
  return command(() => {
    refuseReadOnlyFor(session, 'ALTER ROLE');
    const definition = settingDefinition(name);
    if (definition === undefined) throw unrecognizedParameter(name);
    change(session, stmt.role, (role) => {
      const settings: Record<string, string> = { ...role.settings };
      if (set.kind === 'VAR_SET_VALUE') {
        settings[name] = settingText(name, set.args ?? []);
        checkSetting(definition, settings[name], definition.boot);
      } else delete settings[name];
      return { ...role, settings };
    });
    return 'ALTER ROLE';
  });
}

/** DROP ROLE. What it owns is not looked at. */
export function planDropRole(session: Session, stmt: DropRoleStmt): Plan {
  return command(() => {
    refuseReadOnlyFor(session, 'DROP ROLE');
    if (!session.isSuperuser(session.currentUser)) throw permissionDeniedFor('drop role');
    const transaction = session.mustTransaction();
    for (const node of stmt.roles ?? []) {
      const name = bodyOf<RoleSpec>(node).rolename ?? '';
      const isThere = session.host.store.roles.get(name, transaction.own) !== undefined;
      if (isThere) transaction.putRole(name, undefined);
      else if (stmt.missing_ok !== true) throw undefinedRole(name);
      else session.notice({ level: 'NOTICE', sqlstate: '00000', message: `role "${name}" does not exist, skipping` });
    }
    return 'DROP ROLE';
  });
}

/** GRANT EXECUTE ON FUNCTION: what pg_rewind's user needs. Other privileges are not modelled. */
export function planGrant(session: Session, stmt: GrantStmt): Plan {
  const executes = (stmt.privileges ?? []).some((node) => bodyOf<{ priv_name?: string }>(node).priv_name === 'execute');
  if (stmt.is_grant !== true || stmt.objtype !== 'OBJECT_FUNCTION' || !executes)
    throw unsupported('this form of GRANT');
  const functions = (stmt.objects ?? []).map((node) => stringOf(bodyOf<ObjectWithArgs>(node).objname?.at(-1)));
  return command(() => {
    refuseReadOnlyFor(session, 'GRANT');
    for (const node of stmt.grantees ?? []) {
      change(session, bodyOf<RoleSpec>(node), (role) => ({
        ...role,
        functions: [...new Set([...(role.functions ?? []), ...functions])],
      }));
    }
    return 'GRANT';
  });
}

function change(session: Session, spec: RoleSpec | undefined, make: (role: RoleOptions) => RoleOptions): void {
  const name =
    spec?.roletype === 'ROLESPEC_CURRENT_USER' || spec?.roletype === 'ROLESPEC_CURRENT_ROLE'
      ? session.currentUser
      : (spec?.rolename ?? '');
  const transaction = session.mustTransaction();
  const role = session.host.store.roles.get(name, transaction.own);
  if (role === undefined) throw undefinedRole(name);
  if (!session.isSuperuser(session.currentUser) && name !== session.currentUser) throw cannotAlterRoleWithout();
  transaction.putRole(name, make(role));
}

function changesOf(options: readonly Node[]): Changes {
  const changes: Changes = {};
  for (const node of options) {
    const { defname, arg } = bodyOf<DefElem>(node);
    const on = arg !== undefined && bodyOf<{ boolval?: boolean }>(arg).boolval === true;
    if (defname === 'canlogin') changes.login = on;
    else if (defname === 'superuser') changes.superuser = on;
    else if (defname === 'isreplication') changes.replication = on;
    else if (defname === 'password') changes.password = stringOf(arg);
    else if (!['inherit', 'createdb', 'createrole'].includes(defname ?? '')) throw unsupported(`the option ${defname}`);
  }
  return changes;
}
