import { invalidParameterValueFor, unsupported } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { Value } from '../storage/value.ts';
import type { Task } from '../wait.ts';
import { advisoryFunctions } from './advisory-functions.ts';
import { Decimal } from './decimal.ts';
import { sequenceFunctions } from './sequence-functions.ts';
import { serverFunctions } from './server-functions.ts';
import { oid } from './types.ts';

export interface FunctionDefinition {
  readonly name: string;
  readonly arguments: readonly number[];
  readonly returns: number;
  /** A null argument makes the result null without a call; default true. */
  readonly strict?: boolean;
  /** Must be called anew for each row. */
  readonly volatile?: boolean;
  /** Depends on nothing but its arguments. */
  readonly immutable?: boolean;
  /** Looks at literal arguments while the statement is analysed; throws. */
  readonly checkLiteral?: (session: Session, text: string, position: number | undefined) => void;
  readonly evaluate?: (session: Session, args: readonly Value[]) => Value;
  /** Instead of `evaluate`: a call that may wait. */
  readonly wait?: (session: Session, args: readonly Value[]) => Task<Value>;
}

const sessionFunctions: readonly FunctionDefinition[] = [
  { name: 'pg_backend_pid', arguments: [], returns: oid.int4, evaluate: (session) => session.pid },
  { name: 'current_database', arguments: [], returns: oid.name, evaluate: (session) => session.database },
  { name: 'current_schema', arguments: [], returns: oid.name, evaluate: (session) => session.currentSchema() ?? null },
  {
    name: 'version',
    arguments: [],
    returns: oid.text,
    evaluate: (session) => `PostgreSQL ${session.settings.get('server_version')} on a simulated machine`,
  },
  { name: 'now', arguments: [], returns: oid.timestamptz, evaluate: (session) => session.transactionStartMicros },
  {
    name: 'transaction_timestamp',
    arguments: [],
    returns: oid.timestamptz,
    evaluate: (session) => session.transactionStartMicros,
  },
  {
    name: 'statement_timestamp',
    arguments: [],
    returns: oid.timestamptz,
    evaluate: (session) => session.statementStartMicros,
  },
  {
    name: 'clock_timestamp',
    arguments: [],
    returns: oid.timestamptz,
    volatile: true,
    evaluate: (session) => session.wallMicros(),
  },
  {
    name: 'txid_current_if_assigned',
    arguments: [],
    returns: oid.int8,
    evaluate: (session) =>
      session.transaction === undefined || session.transaction.topXid === 0 ? null : BigInt(session.transaction.topXid),
  },
  {
    name: 'current_setting',
    arguments: [oid.text],
    returns: oid.text,
    evaluate: (session, [name]) => session.showSetting(name as string),
  },
  {
    name: 'current_setting',
    arguments: [oid.text, oid.bool],
    returns: oid.text,
    evaluate: (session, [name, missingOk]) =>
      missingOk === true && !session.settings.isKnown(name as string) ? null : session.showSetting(name as string),
  },
  {
    name: 'set_config',
    arguments: [oid.text, oid.text, oid.bool],
    returns: oid.text,
    strict: false,
    volatile: true,
    evaluate: (session, [name, value, local]) => {
      session.setSetting(name as string, value === null ? undefined : (value as string), local === true);
      return session.showSetting(name as string);
    },
  },
  {
    name: 'pg_notify',
    arguments: [oid.text, oid.text],
    returns: oid.void,
    strict: false,
    volatile: true,
    evaluate: (session, [channel, payload]) => {
      session.notifications.notify((channel as string | null) ?? '', (payload as string | null) ?? '');
      return '';
    },
  },
  {
    name: 'pg_cancel_backend',
    arguments: [oid.int4],
    returns: oid.bool,
    volatile: true,
    evaluate: (session, [pid]) => session.signalBackend(pid as number, 'cancel'),
  },
  {
    name: 'pg_terminate_backend',
    arguments: [oid.int4],
    returns: oid.bool,
    volatile: true,
    evaluate: (session, [pid]) => session.signalBackend(pid as number, 'terminate'),
  },
  {
    name: 'random',
    arguments: [],
    returns: oid.float8,
    volatile: true,
    evaluate: (session) => session.randomFraction(),
  },
  {
    name: 'pg_sleep',
    arguments: [oid.float8],
    returns: oid.void,
    *wait(session, [seconds]): Task<Value> {
      yield session.sleep(Math.max(0, (seconds as number) * 1000));
      return '';
    },
  },
];

const valueFunctions: readonly FunctionDefinition[] = [
  {
    name: 'length',
    arguments: [oid.text],
    returns: oid.int4,
    evaluate: (_session, [text]) => [...(text as string)].length,
  },
  {
    name: 'lower',
    arguments: [oid.text],
    returns: oid.text,
    evaluate: (_session, [text]) => (text as string).toLowerCase(),
  },
  {
    name: 'upper',
    arguments: [oid.text],
    returns: oid.text,
    evaluate: (_session, [text]) => (text as string).toUpperCase(),
  },
  {
    name: 'repeat',
    arguments: [oid.text, oid.int4],
    returns: oid.text,
    evaluate: (_session, [text, times]) => {
      const count = Math.max(0, times as number);
      if ((text as string).length * count > 64_000_000) throw unsupported('a text of this length');
      return (text as string).repeat(count);
    },
  },
  { name: 'abs', arguments: [oid.int4], returns: oid.int4, evaluate: (_session, [value]) => Math.abs(value as number) },
  {
    name: 'abs',
    arguments: [oid.int8],
    returns: oid.int8,
    evaluate: (_session, [value]) => ((value as bigint) < 0n ? -(value as bigint) : (value as bigint)),
  },
  {
    name: 'abs',
    arguments: [oid.numeric],
    returns: oid.numeric,
    evaluate: (_session, [value]) => {
      const { unscaled, scale } = value as Decimal;
      return new Decimal(unscaled < 0n ? -unscaled : unscaled, scale);
    },
  },
  {
    name: 'chr',
    arguments: [oid.int4],
    returns: oid.text,
    evaluate: (_session, [code]) => {
      if ((code as number) <= 0) throw invalidParameterValueFor('null character not permitted');
      return String.fromCodePoint(code as number);
    },
  },
];

const byName: Map<string, FunctionDefinition[]> = new Map();
const pure = valueFunctions.map((definition) => ({ ...definition, immutable: true }));
for (const definition of [
  ...sessionFunctions,
  ...serverFunctions,
  ...pure,
  ...advisoryFunctions,
  ...sequenceFunctions,
]) {
  const same = byName.get(definition.name);
  if (same === undefined) byName.set(definition.name, [definition]);
  else same.push(definition);
}

/** All functions of a name, in the order in which they are preferred. */
export function functionsNamed(name: string): readonly FunctionDefinition[] {
  return byName.get(name) ?? [];
}
