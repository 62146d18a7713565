import { compareBallots, sameMember } from '@multigres/consensus';
import { assert, PgError, type Timer, type World } from '@multigres/core';
import {
  client,
  create,
  DataState,
  MemberIdSchema,
  PgctldService,
  ServerState,
  type Ballot,
  type MemberId,
  type MemberStatusSchema,
  type MessageInitShape,
  type PgctldService as PgctldServiceType,
  type PostgresState,
  type Rule,
  type RpcClient,
  type RpcTransport,
} from '@multigres/rpc';
import type { AnswerGuard } from '../backend/answer-guard.ts';
import type { PostgresServer } from '../backend/postgres-server.ts';
import { memberNotReady, notTheLeader, overtaken } from '../errors.ts';
import type { PoolerMetrics } from '../telemetry/pooler-metrics.ts';
import { CommitProbe, type LeaderSight } from './commit-probe.ts';
import type { DeedRun, MemberHands, ServedSessions } from './deeds/deed-run.ts';
import { unlessNoPgError } from './deeds/let-go.ts';
import { performDeed } from './deeds/perform-deed.ts';
import { whyNoReads } from './follower-reads.ts';
import { lsnOf } from './log-position.ts';
import { lookAround, type Sight } from './member-sight.ts';
import { memberStatus } from './member-status.ts';
import type { MemberConfig } from './member-config.ts';
import { memberSql } from './member-sql.ts';
import { memberTiming } from './member-timing.ts';
import {
  initialMember,
  leads,
  memberInvariants,
  onMemberEvent,
  type Deed,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  type Order,
  type Role,
} from './member.machine.ts';
import { PostgresAdmin } from './postgres-admin.ts';
import { makeDirectory, PromiseFile, type MemberRecord } from './promise-file.ts';
import { readRules } from './rule-table.ts';

/** What the member needs of the pooler around it. */
export interface MemberParts {
  readonly config: MemberConfig;
  readonly server: PostgresServer;
  readonly rpc: RpcTransport;
  readonly metrics: PoolerMetrics;
  readonly guard: AnswerGuard;
  readonly sessions: ServedSessions & {
    end(why: string): void;
    /** Whether sessions may read here as at a follower: `why` not, empty if they may. */
    reads(why: string, replayedLsn: bigint): void;
  };
  /** Something in `status` is another now. */
  changed(): void;
}

type Answer = unknown;

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: PgError): void;
}

/** The member's hands and eyes: it carries out what the machine decides and tells it what has become of it. */
export class MemberDriver {
  readonly #world: World;
  readonly #parts: MemberParts;
  readonly #promises: PromiseFile;
  readonly #admin: PostgresAdmin;
  readonly #pgctld: RpcClient<typeof PgctldServiceType>;
  readonly #closePgctld: () => void;
  #state: MemberState = initialMember;
  readonly #waiting: Map<number, Waiting> = new Map();
  #lastCall = 0;
  readonly #answers: Map<number, Answer> = new Map();
  readonly #overtaken: Map<number, { asked: boolean; readonly runs: (() => void)[] }> = new Map();
  #data: DataState = DataState.UNSPECIFIED;
  #trouble = 'It has only just started.';
  #sight: Sight | undefined;
  #leaderSight: LeaderSight | undefined;
  #systemIdentifier = 0n;
  #probe: CommitProbe | undefined;
  #open = false;
  /** It was open, and its Postgres may be down. */
  #isDoubted = false;
  #leaseEndsMs = -Infinity;
  #doubtedMs = -Infinity;
  #lapse: Timer | undefined;
  #pause: Timer | undefined;
  #pauseEndsMs = 0;
  #lookTimer: Timer | undefined;
  #looking = false;
  #joinsSinceMs = 0;
  #whyNoReads = 'it has only just started';
  #stopped = false;

  constructor(world: World, parts: MemberParts) {
    this.#world = world;
    this.#parts = parts;
    const { config, server, rpc, metrics } = parts;
    this.#promises = new PromiseFile(world.disk, config.directory);
    const login = { user: config.superuser, database: 'postgres' };
    this.#admin = new PostgresAdmin(world, server, login, metrics, () => this.#postgresDoubted());
    const channel = rpc.connect(config.pgctld);
    this.#pgctld = client(PgctldService, channel);
    this.#closePgctld = () => channel.close();
  }

  /** Rejects with a PgError if the file of promises cannot be read: without it nothing may be promised. */
  async start(): Promise<void> {
    await makeDirectory(this.#world.disk, this.#parts.config.directory);
    await this.#promises.load();
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopLeading();
    this.#lookTimer?.cancel();
    this.#admin.close();
    this.#closePgctld();
    for (const { reject } of this.#waiting.values()) reject(memberNotReady('the pooler is stopping'));
    this.#waiting.clear();
  }

  /** Carries out the order, or joins the one like it that is under way. Rejects with a PgError. */
  call(order: Order): Promise<Answer> {
    this.#lastCall += 1;
    const call = this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#step({ kind: 'asked', call, order });
    });
  }

  get nowMs(): number {
    return this.#world.clock.nowMs();
  }

  /** Its Postgres received from whom it follows when it was last looked at. */
  get streams(): boolean {
    return this.#sight?.streaming ?? false;
  }

  get role(): Role {
    return this.#state.role;
  }

  status(): MessageInitShape<typeof MemberStatusSchema> {
    return memberStatus({
      state: this.#state,
      data: this.#data,
      trouble: this.#trouble,
      sight: this.#sight,
      leader: this.#leaderSight,
      isOpen: this.#isOpen,
      stalledMs: this.#probe?.stalledMs ?? 0,
      systemIdentifier: this.#systemIdentifier,
      whyNoReads: this.#whyNoReads,
    });
  }

  /** How far Postgres has replayed as a standby, now; undefined if it does not say. */
  async replayedLsn(): Promise<bigint | undefined> {
    const rows = await this.#admin.ask(memberSql.standbyEnd).catch(unlessNoPgError);
    return lsnOf(rows?.[0]?.[1]);
  }

  /** Where the leader's log ends, flushed or not: beyond whatever was answered before. Rejects with a PgError. */
  async walEnd(): Promise<bigint> {
    if (!this.#isOpen) throw notTheLeader(`it is ${this.#state.role.kind}`);
    const [row] = await this.#admin.ask(memberSql.primaryEnd);
    const lsn = lsnOf(row?.[1]);
    if (lsn === undefined) throw notTheLeader('its Postgres is no primary');
    return lsn;
  }

  // --- the machine ---

  #step(event: MemberEvent): void {
    const before = this.#state;
    const [state, effects] = onMemberEvent(before, event);
    for (const [name, holds] of Object.entries(memberInvariants)) assert(holds(state, before), name);
    this.#state = state;
    this.#judgeReads();
    if (state.role !== before.role) this.#roleChanged(before.role, state.role);
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: MemberEffect): void {
    switch (effect.kind) {
      case 'refuse':
        return this.#settle(effect.call, undefined, effect.error);
      case 'answer':
        return void this.#answerByState(effect.call, effect.order);
      case 'settle': {
        const answer = this.#answers.get(effect.deed);
        this.#answers.delete(effect.deed);
        for (const call of effect.calls) this.#settle(call, answer, effect.error);
        return;
      }
      case 'perform':
        return void this.#perform(effect.deed);
      case 'overtake':
        return this.#overtake(effect.deed);
      case 'close':
        return this.#fence(effect.why);
      case 'publish':
        return this.#parts.changed();
    }
  }

  #settle(call: number, answer: Answer, error: PgError | undefined): void {
    const waiting = this.#waiting.get(call);
    this.#waiting.delete(call);
    if (error === undefined) waiting?.resolve(answer);
    else waiting?.reject(error);
  }

  async #answerByState(call: number, order: Order): Promise<void> {
    const { role, self } = this.#state;
    if (order.kind === 'follow') return this.#settle(call, { member: self }, undefined);
    if (!leads(role)) return this.#settle(call, undefined, notTheLeader(`it is ${role.kind}`));
    const answer =
      order.kind === 'bootstrap'
        ? { rule: role.rule, systemIdentifier: this.#systemIdentifier }
        : { rule: role.rule, position: this.#sight?.position };
    this.#settle(call, answer, undefined);
  }

  // --- deeds ---

  async #perform(deed: Deed): Promise<void> {
    const { log } = this.#world.telemetry;
    log.info('the member begins', { deed: deed.order.kind });
    this.#overtaken.set(deed.id, { asked: false, runs: [] });
    try {
      this.#answers.set(deed.id, await performDeed(this.#run(deed), deed.order));
      log.info('the member is done', { deed: deed.order.kind });
      this.#step({ kind: 'done', deed: deed.id });
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      log.warn('the member could not do it', {
        deed: deed.order.kind,
        reason: error.message,
        sqlstate: error.sqlstate,
      });
      this.#step({ kind: 'failed', deed: deed.id, error });
    } finally {
      this.#overtaken.delete(deed.id);
    }
    this.#afterDeed(deed.order);
  }

  #run(deed: Deed): DeedRun {
    return {
      hands: this.#hands(),
      role: () => this.#state.role,
      self: () => {
        const { self } = this.#state;
        if (self === undefined) throw memberNotReady(this.#trouble);
        return self;
      },
      mayGoOn: () => {
        if (this.#stopped) throw memberNotReady('the pooler is stopping');
        if (this.#overtaken.get(deed.id)?.asked === true) throw overtaken(this.#state.promise);
      },
      onOvertaken: (run) => void this.#overtaken.get(deed.id)?.runs.push(run),
      become: (role) => this.#step({ kind: 'became', deed: deed.id, role }),
      attempted: (ballot) => this.#step({ kind: 'attempted', ballot }),
      reload: () => this.#identify(),
      look: () => this.#refresh(),
      isProving: () => this.#probe?.isCommitting ?? false,
    };
  }

  #hands(): MemberHands {
    const { config, sessions } = this.#parts;
    const { busy, pause, resume } = sessions;
    return {
      world: this.#world,
      config,
      admin: this.#admin,
      promises: this.#promises,
      pgctld: this.#pgctld,
      sessions: { busy, pause, resume },
    };
  }

  #overtake(deed: number): void {
    const entry = this.#overtaken.get(deed);
    if (entry === undefined) return;
    entry.asked = true;
    for (const run of entry.runs) run();
  }

  #afterDeed(order: Order): void {
    if (order.kind === 'resign' && this.#state.role.kind === 'resigned') {
      this.#pauseEndsMs = this.nowMs + order.request.pauseMs;
    }
    if (this.#state.role.kind === 'resigned') this.#pauseUntilEnd();
    this.#lookSoon(0);
  }

  #pauseUntilEnd(): void {
    this.#pause?.cancel();
    const restMs = Math.max(0, this.#pauseEndsMs - this.nowMs);
    // While a deed is under way nothing comes of it; the end of the deed asks again.
    this.#pause = this.#world.clock.after(restMs, () => this.#step({ kind: 'pauseEnded' }));
  }

  // --- leading ---

  #roleChanged(before: Role, role: Role): void {
    this.#world.telemetry.log.info('the member is something else now', { was: before.kind, is: role.kind });
    if (role.kind === 'follower') this.#joinsSinceMs = this.nowMs;
    if (role.kind === 'leader') this.#lead(role.rule);
    else if (role.kind === 'resigned') this.#probe?.rest();
    else this.#stopLeading();
    if (role.kind === 'leader' && before.kind === 'resigned') this.#parts.sessions.resume();
  }

  #lead(rule: Rule): void {
    this.#pause?.cancel();
    if (this.#probe !== undefined) {
      this.#probe.use(rule);
      this.#probe.resume();
      return;
    }
    const { self } = this.#state;
    assert(self !== undefined, 'who leads is somebody');
    this.#parts.guard.allow(-Infinity);
    this.#probe = new CommitProbe(this.#world, this.#admin, self, rule, {
      renewed: (startMs) => this.#renewed(startMs),
      seen: (sight) => this.#seen(sight),
      failed: () => this.#postgresDoubted(),
    });
  }

  /** Postgres shows a commit that may be lost: nobody may be told of anything until a later one has reached the quorum, and this one with it. */
  commitDoubted(): void {
    this.#doubtedMs = this.nowMs;
    this.#leaseEndsMs = -Infinity;
  }

  /** Whether that process of Postgres waits for its commit's quorum. Best effort: false if Postgres does not say. */
  async waitsForQuorum(processId: number): Promise<boolean> {
    const rows = await this.#admin.ask(memberSql.waitingCommits).catch(unlessNoPgError);
    return rows?.some(([pid]) => Number(pid) === processId) ?? false;
  }

  /** A connection to it was lost: it may be back as a standby before anybody has looked. Until a commit gets through, nobody begins anything. */
  #postgresDoubted(): void {
    if (this.#open && !this.#isDoubted && this.#state.role.kind === 'leader') {
      this.#isDoubted = true;
      this.#parts.sessions.pause('its Postgres may be down');
      this.#parts.changed();
    }
    this.#lookSoon(0);
  }

  #renewed(startMs: number): void {
    if (startMs <= this.#doubtedMs) return;
    const { role, promise } = this.#state;
    // It is being recruited, and has ended its sessions: a commit that was under way opens nothing again.
    if (!leads(role) || compareBallots(promise, role.rule.number?.ballot) !== 0) return;
    const untilMs = startMs + memberTiming.leaseMs;
    const hadLapsed = this.nowMs >= this.#leaseEndsMs;
    this.#leaseEndsMs = untilMs;
    this.#parts.guard.allow(untilMs);
    this.#lapse?.cancel();
    this.#lapse = this.#world.clock.after(Math.max(0, untilMs - this.nowMs), () => this.#parts.changed());
    if (this.#open && hadLapsed) this.#parts.changed();
    if ((this.#open && !this.#isDoubted) || role.kind !== 'leader') return;
    this.#open = true;
    this.#isDoubted = false;
    this.#parts.sessions.resume();
    this.#world.telemetry.log.info('the leader is open', {});
    this.#parts.changed();
  }

  #seen(sight: LeaderSight): void {
    const before = this.#leaderSight;
    this.#leaderSight = sight;
    if (before === undefined || before.followers.length !== sight.followers.length) this.#parts.changed();
  }

  get #isOpen(): boolean {
    const { role } = this.#state;
    return this.#open && !this.#isDoubted && role.kind === 'leader' && this.nowMs < this.#leaseEndsMs;
  }

  #stopLeading(): void {
    this.#isDoubted = false;
    this.#probe?.stop();
    this.#probe = undefined;
    this.#pause?.cancel();
    this.#lapse?.cancel();
    this.#leaderSight = undefined;
    this.#leaseEndsMs = -Infinity;
    if (this.#open) this.#fence('it does not lead any more');
    // What is asked from now on, is asked of a follower.
    this.#parts.guard.allow(Infinity);
  }

  /** Ends all sessions with what is true of each, before anything else happens. */
  #fence(why: string): void {
    this.#open = false;
    this.#parts.guard.untilMs = -Infinity;
    this.#parts.guard.drop();
    this.#parts.sessions.end(why);
  }

  // --- looking ---

  #lookSoon(ms: number): void {
    if (this.#stopped) return;
    this.#lookTimer?.cancel();
    this.#lookTimer = this.#world.clock.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      if (this.#state.self === undefined && this.#state.deed === undefined) await this.#identify();
      if (this.#state.self !== undefined) await this.#observe();
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.#trouble = error.message;
    }
    this.#looking = false;
    this.#lookSoon(this.#nextLookMs());
  }

  /** A follower that has not joined yet looks often, for a while: a leader may be waiting for it. */
  #nextLookMs(): number {
    const { role } = this.#state;
    // The probe sees what becomes of a leader that is open.
    if (this.#isOpen) return memberTiming.openLookMs;
    const joins = role.kind === 'follower' && !role.counted;
    const impatient = joins && this.nowMs - this.#joinsSinceMs < memberTiming.impatienceMs;
    return impatient ? memberTiming.soonMs : memberTiming.lookMs;
  }

  async #observe(): Promise<void> {
    const { role } = this.#state;
    const before = this.#sight;
    await this.#refresh();
    const sight = this.#sight;
    if (this.#stopped || sight === undefined) return;
    this.#judgeReads();
    if (sight.up && sight.inRecovery && this.#state.role === role && leads(role)) this.#step({ kind: 'primaryLost' });
    if (!sight.up && leads(role) && this.#state.role === role) await this.#postgresDown();
    if (sight.up && !sight.inRecovery) this.#primarySeen();
    const { newest } = sight.history;
    if (sight.up && !sight.inRecovery && newest !== undefined)
      this.#step({ kind: 'ruleFound', rule: newest.rule, decided: newest.decided });
    if (!sight.up && this.#state.deed === undefined) await this.#startPostgres();
    this.#followerSeen(sight);
    if (before === undefined || before.up !== sight.up || before.rulesKey !== sight.rulesKey) this.#parts.changed();
  }

  /** Whether sessions may read here as at a follower, and how far it has replayed. */
  #judgeReads(): void {
    const why = whyNoReads(this.#state, this.#sight);
    const changed = (why === '') !== (this.#whyNoReads === '');
    this.#whyNoReads = why;
    this.#parts.sessions.reads(why, this.#sight?.replayedLsn ?? 0n);
    if (changed) this.#parts.changed();
  }

  async #refresh(): Promise<void> {
    this.#sight = await lookAround(this.#world.clock, this.#admin, this.#sight);
  }

  #primarySeen(): void {
    const { role, deed } = this.#state;
    if (deed === undefined && !leads(role)) this.#step({ kind: 'strayPrimarySeen' });
  }

  #followerSeen({ history }: Sight): void {
    const { role } = this.#state;
    if (role.kind !== 'follower' || role.counted) return;
    const ballot = role.of.rule?.ballot;
    if (history.leaderships.some((each) => compareBallots(each.ballot, ballot) === 0))
      this.#step({ kind: 'leaderReplayed' });
  }

  /** It does not answer: it has lost its primary if the process is gone; if it only hangs, its commits do not get through either. */
  async #postgresDown(): Promise<void> {
    const { role } = this.#state;
    const status = await this.#askPgctld();
    if (status === undefined || status.state === ServerState.RUNNING) return;
    if (this.#state.role === role) this.#step({ kind: 'primaryLost' });
  }

  /** As a standby it can do no harm, so it never waits for being told. */
  async #startPostgres(): Promise<void> {
    const status = await this.#askPgctld();
    if (status === undefined || this.#state.deed !== undefined || this.#stopped) return;
    await this.#dataSeen(dataState(status));
    const down = status.state === ServerState.STOPPED || status.state === ServerState.CRASHED;
    if (down && !status.unusable) await this.#pgctld.start({ standby: true }, { deadlineMs: memberTiming.handsMs });
  }

  async #askPgctld(): Promise<PostgresState | undefined> {
    const { status } = await this.#pgctld.getStatus({}, { deadlineMs: memberTiming.handsMs });
    if (status !== undefined && status.systemIdentifier !== 0n) this.#systemIdentifier = status.systemIdentifier;
    return status;
  }

  /**
   * A rewind or a clone that has failed leaves a data directory that orchestrators must hear of, because it takes another clone; pgctld may finish or undo it
   * when it starts again, and then this may be another member.
   */
  async #dataSeen(data: DataState): Promise<void> {
    if (data === this.#data) return;
    if (data === DataState.FINE) await this.#identify();
    this.#data = data;
    this.#parts.changed();
  }

  /** Which member this is: what the data directory says, if the file of promises knows it. Throws 55000 if it does not. */
  async #identify(): Promise<MemberId> {
    this.#admin.forgetSettings();
    const status = await this.#askPgctld();
    this.#data = dataState(status);
    const incarnation = status?.incarnation ?? '';
    if (this.#data !== DataState.FINE) throw memberNotReady(noDataReason(status));
    const record = this.#promises.adopt(incarnation);
    const self = create(MemberIdSchema, { pooler: this.#parts.config.pooler, incarnation });
    const { promise, attempts, following } = record;
    const mine = following !== undefined && compareBallots(following.rule?.ballot, promise) === 0;
    let role: Role = { kind: 'idle', released: undefined };
    if (this.#state.deed === undefined) {
      const led = await this.#ledBefore(status, self, record);
      if (led !== undefined) role = led;
      else if (mine) role = { kind: 'follower', of: following, counted: false };
    }
    this.#trouble = '';
    this.#step({ kind: 'known', self, promise, attempts, role });
    return self;
  }

  /** Only the pooler was restarted: it leads on, if nobody has got another promise meanwhile. Its lease tells whether anybody follows. */
  async #ledBefore(
    status: PostgresState | undefined,
    self: MemberId,
    { promise, attempts }: MemberRecord,
  ): Promise<Role | undefined> {
    if (status?.state !== ServerState.RUNNING || (await this.#admin.isInRecovery())) return undefined;
    const { newest } = await readRules(this.#admin.ask);
    if (newest === undefined || !sameMember(newest.rule.leader, self)) return undefined;
    const isMine = (ballot: Ballot): boolean => compareBallots(newest.rule.number?.ballot, ballot) === 0;
    if (promise === undefined || !isMine(promise) || !attempts.some(isMine)) return undefined;
    return { kind: newest.decided ? 'leader' : 'proposing', rule: newest.rule };
  }
}

function dataState(status: PostgresState | undefined): DataState {
  if (status === undefined) return DataState.UNSPECIFIED;
  if (status.unusable) return DataState.UNUSABLE;
  return status.state === ServerState.NOT_INITIALIZED || status.incarnation === '' ? DataState.NONE : DataState.FINE;
}

function noDataReason(status: PostgresState | undefined): string {
  if (status === undefined) return 'pgctld says nothing';
  if (status.unusable) return `its data directory can only be cloned: ${status.trouble}`;
  return 'it has no data directory';
}
