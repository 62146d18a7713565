import { PgError, type Lsn } from '@multigres/core';

import {
  cannotRunInBlock,
  cannotRunInPipeline,
  cannotSetInternal,
  cannotWriteDuringRecovery,
  commandInFailedTransaction,
  cannotPrepare,
  gidInUse,
  gidIsBusy,
  mayNotFinishPrepared,
  noActiveTransactionFor,
  noSuchGid,
  noSerializableOnStandby,
  permissionDeniedToSet,
  preparedAreDisabled,
  preparedElsewhere,
  permissionDeniedToSetRole,
  permissionDeniedToSetSession,
  roleDoesNotExist,
  savepointDoesNotExist,
  settingCannotBeChangedNow,
  settingNeedsRestart,
  syncWaitWarning,
  transactionIsolationTooLate,
  unrecognizedParameter,
} from '../errors.ts';
import { isTermination, type SyncMode } from '../replication/sync-waits.ts';
import { Catalog } from '../storage/catalog.ts';
import type { LockHolder } from '../storage/lock-manager.ts';
import type { Relation } from '../storage/relation.ts';
import { Transaction, type Namespace } from '../storage/transaction.ts';
import type { Xid } from '../storage/commit-log.ts';
import type { OutputStyle } from '../sql/type-text.ts';
import { parseBoolean } from '../sql/type-text.ts';
import type { Task, Wait } from '../wait.ts';
import { AdvisoryLocks } from './advisory.ts';
import type { Notice, SessionClient, SessionHost } from './host.ts';
import { Notifications } from './notifications.ts';
import { Portals } from './portals.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { Sequences } from './sequences.ts';
import { settingDefinition } from './setting-table.ts';
import { Settings } from './settings.ts';

/**
 * - `idle`: no transaction
 * - `single`: one statement, or the messages up to the next Sync, each outside a block
 * - `implicit`: the statements of one Query message
 * - `open`: after BEGIN
 * - `failed`: after BEGIN and an error
 */
export type BlockState = 'idle' | 'single' | 'implicit' | 'open' | 'failed';

const noXids: ReadonlySet<Xid> = new Set();

/** What of a standby synchronous_commit waits for; `off` and `local` wait for none. */
const syncModes: Readonly<Record<string, SyncMode>> = { remote_write: 'write', on: 'flush', remote_apply: 'apply' };

export interface SessionIdentity {
  readonly pid: number;
  readonly user: string;
  readonly database: string;
}

/**
 * All that one connection has in a server: settings, statements, portals, temporary objects, locks, channels, and its transaction
 * (PostgreSQL's xact.c decides what the transaction commands do in which state; this follows it).
 */
export class Session {
  readonly pid: number;
  readonly database: string;
  readonly host: SessionHost;
  readonly client: SessionClient;
  readonly settings: Settings = new Settings();
  readonly statements: PreparedStatements = new PreparedStatements();
  readonly portals: Portals = new Portals();
  readonly notifications: Notifications;
  readonly sequences: Sequences;
  readonly advisory: AdvisoryLocks;
  readonly temporary: Namespace;
  /** The user who logged in. */
  readonly authenticatedUser: string;
  readonly #holder: LockHolder;
  readonly #permanent: Namespace;
  #block: BlockState = 'idle';
  #transaction: Transaction | undefined;
  readonly #savepoints: string[] = [];
  /** After an error inside a savepoint its level is gone already, and ROLLBACK TO makes it anew. */
  #innermostIsGone = false;
  #hadSnapshot = false;
  /** The configuration files, as this process knows them. */
  #configured: ReadonlyMap<string, string> = new Map();
  readonly #atStart: Set<string> = new Set();
  #pipelining = false;
  #commitsAtOnce = false;
  #transactionStart = 0n;
  #statementStart = 0n;

  constructor(identity: SessionIdentity, host: SessionHost, client: SessionClient) {
    this.pid = identity.pid;
    this.database = identity.database;
    this.authenticatedUser = identity.user;
    this.host = host;
    this.client = client;
    this.#holder = { pid: identity.pid };
    this.notifications = new Notifications(identity.pid);
    this.sequences = new Sequences(this);
    this.#permanent = { catalog: host.store.database(identity.database) as Catalog, database: identity.database };
    this.temporary = { catalog: new Catalog(host.store.commits), database: undefined };
    this.advisory = new AdvisoryLocks({
      store: host.store,
      holder: this.#holder,
      sleep: (delayMs) => host.sleep(delayMs),
      deadlockTimeoutMs: () => this.settings.number('deadlock_timeout'),
      notice: (notice) => this.notice(notice),
    });
    this.settings.setReset('session_authorization', identity.user);
    this.settings.setReset('is_superuser', this.isSuperuser(identity.user) ? 'on' : 'off');
    if (host.inRecovery) this.settings.setReset('in_hot_standby', 'on');
  }

  // Who and where.

  get sessionUser(): string {
    return this.settings.get('session_authorization') as string;
  }

  get currentUser(): string {
    const role = this.settings.get('role') as string;
    return role === 'none' ? this.sessionUser : role;
  }

  isSuperuser(role: string): boolean {
    return this.host.roles.get(role)?.superuser === true;
  }

  mayUse(relation: Relation): boolean {
    const { owner } = relation.shape;
    const user = this.currentUser;
    return owner === user || this.isSuperuser(user) || this.host.roles.get(user)?.memberOf?.includes(owner) === true;
  }

  get databaseOid(): number {
    return this.host.databaseOid(this.database);
  }

  get outputStyle(): OutputStyle {
    return { timeZone: this.settings.get('TimeZone') as string, dateStyle: this.settings.get('DateStyle') as string };
  }

  notice(notice: Notice): void {
    const least = this.settings.get('client_min_messages') as string;
    if (least === 'error' || (least === 'warning' && notice.level === 'NOTICE')) return;
    this.client.notice(notice);
  }

  sleep(delayMs: number): Wait {
    return this.host.sleep(delayMs);
  }

  signalBackend(pid: number, signal: 'cancel' | 'terminate'): boolean {
    const found = this.host.signal(this, pid, signal);
    if (!found)
      this.notice({ level: 'WARNING', sqlstate: '01000', message: `PID ${pid} is not a PostgreSQL backend process` });
    return found;
  }

  randomFraction(): number {
    return this.host.fraction();
  }

  // Time.

  wallMicros(): bigint {
    return this.host.wallMicros();
  }

  get transactionStartMicros(): bigint {
    return this.#transactionStart;
  }

  get statementStartMicros(): bigint {
    return this.#statementStart;
  }

  noteStatementStart(): void {
    this.#statementStart = this.host.wallMicros();
  }

  /** A standby that was promoted tells its sessions. */
  noteRecovery(): void {
    if (this.settings.get('in_hot_standby') === 'on' && !this.host.inRecovery)
      this.settings.setReset('in_hot_standby', 'off');
  }

  // Relations.

  /** Schemas that are searched for unqualified names, those that exist. */
  searchPath(): string[] {
    const path = (this.settings.get('search_path') as string)
      .split(',')
      .map((part) => part.trim().replace(/^"(.*)"$/, '$1'));
    return path.filter((schema) => schema === 'pg_temp' || schema === 'pg_catalog' || this.hasSchema(schema));
  }

  currentSchema(): string | undefined {
    return this.searchPath().find((schema) => schema !== 'pg_temp');
  }

  /** The namespace in which something is created. */
  namespaceFor(temporary: boolean): Namespace {
    return temporary ? this.temporary : this.#permanent;
  }

  hasSchema(name: string): boolean {
    return (
      name === 'public' ||
      this.#permanent.catalog.find('pg_namespace', name, this.#transaction?.own ?? noXids) !== undefined
    );
  }

  findRelation(
    schema: string | undefined,
    name: string,
  ): { readonly relation: Relation; readonly namespace: Namespace } | undefined {
    const own = this.#transaction?.own ?? noXids;
    const inTemporary = (): Relation | undefined => this.temporary.catalog.find('pg_temp', name, own);
    if (schema === undefined || schema === 'pg_temp') {
      const relation = inTemporary();
      if (relation !== undefined) return { relation, namespace: this.temporary };
    }
    for (const candidate of schema === undefined ? this.searchPath() : [schema]) {
      const relation = this.#permanent.catalog.find(candidate, name, own);
      if (relation !== undefined) return { relation, namespace: this.#permanent };
    }
    return undefined;
  }

  /** Changes whenever an analysed statement might have to be analysed anew. */
  get catalogEpoch(): string {
    return `${this.#permanent.catalog.epoch}/${this.temporary.catalog.epoch}/${this.settings.get('search_path')}`;
  }

  // The transaction.

  get block(): BlockState {
    return this.#block;
  }

  get transaction(): Transaction | undefined {
    return this.#transaction;
  }

  get savepoints(): readonly string[] {
    return this.#savepoints;
  }

  mustTransaction(): Transaction {
    if (this.#transaction === undefined) throw commandInFailedTransaction();
    return this.#transaction;
  }

  topXid(): Xid {
    const transaction = this.mustTransaction();
    transaction.xid();
    return transaction.topXid;
  }

  /** As ReadyForQuery tells it. */
  get status(): 'I' | 'T' | 'E' {
    if (this.#block === 'failed') return 'E';
    return this.#block === 'open' ? 'T' : 'I';
  }

  get repeatable(): boolean {
    const level = this.settings.get('transaction_isolation');
    return level === 'repeatable read' || level === 'serializable';
  }

  get readOnly(): boolean {
    return this.settings.get('transaction_read_only') === 'on';
  }

  get inBlock(): boolean {
    return this.#block === 'open' || this.#block === 'failed';
  }

  /** Whether what ends with the transaction makes sense: in a block, or among several statements of a message. */
  get outlivesStatement(): boolean {
    return this.inBlock || this.#block === 'implicit';
  }

  /** A statement was executed in the extended protocol, and there was no Sync since. */
  notePipelined(): void {
    this.#pipelining = this.#transaction !== undefined;
  }

  /** For commands that cannot be undone: they must stand alone, and are committed at once. Throws 25001. */
  beAlone(what: string): void {
    if (this.#pipelining) throw cannotRunInPipeline(what);
    if (this.inBlock || this.#block === 'implicit') throw cannotRunInBlock(what);
    this.#commitsAtOnce = true;
  }

  get commitsAtOnce(): boolean {
    return this.#commitsAtOnce;
  }

  /** Before a statement: a transaction begins if there is none. */
  startCommand(): void {
    if (this.#block !== 'idle') return;
    this.#begin('single');
  }

  #begin(block: 'single'): void {
    this.#block = block;
    this.#hadSnapshot = false;
    this.#pipelining = false;
    this.#commitsAtOnce = false;
    this.#transactionStart = this.#statementStart;
    this.#transaction = new Transaction({
      store: this.host.store,
      holder: this.#holder,
      sleep: (delayMs) => this.host.sleep(delayMs),
      deadlockTimeoutMs: () => this.settings.number('deadlock_timeout'),
    });
    this.settings.beginLevel();
    this.notifications.beginLevel();
    this.settings.force('transaction_isolation', this.settings.get('default_transaction_isolation') as string, true);
    this.settings.force('transaction_read_only', this.settings.get('default_transaction_read_only') as string, true);
    if (this.host.inRecovery) this.settings.force('transaction_read_only', 'on', true);
    this.settings.force('transaction_deferrable', this.settings.get('default_transaction_deferrable') as string, true);
  }

  /** Several statements in one Query message share a transaction unless they make their own. */
  startImplicitBlock(): void {
    if (this.#block === 'single') this.#block = 'implicit';
  }

  endImplicitBlock(): void {
    if (this.#block === 'implicit') this.#block = 'single';
  }

  /** After a statement (or at Sync): what is not in a block is committed. */
  *finishCommand(): Task<void> {
    if (this.#block === 'single') yield* this.#commit();
    else this.nextCommand();
  }

  /** The statement's effects become visible to the transaction's next one. */
  nextCommand(): void {
    if (this.#transaction !== undefined) this.#transaction.command += 1;
  }

  /** A transaction whose characteristics are refused has not begun. */
  begin(characterize: () => void): void {
    const before = this.#block;
    if (before === 'open') this.#warn('25001', 'there is already a transaction in progress');
    else this.#block = 'open';
    try {
      characterize();
    } catch (error) {
      this.#block = before;
      throw error;
    }
  }

  /** Answers the command tag. AND CHAIN is `chain`. */
  *commit(chain: boolean): Task<string> {
    if (this.#block === 'failed') {
      yield* this.rollback(chain);
      return 'ROLLBACK';
    }
    if (this.#block !== 'open') {
      if (chain) throw noActiveTransactionFor('COMMIT AND CHAIN');
      this.#warn('25P01', 'there is no transaction in progress');
    }
    const characteristics = this.#characteristics();
    yield* this.#commit();
    if (chain) this.#chain(characteristics);
    return 'COMMIT';
  }

  /** PREPARE TRANSACTION: the session is rid of it, and it waits for COMMIT PREPARED by whomever. Answers the command tag. */
  *prepareTransaction(gid: string): Task<string> {
    if (this.#block === 'failed') {
      yield* this.rollback(false);
      return 'ROLLBACK';
    }
    if (this.#block !== 'open') {
      this.#warn('25P01', 'there is no transaction in progress');
      return 'ROLLBACK';
    }
    const transaction = this.mustTransaction();
    yield* this.portals.atCommit();
    const refusal = this.#refusalToPrepare(gid, transaction);
    if (refusal !== undefined) {
      // Nothing is left of a transaction that could not be prepared.
      this.#abortAll();
      throw refusal;
    }
    const { reservedGids: reserved } = this.host.store;
    this.client.commitBegins();
    reserved.add(gid);
    try {
      const as = { gid, owner: this.currentUser, database: this.database, preparedMicros: this.wallMicros() };
      yield* transaction.prepare(
        as,
        (lsn) => this.host.flush(lsn),
        (lsn) => this.#replicate(lsn, this.settings.get('synchronous_commit') as string),
      );
    } finally {
      reserved.delete(gid);
    }
    this.#endLevels();
    this.notifications.commitAll();
    return 'PREPARE TRANSACTION';
  }

  #refusalToPrepare(gid: string, transaction: Transaction): PgError | undefined {
    const { prepared, reservedGids } = this.host.store;
    if (this.settings.number('max_prepared_transactions') === 0) return preparedAreDisabled();
    if (prepared.has(gid) || reservedGids.has(gid)) return gidInUse(gid);
    if (transaction.usedTemporary) return cannotPrepare('operated on temporary objects');
    return this.notifications.hasPending ? cannotPrepare('executed LISTEN, UNLISTEN, or NOTIFY') : undefined;
  }

  /** COMMIT PREPARED and ROLLBACK PREPARED. */
  *finishPrepared(gid: string, commits: boolean): Task<void> {
    const { store } = this.host;
    const prepared = store.prepared.get(gid);
    if (prepared === undefined) throw noSuchGid(gid);
    if (prepared.busy) throw gidIsBusy(gid);
    if (prepared.owner !== this.currentUser && !this.isSuperuser(this.currentUser)) throw mayNotFinishPrepared();
    if (prepared.database !== this.database) throw preparedElsewhere();
    prepared.busy = true;
    const lsn = store.record({ kind: commits ? 'commit' : 'abort', xids: prepared.xids, gid });
    yield* this.host.flush(lsn);
    yield* this.#replicate(lsn, this.settings.get('synchronous_commit') as string);
    if (commits) store.commits.commit(prepared.xids);
    else for (const xid of prepared.xids) store.commits.abort(xid);
    store.prepared.delete(gid);
    store.database(this.database)?.decided();
    store.locks.releaseAll(prepared.holder);
  }

  // oxlint-disable-next-line require-yield -- as `commit`, though nothing waits yet
  *rollback(chain: boolean): Task<void> {
    if (!this.inBlock) {
      if (chain) throw noActiveTransactionFor('ROLLBACK AND CHAIN');
      this.#warn('25P01', 'there is no transaction in progress');
    }
    const characteristics = this.#characteristics();
    this.#abortAll();
    if (chain) this.#chain(characteristics);
  }

  #characteristics(): readonly (readonly [string, string])[] {
    return ['transaction_isolation', 'transaction_read_only', 'transaction_deferrable'].map((name) => [
      name,
      this.settings.get(name) as string,
    ]);
  }

  #chain(characteristics: readonly (readonly [string, string])[]): void {
    this.#begin('single');
    this.#block = 'open';
    for (const [name, value] of characteristics) this.settings.force(name, value, true);
  }

  savepoint(name: string): void {
    this.#requireBlock('SAVEPOINT');
    this.#savepoints.push(name);
    this.#pushLevel();
  }

  #pushLevel(): void {
    this.mustTransaction().savepoint();
    this.settings.beginLevel();
    this.notifications.beginLevel();
  }

  releaseSavepoint(name: string): void {
    this.#requireBlock('RELEASE SAVEPOINT');
    const at = this.#savepoints.lastIndexOf(name);
    if (at < 0) throw savepointDoesNotExist(name);
    while (this.#savepoints.length > at) {
      this.portals.mergeLevel(this.#savepoints.length);
      this.#savepoints.pop();
      this.mustTransaction().releaseInnermost();
      this.settings.commitLevel();
      this.notifications.commitLevel();
    }
  }

  rollbackToSavepoint(name: string): void {
    this.#requireBlock('ROLLBACK TO SAVEPOINT');
    const at = this.#savepoints.lastIndexOf(name);
    if (at < 0) throw savepointDoesNotExist(name);
    while (this.#savepoints.length > at) {
      if (!this.#innermostIsGone) this.#abortLevel();
      this.#innermostIsGone = false;
      this.portals.dropLevel(this.#savepoints.length);
      this.#savepoints.pop();
    }
    this.#savepoints.push(name);
    this.#pushLevel();
    this.#block = 'open';
  }

  #requireBlock(what: string): void {
    if (!this.inBlock) throw noActiveTransactionFor(what);
  }

  /** An error: what is not in a block ends, a block fails, and only its innermost level is undone. */
  failCommand(): void {
    if (this.#block === 'idle' || this.#block === 'failed') return;
    if (this.#block !== 'open') {
      this.#abortAll();
      return;
    }
    this.#block = 'failed';
    if (this.#savepoints.length > 0) {
      this.#abortLevel();
      this.#innermostIsGone = true;
    } else this.#abortTransaction();
  }

  #abortLevel(): void {
    this.#transaction?.abortInnermost();
    this.settings.abortLevel();
    this.notifications.abortLevel();
    this.#followRole();
  }

  /** Undoes all that is left of the transaction, but leaves the block to be ended by the client. */
  #abortTransaction(): void {
    if (this.#transaction === undefined) return;
    if (this.#innermostIsGone) this.#savepoints.pop();
    this.#innermostIsGone = false;
    const wrote = this.#transaction.topXid !== 0;
    this.#transaction.abort();
    this.#transaction = undefined;
    if (wrote) this.host.flushLater();
    for (let i = 0; i <= this.#savepoints.length; i++) {
      this.settings.abortLevel();
      this.notifications.abortLevel();
    }
    this.#savepoints.length = 0;
    this.#followRole();
  }

  #abortAll(): void {
    this.#abortTransaction();
    this.portals.dropAll('failed');
    this.#block = 'idle';
  }

  *#commit(): Task<void> {
    const transaction = this.mustTransaction();
    yield* this.portals.atCommit();
    this.#endOfTransactionForTables(transaction);
    const level = this.settings.get('synchronous_commit') as string;
    const waits = level !== 'off';
    const wrote = transaction.topXid !== 0;
    if (wrote) this.client.commitBegins();
    yield* transaction.commit(waits ? (lsn) => this.#makeDurable(lsn, level) : undefined);
    if (wrote && !waits) this.host.flushLater();
    this.#endLevels();
    const sent = this.notifications.commitAll();
    if (sent.length > 0) this.host.publish(this.database, sent);
  }

  #endLevels(): void {
    this.#transaction = undefined;
    this.#block = 'idle';
    while (this.#savepoints.length > 0) {
      this.#savepoints.pop();
      this.settings.commitLevel();
      this.notifications.commitLevel();
    }
    this.settings.commitLevel();
    this.#followRole();
  }

  *#makeDurable(lsn: Lsn, level: string): Task<void> {
    yield* this.host.flush(lsn);
    yield* this.#replicate(lsn, level);
  }

  *#replicate(lsn: Lsn, level: string): Task<void> {
    const mode = syncModes[level];
    if (mode !== undefined) yield* this.host.replicate(lsn, mode, this);
  }

  /** The wait for standbys was broken off. The commit stands. */
  interrupted(error: Error): void {
    const terminated = isTermination(error);
    if (error instanceof PgError) this.notice({ level: 'WARNING', ...syncWaitWarning(terminated) });
    if (terminated || !(error instanceof PgError)) this.client.endQuietly();
  }

  /** ON COMMIT DROP and DELETE ROWS. */
  #endOfTransactionForTables(transaction: Transaction): void {
    for (const relation of [...this.temporary.catalog.all(transaction.own)]) {
      if (relation.shape.onCommit === 'drop') transaction.drop(this.temporary, relation);
      else if (relation.shape.onCommit === 'delete' && relation.heap.versions.length > 0)
        transaction.truncate(this.temporary, relation);
    }
  }

  #warn(sqlstate: string, message: string): void {
    this.notice({ level: 'WARNING', sqlstate, message });
  }

  /** The connection ends: nothing of the session stays. */
  close(): void {
    this.#abortAll();
    this.advisory.unlockAll();
    this.host.store.locks.releaseAll(this.#holder);
    this.portals.dropAll('closed');
    this.notifications.clear();
  }

  // Settings, with the checks that need the session.

  showSetting(name: string): string {
    const value = this.settings.show(name);
    if (value === undefined) throw unrecognizedParameter(name);
    return value;
  }

  /** `value` undefined: RESET. */
  setSetting(name: string, value: string | undefined, local: boolean): void {
    const definition = settingDefinition(name);
    if (definition === undefined) {
      this.settings.set(name, value, local);
      return;
    }
    this.#refuseContext(definition.name, definition.context);
    if (definition.name.startsWith('transaction_')) this.#setTransaction(definition.name, value);
    else if (definition.name === 'role') this.#setRole(value, local);
    else if (definition.name === 'session_authorization') this.#setSessionAuthorization(value, local);
    else this.settings.set(name, value, local);
  }

  /** The configuration files have changed: new values for what this session's client has not chosen itself. */
  reconfigure(config: ReadonlyMap<string, string>): void {
    for (const name of this.#configured.keys())
      if (!config.has(name) && !this.#atStart.has(name)) this.settings.forgetReset(name);
    for (const [name, value] of config)
      if (this.#configured.get(name) !== value && !this.#atStart.has(name)) this.settings.setReset(name, value);
    this.#configured = config;
  }

  /** What the start-up message asks for becomes what RESET goes back to. */
  setStartupSetting(name: string, value: string): void {
    const definition = settingDefinition(name);
    if (definition === undefined && !name.includes('.')) throw unrecognizedParameter(name);
    if (definition !== undefined && definition.context !== 'backend')
      this.#refuseContext(definition.name, definition.context);
    this.settings.setReset(name, value);
    this.#atStart.add(name.toLowerCase());
  }

  #refuseContext(name: string, context: string): void {
    if (context === 'internal') throw cannotSetInternal(name);
    if (context === 'postmaster') throw settingNeedsRestart(name);
    if (context === 'sighup') throw settingCannotBeChangedNow(name);
    if (context === 'backend') throw settingCannotBeChangedNow(name, 'after connection start');
    if (context === 'superuser' && !this.isSuperuser(this.currentUser)) throw permissionDeniedToSet(name);
  }

  /** transaction_isolation and its like belong to the transaction; the isolation level is fixed by the first snapshot. */
  #setTransaction(name: string, value: string | undefined): void {
    const wanted = value ?? this.settings.get(`default_${name}`) ?? '';
    const had = this.settings.get(name);
    const started = this.#transaction !== undefined && this.#hadSnapshot;
    if (name === 'transaction_isolation') {
      if (wanted.toLowerCase() === 'serializable' && this.host.inRecovery) throw noSerializableOnStandby();
      if (started && wanted.toLowerCase() !== had)
        throw transactionIsolationTooLate('SET TRANSACTION ISOLATION LEVEL must be called before any query');
      if (this.#savepoints.length > 0 && wanted.toLowerCase() !== had) {
        throw transactionIsolationTooLate('SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction');
      }
    }
    if (name === 'transaction_read_only' && parseBoolean(wanted) === false && this.host.inRecovery)
      throw cannotWriteDuringRecovery();
    if (name === 'transaction_read_only' && parseBoolean(wanted) === false && had === 'on' && started) {
      throw transactionIsolationTooLate('transaction read-write mode must be set before any query');
    }
    this.settings.set(name, wanted, true);
  }

  /** Takes the snapshot for a statement that reads. */
  takeSnapshot(): void {
    const transaction = this.mustTransaction();
    this.#hadSnapshot = true;
    transaction.takeSnapshot(this.repeatable);
  }

  #setRole(value: string | undefined, local: boolean): void {
    const wanted = value ?? 'none';
    if (wanted !== 'none') {
      if (!this.host.roles.has(wanted)) throw roleDoesNotExist(wanted);
      const member = this.host.roles.get(this.sessionUser)?.memberOf?.includes(wanted) === true;
      if (!this.isSuperuser(this.sessionUser) && !member && wanted !== this.sessionUser)
        throw permissionDeniedToSetRole(wanted);
    }
    this.settings.set('role', value, local);
    this.#followRole(local);
  }

  #setSessionAuthorization(value: string | undefined, local: boolean): void {
    if (value !== undefined) {
      if (!this.host.roles.has(value)) throw roleDoesNotExist(value);
      if (value !== this.authenticatedUser && !this.isSuperuser(this.authenticatedUser))
        throw permissionDeniedToSetSession();
    }
    this.settings.set('session_authorization', value, local);
    this.settings.set('role', 'none', local);
    this.#followRole(local);
  }

  /** is_superuser tells of the current user. */
  #followRole(local = false): void {
    const now = this.isSuperuser(this.currentUser) ? 'on' : 'off';
    if (this.settings.get('is_superuser') !== now) this.settings.force('is_superuser', now, local);
  }
}
