/** What a statement is, by its first words. WITH and parentheses are looked through: `WITH ... UPDATE` is an update. */
export type StatementKind =
  | 'select'
  | 'insert'
  | 'update'
  | 'delete'
  | 'merge'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'release'
  | 'rollbackTo'
  | 'prepareTransaction'
  | 'commitPrepared'
  | 'rollbackPrepared'
  | 'set'
  | 'setConstraints'
  | 'reset'
  | 'show'
  | 'discard'
  | 'prepare'
  | 'execute'
  | 'deallocate'
  | 'declare'
  | 'fetch'
  | 'close'
  | 'listen'
  | 'unlisten'
  | 'notify'
  | 'copyIn'
  | 'copyOut'
  | 'copyFile'
  | 'lock'
  | 'explain'
  | 'call'
  | 'do'
  | 'load'
  | 'truncate'
  | 'ddl'
  | 'utility'
  | 'replication'
  | 'multi'
  | 'empty'
  | 'unknown';

/**
 * The effect on the transaction block. `within`: works on savepoints of an open block. `mixed`: several statements with
 * more than one effect; only ReadyForQuery tells where that ended.
 */
export type TransactionEffect = 'none' | 'begins' | 'ends' | 'endsAndBegins' | 'within' | 'mixed';

export type SettingForm =
  /** SET name TO value: replayed by the same words. */
  | 'plain'
  /** SET TIME ZONE: its value may be an INTERVAL literal, which SET timezone TO refuses. */
  | 'timeZone'
  /** SET SESSION CHARACTERISTICS AS TRANSACTION: the value is the list of modes. */
  | 'characteristics'
  /** SET TRANSACTION: modes, or SNAPSHOT 'id'. Always local. */
  | 'transaction'
  /** SET name FROM CURRENT. */
  | 'fromCurrent'
  /** RESET ALL: no name. */
  | 'all'
  /** SELECT set_config('name', 'value', is_local) with constants. */
  | 'function';

/** One SET, RESET or set_config() with constant arguments. */
export interface SettingChange {
  /** `local` ends with the transaction. */
  readonly scope: 'session' | 'local';
  readonly form: SettingForm;
  /**
   * Lower case, dots between the parts of a custom setting. SQL's own words are translated: TIME ZONE is `timezone`,
   * NAMES `client_encoding`, SCHEMA `search_path`, XML OPTION `xmloption`, ROLE `role`, SESSION AUTHORIZATION
   * `session_authorization`. Empty for `characteristics`, `transaction` and `all`.
   */
  readonly name: string;
  /** The value as SQL text, just as it was written (`'a', "B"`, `DEFAULT`); undefined puts the setting back to its start. */
  readonly value: string | undefined;
  /** The value itself when it is one constant without escapes to resolve; undefined for lists and everything else. */
  readonly literal: string | undefined;
}

/** What a text does to the session that sends it. Immutable; shared through the cache. */
export interface Classification {
  /** How many statements; 0 for an empty query. */
  readonly statements: number;
  /** Of the single statement. */
  readonly kind: StatementKind;
  /** PinReason bits that it may add to the session's reasons to keep its backend. */
  readonly pins: number;
  /** PinReason bits that are certainly gone once it has succeeded. Never shares a bit with `pins`. */
  readonly unpins: number;
  /** Trait bits. */
  readonly traits: number;
  readonly transaction: TransactionEffect;
  readonly setting: SettingChange | undefined;
  /**
   * What a session-level object is called: the prepared statement of PREPARE, EXECUTE, DEALLOCATE; the cursor of
   * DECLARE, FETCH, CLOSE; the channel of LISTEN, UNLISTEN, NOTIFY; the savepoint; the transaction of PREPARE
   * TRANSACTION. '*' for ALL. Undefined elsewhere and for several statements.
   */
  readonly target: string | undefined;
  /** Reads only and takes no locks, as far as a text can tell (see the README about views, triggers and shadowed names). */
  readonly readOnly: boolean;
  /** Safe to run between other sessions' statements on one backend, when the session itself is not in a transaction. */
  readonly pipelinable: boolean;
  /** Of several statements in one text, each, in order; undefined for a single one, and for more than anybody follows. */
  readonly parts: readonly Classification[] | undefined;
}
