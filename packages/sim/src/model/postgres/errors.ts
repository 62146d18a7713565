import { PgError, formatLsn, type Lsn, type PgErrorInit } from '@multigres/core';

import type { TableShape } from './storage/relation.ts';

/** An error that the model makes because it lacks something that Postgres may have. It stops the run (`onUnsupported`). */
export class Unsupported extends PgError {
  /** What is lacking. */
  readonly what: string;

  constructor(what: string) {
    super({ sqlstate: '0A000', message: `the simulated Postgres does not model ${what}` });
    this.what = what;
  }
}

export const unsupported = (what: string): PgError => new Unsupported(what);

type Rest = Omit<PgErrorInit, 'sqlstate' | 'message' | 'position'>;

function make(sqlstate: string, message: string, position?: number, rest: Rest = {}): PgError {
  return new PgError({ sqlstate, message, ...(position === undefined ? {} : { position }), ...rest });
}

/** The same error, telling where in the statement it happened. */
export function withPosition(error: unknown, position: number | undefined): unknown {
  if (
    !(error instanceof PgError) ||
    error instanceof Unsupported ||
    position === undefined ||
    error.report.position !== undefined
  )
    return error;
  return new PgError({ ...error.report, position, fate: error.fate });
}

/** The same error, telling which line of COPY it concerns. */
export function copyContext(error: unknown, where: string): unknown {
  if (!(error instanceof PgError) || error instanceof Unsupported || error.report.where !== undefined) return error;
  return new PgError({ ...error.report, where, fate: error.fate });
}

// Syntax and names.

export const syntaxError = (message: string, position: number | undefined): PgError => make('42601', message, position);

export const undefinedRelation = (name: string, position: number | undefined): PgError =>
  make('42P01', `relation "${name}" does not exist`, position);

export const undefinedColumn = (name: string, qualified: boolean, position: number | undefined): PgError =>
  make('42703', qualified ? `column ${name} does not exist` : `column "${name}" does not exist`, position);

export const ambiguousColumn = (name: string, position: number | undefined): PgError =>
  make('42702', `column reference "${name}" is ambiguous`, position);

export const conflictNeedsTarget = (position: number | undefined): PgError =>
  make('42601', 'ON CONFLICT DO UPDATE requires inference specification or constraint name', position, {
    hint: 'For example, ON CONFLICT (column_name).',
  });

export const cannotAffectTwice = (): PgError =>
  make('21000', 'ON CONFLICT DO UPDATE command cannot affect row a second time', undefined, {
    hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
  });

export const undefinedColumnOf = (name: string, table: string, position: number | undefined): PgError =>
  make('42703', `column "${name}" of relation "${table}" does not exist`, position);

export const undefinedColumnInKey = (name: string, position: number | undefined): PgError =>
  make('42703', `column "${name}" named in key does not exist`, position);

export const missingFrom = (
  name: string,
  scope: { readonly alias: string; readonly table: string | undefined } | undefined,
  position: number | undefined,
): PgError => {
  if (scope === undefined || scope.table !== name)
    return make('42P01', `missing FROM-clause entry for table "${name}"`, position);
  const hint = `Perhaps you meant to reference the table alias "${scope.alias}".`;
  return make('42P01', `invalid reference to FROM-clause entry for table "${name}"`, position, { hint });
};

export const undefinedFunction = (signature: string, position: number | undefined): PgError =>
  make('42883', `function ${signature} does not exist`, position, {
    hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
  });

export const undefinedOperator = (left: string, name: string, right: string, position: number | undefined): PgError =>
  make('42883', `operator does not exist: ${left === '' ? '' : `${left} `}${name} ${right}`, position, {
    hint:
      left === ''
        ? 'No operator matches the given name and argument type. You might need to add an explicit type cast.'
        : 'No operator matches the given name and argument types. You might need to add explicit type casts.',
  });

export const operatorNotUnique = (name: string, position: number | undefined): PgError =>
  make('42725', `operator is not unique: unknown ${name} unknown`, position, {
    hint: 'Could not choose a best candidate operator. You might need to add explicit type casts.',
  });

export const undefinedType = (name: string, position: number | undefined): PgError =>
  make('42704', `type "${name}" does not exist`, position);

export const undefinedSchema = (name: string, position: number | undefined): PgError =>
  make('3F000', `schema "${name}" does not exist`, position);

export const noSchemaSelected = (): PgError => make('3F000', 'no schema has been selected to create in');

export const undefinedObjectToDrop = (kind: string, name: string): PgError =>
  make('42P01', `${kind} "${name}" does not exist`);

export const wrongObjectType = (name: string, kind: string): PgError => make('42809', `"${name}" is not a ${kind}`);

export const notASequence = (name: string): PgError => make('42809', `"${name}" is not a sequence`);

export const duplicateRelation = (name: string): PgError => make('42P07', `relation "${name}" already exists`);

export const duplicateColumn = (name: string, position: number | undefined): PgError =>
  make('42701', `column "${name}" specified more than once`, position);

export const multiplePrimaryKeys = (table: string, position: number | undefined): PgError =>
  make('42P16', `multiple primary keys for table "${table}" are not allowed`, position);

export const starWithoutTables = (position: number | undefined): PgError =>
  make('42601', 'SELECT * with no tables specified is not valid', position);

export const orderPositionNotInList = (clause: string, at: number, position: number | undefined): PgError =>
  make('42P10', `${clause} position ${at} is not in select list`, position);

export const mustAppearInGroupBy = (name: string, position: number | undefined): PgError =>
  make('42803', `column "${name}" must appear in the GROUP BY clause or be used in an aggregate function`, position);

export const duplicateSchema = (name: string): PgError => make('42P06', `schema "${name}" already exists`);

export const couldNotWriteConfig = (): PgError => make('58030', 'could not write to file "postgresql.auto.conf.tmp"');

export const duplicateRole = (name: string): PgError => make('42710', `role "${name}" already exists`);

export const undefinedRole = (name: string): PgError => make('42704', `role "${name}" does not exist`);

export const permissionDeniedFor = (what: string): PgError => make('42501', `permission denied to ${what}`);

export const cannotAlterRoleWithout = (): PgError => make('42501', 'permission denied to alter role');

export const mayNotLogIn = (name: string): PgError =>
  make('28000', `role "${name}" is not permitted to log in`, undefined, { severity: 'FATAL' });

export const mayNotReplicate = (major: number): PgError =>
  major < 16
    ? make('42501', 'must be superuser or replication role to start walsender', undefined, { severity: 'FATAL' })
    : make('42501', 'permission denied to start WAL sender', undefined, {
        severity: 'FATAL',
        detail: 'Only roles with the REPLICATION attribute may start a WAL sender process.',
      });

export const tooManySenders = (): PgError =>
  make('53300', 'number of requested standby connections exceeds "max_wal_senders" (currently 10)', undefined, {
    severity: 'FATAL',
  });

export const mustBeSuperuserFor = (what: string): PgError => make('42501', `must be superuser to execute ${what}`);

export const aggregateNotAllowed = (clause: string, position: number | undefined): PgError =>
  make('42803', `aggregate functions are not allowed in ${clause}`, position);

export const nestedAggregate = (position: number | undefined): PgError =>
  make('42803', 'aggregate function calls cannot be nested', position);

export const withLockingNotAllowed = (what: string): PgError => make('0A000', `FOR UPDATE is not allowed with ${what}`);

export const insertTooManyTargets = (position: number | undefined): PgError =>
  make('42601', 'INSERT has more expressions than target columns', position);

export const insertTooFewTargets = (position: number | undefined): PgError =>
  make('42601', 'INSERT has more target columns than expressions', position);

export const valuesListsDiffer = (): PgError => make('42601', 'VALUES lists must all be the same length');

export const noUniqueConstraintForConflict = (): PgError =>
  make('42P10', 'there is no unique or exclusion constraint matching the ON CONFLICT specification');

// Types.

export const cannotCast = (from: string, to: string, position: number | undefined): PgError =>
  make('42846', `cannot cast type ${from} to ${to}`, position);

export const cannotAssign = (column: string, to: string, from: string, position: number | undefined): PgError =>
  make('42804', `column "${column}" is of type ${to} but expression is of type ${from}`, position, {
    hint: 'You will need to rewrite or cast the expression.',
  });

export const argumentMustBeBoolean = (clause: string, type: string, position: number | undefined): PgError =>
  make('42804', `argument of ${clause} must be type boolean, not type ${type}`, position);

export const cannotMatchTypes = (construct: string, a: string, b: string, position: number | undefined): PgError =>
  make('42804', `${construct} types ${a} and ${b} cannot be matched`, position);

export const undefinedParameter = (number: number, position: number | undefined): PgError =>
  make('42P02', `there is no parameter $${number}`, position);

export const indeterminateType = (number: number): PgError =>
  make('42P18', `could not determine data type of parameter $${number}`);

export const indeterminateParameter = (number: number, a: string, b: string, position: number | undefined): PgError =>
  make('42P08', `inconsistent types deduced for parameter $${number}`, position, { detail: `${a} versus ${b}` });

export const invalidTextRepresentation = (type: string, text: string): PgError =>
  make('22P02', `invalid input syntax for type ${type}: "${text}"`);

export const invalidHexadecimal = (digits: string): PgError => {
  const bad = /[^0-9a-fA-F]/u.exec(digits)?.[0];
  return bad === undefined
    ? make('22023', 'invalid hexadecimal data: odd number of digits')
    : make('22023', `invalid hexadecimal digit: "${bad}"`);
};

export const invalidDatetime = (type: string, text: string): PgError =>
  make('22007', `invalid input syntax for type ${type}: "${text}"`);

export const valueOutOfRangeForType = (text: string, type: string): PgError =>
  make('22003', `value "${text}" is out of range for type ${type}`);

export const integerOutOfRangeOf = (type: string): PgError => make('22003', `${type} out of range`);

export const numericFieldOverflow = (precision: number, scale: number): PgError =>
  make('22003', 'numeric field overflow', undefined, {
    detail: `A field with precision ${precision}, scale ${scale} must round to an absolute value less than ${precision === scale ? '1' : `10^${precision - scale}`}.`,
  });

export const valueTooLong = (type: string): PgError => make('22001', `value too long for type ${type}`);

export const divisionByZero = (): PgError => make('22012', 'division by zero');

export const invalidParameterValueFor = (message: string): PgError => make('22023', message);

export const limitMustNotBeNegative = (clause: 'LIMIT' | 'OFFSET'): PgError =>
  make(clause === 'LIMIT' ? '2201W' : '2201X', `${clause} must not be negative`);

export const incorrectBinaryFormat = (parameter: number, tooShort: boolean): PgError =>
  tooShort
    ? make('08P01', 'insufficient data left in message')
    : make('22P03', `incorrect binary data format in bind parameter ${parameter}`);

// Constraints and concurrency.

export const uniqueViolation = (shape: TableShape, detail: string): PgError =>
  make('23505', `duplicate key value violates unique constraint "${shape.primaryKeyName ?? ''}"`, undefined, {
    detail,
    schema: shape.schema,
    table: shape.name,
    ...(shape.primaryKeyName === undefined ? {} : { constraint: shape.primaryKeyName }),
  });

export const notNullViolation = (shape: TableShape, column: string, row: string): PgError =>
  make(
    '23502',
    `null value in column "${column}" of relation "${shape.name}" violates not-null constraint`,
    undefined,
    {
      detail: `Failing row contains (${row}).`,
      schema: shape.schema,
      table: shape.name,
      column,
    },
  );

export const couldNotSerialize = (what: 'update' | 'delete'): PgError =>
  make('40001', `could not serialize access due to concurrent ${what}`);

export const deadlockDetected = (detail: string): PgError =>
  make('40P01', 'deadlock detected', undefined, { detail, hint: 'See server log for query details.' });

export const couldNotObtainLockOnRow = (table: string): PgError =>
  make('55P03', `could not obtain lock on row in relation "${table}"`);

export const couldNotObtainLockOnRelation = (table: string): PgError =>
  make('55P03', `could not obtain lock on relation "${table}"`);

export const readOnlyTransaction = (what: string): PgError =>
  make('25006', `cannot execute ${what} in a read-only transaction`);

// Transactions.

export const commandInFailedTransaction = (): PgError =>
  make('25P02', 'current transaction is aborted, commands ignored until end of transaction block');

export const noActiveTransactionFor = (what: string): PgError =>
  make('25P01', `${what} can only be used in transaction blocks`);

export const cannotRunInBlock = (what: string): PgError =>
  make('25001', `${what} cannot run inside a transaction block`);

export const cannotRunInPipeline = (what: string): PgError =>
  make('25001', `${what} cannot be executed within a pipeline`);

export const savepointDoesNotExist = (name: string): PgError => make('3B001', `savepoint "${name}" does not exist`);

export const transactionIsolationTooLate = (message: string): PgError => make('25001', message);

// Prepared statements, portals, cursors.

export const duplicatePreparedStatement = (name: string): PgError =>
  make('42P05', `prepared statement "${name}" already exists`);

export const undefinedPreparedStatement = (name: string): PgError =>
  make(
    '26000',
    name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
  );

export const invalidPrepare = (message: string): PgError => make('42P14', message);

export const multipleCommandsInPrepared = (): PgError =>
  make('42601', 'cannot insert multiple commands into a prepared statement');

export const wrongParameterCount = (name: string, expected: number, given: number): PgError =>
  make('42601', `wrong number of parameters for prepared statement "${name}"`, undefined, {
    detail: `Expected ${expected} parameters but got ${given}.`,
  });

export const cannotCoerceParameter = (
  number: number,
  from: string,
  to: string,
  position: number | undefined,
): PgError =>
  make('42804', `parameter $${number} of type ${from} cannot be coerced to the expected type ${to}`, position, {
    hint: 'You will need to rewrite or cast the expression.',
  });

export const bindParameterCount = (name: string, given: number, needed: number): PgError =>
  make('08P01', `bind message supplies ${given} parameters, but prepared statement "${name}" requires ${needed}`);

export const bindParameterFormats = (formats: number, parameters: number): PgError =>
  make('08P01', `bind message has ${formats} parameter formats but ${parameters} parameters`);

export const bindResultFormats = (formats: number, columns: number): PgError =>
  make('08P01', `bind message has ${formats} result formats but query has ${columns} columns`);

export const unsupportedFormatCode = (code: number): PgError => make('22023', `unsupported format code: ${code}`);

export const cachedPlanChanged = (): PgError => make('0A000', 'cached plan must not change result type');

export const undefinedCursor = (name: string, word: 'cursor' | 'portal'): PgError =>
  make('34000', `${word} "${name}" does not exist`);

export const duplicateCursor = (name: string): PgError => make('42P03', `cursor "${name}" already exists`);

export const portalCannotBeRun = (name: string): PgError => make('55000', `portal "${name}" cannot be run`);

export const cursorOnlyForward = (): PgError =>
  make('55000', 'cursor can only scan forward', undefined, {
    hint: 'Declare it with SCROLL option to enable backward scan.',
  });

// Settings and roles.

export const unrecognizedParameter = (name: string): PgError =>
  make('42704', `unrecognized configuration parameter "${name}"`);

export const invalidParameterValue = (name: string, value: string, hint?: string): PgError =>
  make('22023', `invalid value for parameter "${name}": "${value}"`, undefined, hint === undefined ? {} : { hint });

export const invalidParameterUnit = (name: string, value: string, unit: string | undefined): PgError => {
  if (unit === undefined) return invalidParameterValue(name, value);
  const hint =
    unit === 'kB' || unit === '8kB' || unit === 'MB'
      ? 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".'
      : 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".';
  return invalidParameterValue(name, value, hint);
};

export const booleanParameter = (name: string): PgError =>
  make('22023', `parameter "${name}" requires a Boolean value`);

export const integerOutOfRange = (
  definition: { readonly name: string; readonly unit?: string },
  value: number,
  least: number,
  greatest: number,
): PgError => {
  const unit = definition.unit === undefined ? '' : ` ${definition.unit}`;
  return make(
    '22023',
    `${value}${unit} is outside the valid range for parameter "${definition.name}" (${least}${unit} .. ${greatest}${unit})`,
  );
};

export const cannotSetInternal = (name: string): PgError => make('55P02', `parameter "${name}" cannot be changed`);

export const settingNeedsRestart = (name: string): PgError =>
  make('55P02', `parameter "${name}" cannot be changed without restarting the server`);

export const settingCannotBeChangedNow = (name: string, when = 'now'): PgError =>
  make(
    '55P02',
    when === 'now' ? `parameter "${name}" cannot be changed now` : `parameter "${name}" cannot be set ${when}`,
  );

export const permissionDeniedToSet = (name: string): PgError =>
  make('42501', `permission denied to set parameter "${name}"`);

export const permissionDenied = (kind: string, name: string): PgError =>
  make('42501', `permission denied for ${kind} ${name}`);

export const mustBeOwner = (kind: string, name: string): PgError => make('42501', `must be owner of ${kind} ${name}`);

export const roleDoesNotExist = (name: string): PgError => make('22023', `role "${name}" does not exist`);

export const permissionDeniedToSetRole = (name: string): PgError =>
  make('42501', `permission denied to set role "${name}"`);

export const permissionDeniedToSetSession = (): PgError =>
  make('42501', 'permission denied to set session authorization');

export const mustBeSuperuserToSignal = (): PgError =>
  make('42501', 'must be a superuser to terminate superuser process');

// Sequences and notifications.

export const currvalNotDefined = (name: string): PgError =>
  make('55000', `currval of sequence "${name}" is not yet defined in this session`);

export const lastvalNotDefined = (): PgError => make('55000', 'lastval is not yet defined in this session');

export const sequenceExhausted = (name: string, greatest: bigint): PgError =>
  make('2200H', `nextval: reached maximum value of sequence "${name}" (${greatest})`);

export const sequenceOutOfBounds = (name: string, value: bigint, greatest: bigint): PgError =>
  make('22003', `setval: value ${value} is out of bounds for sequence "${name}" (1..${greatest})`);

export const channelNameEmpty = (): PgError => make('22023', 'channel name cannot be empty');
export const channelNameTooLong = (): PgError => make('22023', 'channel name too long');
export const payloadTooLong = (): PgError => make('22023', 'payload string too long');

// COPY.

export const copyExtraData = (where: string): PgError =>
  make('22P04', 'extra data after last expected column', undefined, { where });

export const copyMissingData = (column: string, where: string): PgError =>
  make('22P04', `missing data for column "${column}"`, undefined, { where });

export const copyFailed = (reason: string): PgError => make('57014', `COPY from stdin failed: ${reason}`);

// The connection.

export const unexpectedInCopy = (tag: number): PgError =>
  make('08P01', `unexpected message type 0x${tag.toString(16).toUpperCase().padStart(2, '0')} during COPY from stdin`);

export const fatalProtocolViolation = (message: string): PgError =>
  make('08P01', message, undefined, { severity: 'FATAL' });

export const queryCanceled = (why: 'user request' | 'statement timeout' | 'lock timeout'): PgError =>
  why === 'lock timeout'
    ? make('55P03', 'canceling statement due to lock timeout')
    : make('57014', `canceling statement due to ${why}`);

export const adminShutdown = (): PgError =>
  make('57P01', 'terminating connection due to administrator command', undefined, { severity: 'FATAL' });

export const idleInTransactionTimeout = (): PgError =>
  make('25P03', 'terminating connection due to idle-in-transaction timeout', undefined, { severity: 'FATAL' });

export const idleSessionTimeout = (): PgError =>
  make('57P05', 'terminating connection due to idle-session timeout', undefined, { severity: 'FATAL' });

export const cannotConnectNow = (phase: 'starting up' | 'shutting down' | 'in recovery mode'): PgError =>
  make(
    '57P03',
    phase === 'in recovery mode' ? 'the database system is in recovery mode' : `the database system is ${phase}`,
    undefined,
    { severity: 'FATAL' },
  );

export const tooManyConnections = (): PgError =>
  make('53300', 'sorry, too many clients already', undefined, { severity: 'FATAL' });

export const undefinedDatabase = (name: string): PgError =>
  make('3D000', `database "${name}" does not exist`, undefined, { severity: 'FATAL' });

export const undefinedLogin = (name: string): PgError =>
  make('28000', `role "${name}" does not exist`, undefined, { severity: 'FATAL' });

// Prepared transactions.

export const preparedAreDisabled = (): PgError =>
  make('55000', 'prepared transactions are disabled', undefined, {
    hint: 'Set "max_prepared_transactions" to a nonzero value.',
  });

export const gidInUse = (gid: string): PgError => make('42710', `transaction identifier "${gid}" is already in use`);

export const gidIsBusy = (gid: string): PgError =>
  make('55000', `prepared transaction with identifier "${gid}" is busy`);

export const noSuchGid = (gid: string): PgError =>
  make('42704', `prepared transaction with identifier "${gid}" does not exist`);

export const mayNotFinishPrepared = (): PgError =>
  make('42501', 'permission denied to finish prepared transaction', undefined, {
    hint: 'Must be superuser or the user that prepared the transaction.',
  });

export const preparedElsewhere = (): PgError =>
  make('0A000', 'prepared transaction belongs to another database', undefined, {
    hint: 'Connect to the database where the transaction was prepared to finish it.',
  });

export const cannotPrepare = (what: string): PgError => make('0A000', `cannot PREPARE a transaction that has ${what}`);

// Replication.

export const replicationLost = (): Error => new Error('server closed the connection unexpectedly');

export const walSenderTimeout = 'terminating walsender process due to replication timeout';

export const aheadOfFlush = (start: Lsn, flushed: Lsn): PgError =>
  make(
    'XX000',
    `requested starting point ${formatLsn(start)} is ahead of the WAL flush position of this server ${formatLsn(flushed)}`,
  );

export const notInHistory = (timeline: number): PgError =>
  make('XX000', `requested timeline ${timeline} is not in this server's history`);

export const pointNotInHistory = (start: Lsn, timeline: number, forked: Lsn): PgError =>
  make(
    'XX000',
    `requested starting point ${formatLsn(start)} on timeline ${timeline} is not in this server's history`,
    undefined,
    { detail: `This server's history forked from timeline ${timeline} at ${formatLsn(forked)}.` },
  );

export const noHistoryFile = (name: string): PgError =>
  make('58P01', `could not open file "pg_wal/${name}": No such file or directory`);

export const removedSegment = (): PgError => make('58P01', 'requested WAL segment has already been removed');

export const noSuchSlot = (name: string): PgError => make('42704', `replication slot "${name}" does not exist`);

export const slotExists = (name: string): PgError => make('42710', `replication slot "${name}" already exists`);

export const slotIsActive = (name: string, pid: number): PgError =>
  make('55006', `replication slot "${name}" is active for PID ${pid}`);

const inRecoveryHint = 'WAL control functions cannot be executed during recovery.';

export const recoveryInProgress = (): PgError =>
  make('55000', 'recovery is in progress', undefined, { hint: inRecoveryHint });

export const notInRecovery = (): PgError =>
  make('55000', 'recovery is not in progress', undefined, {
    hint: 'Recovery control functions can only be executed during recovery.',
  });

export const cannotDuringRecovery = (what: string): PgError => make('25006', `cannot execute ${what} during recovery`);

export const recoveryConflict = (detail: string, idle: boolean): PgError =>
  idle
    ? make('40001', 'terminating connection due to conflict with recovery', undefined, {
        severity: 'FATAL',
        detail,
        hint: 'In a moment you should be able to reconnect to the database and repeat your command.',
      })
    : make('40001', 'canceling statement due to conflict with recovery', undefined, { detail });

export const badSyncNames = (text: string, detail: string): PgError =>
  make('42601', `invalid value for parameter "synchronous_standby_names": "${text}"`, undefined, { detail });

export const tooFewSyncStandbys = (count: number): PgError =>
  make('22023', `number of synchronous standbys (${count}) must be greater than zero`);

export const cannotAssignXids = (): PgError => make('XX000', 'cannot assign TransactionIds during recovery');

export const cannotWriteDuringRecovery = (): PgError =>
  make('0A000', 'cannot set transaction read-write mode during recovery');

export const noSerializableOnStandby = (): PgError =>
  make('0A000', 'cannot use serializable mode in a hot standby', undefined, {
    hint: 'You can use REPEATABLE READ instead.',
  });

const committedLocally =
  'The transaction has already committed locally, but might not have been replicated to the standby.';

/** What a client hears whose wait for the standbys was cancelled, or whose session was ended meanwhile: warnings, not errors. */
export const syncWaitWarning = (terminated: boolean): { sqlstate: string; message: string; detail: string } =>
  terminated
    ? {
        sqlstate: '57P01',
        message:
          'canceling the wait for synchronous replication and terminating connection due to administrator command',
        detail: committedLocally,
      }
    : {
        sqlstate: '01000',
        message: 'canceling wait for synchronous replication due to user request',
        detail: committedLocally,
      };
