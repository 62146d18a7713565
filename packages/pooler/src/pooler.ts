import {
  PgError,
  type Connection,
  type Endpoint,
  type Listener,
  type Network,
  type Timer,
  type World,
} from '@multigres/core';
import { BodyWriter, encryptedRelay, Topics, type BodyReader, type Open, type OpenAt } from '@multigres/relay';
import { AnswerGuard } from './backend/answer-guard.ts';
import { AdminQueries } from './backend/admin-queries.ts';
import { SchemaVersion } from './backend/schema-version.ts';
import type { Backend } from './backend/backend.ts';
import { sendCancel } from './backend/cancel-request.ts';
import { login } from './backend/login.ts';
import { PostgresServer } from './backend/postgres-server.ts';
import type { PoolerConfig, PoolerLimits } from './config.ts';
import { ConsoleViews } from './console/console-views.ts';
import { answerConsole } from './console/console-topics.ts';
import { notTheLeader, noVerifierLookup, poolerStops } from './errors.ts';
import { memberTiming } from './member/member-timing.ts';
import { MemberDriver } from './member/member.driver.ts';
import { PoolerControl, type PoolerControlConfig, type PoolerControlParts } from './health/pooler-control.ts';
import { BackendPlaces } from './pool/backend-places.ts';
import { PoolOperations } from './pool/operations.ts';
import { SessionLimits } from './limits/session-limits.ts';
import { noShares, type Shares } from './limits/shares.ts';
import type { Pool, PoolEnvironment } from './pool/pool.ts';
import { Pools } from './pool/pools.ts';
import { StartupProbes, type Probe, type ProbeAnswer } from './pool/startup-probes.ts';
import type { StartupSetting, StartupSettings } from './pool/startup-settings.ts';
import type { Totals } from './pool/pool-tally.ts';
import { CatchUp } from './session/catch-up.ts';
import { Gate } from './session/gate.ts';
import { GatewayLink, type LinkEnvironment } from './session/gateway-link.ts';
import type { Session } from './session/session.ts';
import { lookUpVerifier } from './session/verifier-lookup.ts';
import { observePooler } from './telemetry/observe-pooler.ts';
import { PoolerMetrics } from './telemetry/pooler-metrics.ts';
import type { Tunnel } from './session/tunnel.ts';
import { Tunnels } from './session/tunnels.ts';
import { StatementTable } from './statement/statement-table.ts';

const tidyMs = 10_000;
/** A startup setting of each backend of a member. */
const durable: StartupSetting = ['synchronous_commit', 'on'];
const silenceMs = 5_000;

/** What is needed to serve PoolerService. */
export interface PoolerControlSetup extends PoolerControlParts {
  readonly config: PoolerControlConfig;
}

/** A running pooler. */
export interface Pooler {
  /** Where gateways connect, with the real port. */
  readonly relay: Endpoint | undefined;
  readonly status: () => PoolerStatus;
  /** PAUSE, RESUME, KILL, RECONNECT. */
  readonly operations: PoolOperations;
  /** What a member opens and closes: whether sessions may begin something here. */
  readonly gates: Readonly<Record<OpenAt, Gate>>;
  /** What a member moves with its lease: until when answers may be told. Undefined for a pooler that stands alone. */
  readonly guard: AnswerGuard | undefined;
  /** Per database, since the start. */
  readonly totals: () => ReadonlyMap<string, Totals>;
  /** Takes a gateway's connection that did not come through the listener (both in one process). */
  accept(connection: Connection): void;
  /**
   * These limits hold from now on. Nobody is thrown out: backends that are too many for their pool end soon after they are given back, those that
   * are too many in all when they have been idle for long.
   */
  adjust(config: Pick<PoolerConfig, 'limits' | 'shares'>): void;
  /** Ends all sessions (57P01) and backends; resolves when the listener is closed. */
  stop(): Promise<void>;
  /** Ends each session (57P01) as soon as it is between transactions, at the latest after `ms`; then stops. */
  drain(ms: number): Promise<void>;
}

export interface PoolerStatus {
  readonly gateways: number;
  readonly sessions: number;
  readonly backends: number;
  readonly pools: readonly {
    readonly user: string;
    readonly database: string;
    readonly idle: number;
    readonly shared: number;
    readonly alone: number;
    readonly leased: number;
    readonly starting: number;
    readonly waiting: number;
  }[];
}

/**
 * Starts a pooler: it lets gateways in on `config.relay` and shares few backends of the Postgres beside it between their sessions.
 * With `control` it also serves PoolerService and makes itself known. Rejects with a NetworkError if it cannot listen. Postgres need not be
 * there yet.
 */
export async function startPooler(world: World, config: PoolerConfig, control?: PoolerControlSetup): Promise<Pooler> {
  const pooler = new PoolerProcess(world, config);
  await pooler.listen();
  try {
    if (control !== undefined) await pooler.serveControl(control);
  } catch (error) {
    await pooler.stop();
    throw error;
  }
  return pooler;
}

/** How often those who are still in a transaction are looked at. */
const drainLookMs = 20;
/** What it takes gateways to hear of it, and their sessions to close their channels. */
const moveMs = 300;
/** Nobody leads while a leader drains: what has not ended by then is ended. */
const memberDrainMs = 2_000;

class PoolerProcess implements Pooler, PoolEnvironment, LinkEnvironment {
  readonly clock: World['clock'];
  readonly log: World['telemetry']['log'];
  readonly random: World['random'];
  readonly metrics: PoolerMetrics;
  readonly schema: SchemaVersion = new SchemaVersion();
  readonly id: string;
  readonly silenceMs: number = silenceMs;
  readonly sessionLimits: SessionLimits;
  sessionsMax: number;
  readonly statements: StatementTable = new StatementTable((statement) => {
    for (const link of this.links) link.tellResult(statement);
  });
  readonly topics: Topics;
  readonly links: Set<GatewayLink> = new Set();
  readonly gates: Readonly<Record<OpenAt, Gate>> = {
    leader: new Gate(() => this.sessions()),
    follower: new Gate(() => this.sessions()),
  };
  readonly #world: World;
  readonly #config: PoolerConfig;
  readonly #server: PostgresServer;
  #limits: PoolerLimits;
  readonly #pools: Pools;
  readonly #places: BackendPlaces;
  #shares: Shares;
  readonly operations: PoolOperations;
  readonly guard: AnswerGuard | undefined;
  readonly tunnels: Tunnels;
  readonly #probes: StartupProbes;
  readonly #admin: AdminQueries | undefined;
  #listener: Listener | undefined;
  #control: PoolerControl | undefined;
  #member: MemberDriver | undefined;
  #tidy: Timer | undefined;
  readonly #views: ConsoleViews;
  #lastBackend = 0;
  #stopped = false;

  constructor(world: World, config: PoolerConfig) {
    this.clock = world.clock;
    this.log = world.telemetry.log.with({ component: config.id });
    this.random = world.random;
    this.metrics = new PoolerMetrics(world);
    this.id = config.id;
    this.sessionsMax = config.limits.sessionsMax;
    this.sessionLimits = new SessionLimits(config.shares);
    this.#world = world;
    this.#config = config;
    this.#limits = config.limits;
    const doubted = (): void => this.#member?.commitDoubted();
    this.guard = config.member && new AnswerGuard(this.clock, memberTiming.heldMs, doubted);
    this.#server = new PostgresServer(world, config.postgres, config.postgresTls);
    this.#pools = new Pools(config.limits, this);
    this.#shares = config.shares ?? noShares;
    this.#places = new BackendPlaces({
      clock: this.clock,
      backendsMax: () => this.#limits.backendsMax,
      shares: () => this.#shares,
      pools: this.#pools,
      othersMayTry: () => {
        this.tunnels.placeFree();
        this.#probes.placeFree();
      },
    });
    this.operations = new PoolOperations(
      this.#pools,
      () => this.sessions(),
      () => this.#growSoon(),
    );
    const { waitMs, loginMs } = config.limits;
    const { takePlace, givePlaceBack, tunnelEnded } = this;
    this.tunnels = new Tunnels(world, this.#server, { waitMs, loginMs, takePlace, givePlaceBack, tunnelEnded });
    const { metrics } = this;
    this.#probes = new StartupProbes(world, this.#server, { waitMs, loginMs, metrics, takePlace, givePlaceBack });
    const admin = config.admin ?? (config.member && { user: config.member.superuser, database: 'postgres' });
    this.#admin = admin && new AdminQueries(world, this.#server, admin, config.limits.loginMs, this.metrics);
    if (config.member !== undefined) for (const gate of gatesOf(this)) gate.close('it has only just started');
    this.topics = new Topics(config.id).on('verifier', (body) => this.#verifier(body));
    this.topics.on('walEnd', () => this.#walEnd());
    const { clock, links, statements, status } = this;
    this.#views = new ConsoleViews({
      clock,
      config,
      pools: this.#pools,
      links,
      statements,
      limits: () => this.#limits,
      shares: () => this.#shares,
    });
    answerConsole(this.topics, this.#views, this.operations);
    observePooler(world.telemetry.metrics, { status, sessions: () => this.sessions(), limits: config.limits });
    this.#tidyLater();
  }

  async serveControl(setup: PoolerControlSetup): Promise<void> {
    const { postgres, limits } = this.#config;
    const member = await this.#startMember(setup);
    const subject = {
      relay: this.relay,
      // Those that follow come from other machines.
      postgres: this.#config.member?.postgresAddress ?? postgres,
      limits,
      admin: this.#admin,
      status: this.status,
      member,
    };
    this.#control = new PoolerControl(this.#world, subject, setup.config, setup);
    await this.#control.start();
  }

  async #startMember({ rpc }: PoolerControlSetup): Promise<MemberDriver | undefined> {
    const { member: config } = this.#config;
    if (config === undefined || this.guard === undefined) return undefined;
    this.gates.follower.catchUp = new CatchUp(this.clock, () => this.#replayed());
    this.#member = new MemberDriver(this.#world, {
      config,
      server: this.#server,
      rpc,
      metrics: this.metrics,
      guard: this.guard,
      sessions: {
        end: (why) => this.#fence(why),
        pause: (why) => this.gates.leader.close(why),
        resume: () => this.gates.leader.open(),
        reads: (why, replayedLsn) => this.#judgeReads(why, replayedLsn),
        busy: () => [...this.sessions()].filter((session) => session.isInTransaction).length,
      },
      changed: () => this.#control?.changed(),
    });
    await this.#member.start();
    return this.#member;
  }

  async #replayed(): Promise<bigint> {
    const { follower } = this.gates;
    const lsn = await this.#member?.replayedLsn();
    if (follower.isOpen && lsn !== undefined && lsn > follower.replayedLsn) follower.replayedLsn = lsn;
    return follower.replayedLsn;
  }

  #judgeReads(why: string, replayedLsn: bigint): void {
    const { follower } = this.gates;
    if (why !== '') follower.replayedLsn = 0n;
    else if (replayedLsn > follower.replayedLsn) follower.replayedLsn = replayedLsn;
    if (why === '') follower.open();
    else follower.close(why);
  }

  /** Ends whatever is under way, with what is true of it; what has not begun goes back to its gateway. */
  #fence(why: string): void {
    this.gates.leader.close(why);
    const error = notTheLeader(why);
    for (const link of this.links) link.endTunnels(error);
    this.#pools.closeAll(error);
  }

  #relayNetwork(): Network {
    const { network } = this.#world;
    return this.#config.relayTls === undefined ? network : encryptedRelay(network, this.#config.relayTls, this);
  }

  async listen(): Promise<void> {
    const { relay } = this.#config;
    if (relay === undefined) return;
    this.#listener = await this.#relayNetwork().listen(relay, (connection) => this.accept(connection));
  }

  get relay(): Endpoint | undefined {
    return this.#listener?.endpoint ?? this.#config.relay;
  }

  accept(connection: Connection): void {
    this.links.add(new GatewayLink(connection, this));
  }

  status = (): PoolerStatus => {
    let sessions = 0;
    for (const link of this.links) sessions += link.sessionCount;
    const pools = [...this.#pools].map((pool) => ({
      user: pool.key.user,
      database: pool.key.database,
      ...pool.counts,
    }));
    return { gateways: this.links.size, sessions, backends: this.#places.taken, pools };
  };

  totals = (): ReadonlyMap<string, Totals> => this.#pools.totals();

  adjust({ limits, shares }: Pick<PoolerConfig, 'limits' | 'shares'>): void {
    this.#limits = limits;
    this.#shares = shares ?? noShares;
    this.sessionLimits.use(this.#shares);
    this.sessionsMax = limits.sessionsMax;
    this.#pools.adjust(limits);
    this.#growSoon();
  }

  async drain(ms: number): Promise<void> {
    if (this.#member !== undefined) await this.#moveSessions();
    const untilMs = this.clock.nowMs() + (this.#member === undefined ? ms : Math.min(ms, memberDrainMs));
    while (this.clock.nowMs() < untilMs) {
      let left = false;
      for (const session of [...this.sessions()]) {
        if (session.isQuiet) session.end(poolerStops());
        else left = true;
      }
      if (!left) break;
      await this.clock.sleep(drainLookMs);
    }
    await this.stop();
  }

  /** Who has nothing here goes on elsewhere, unseen. */
  async #moveSessions(): Promise<void> {
    for (const gate of gatesOf(this)) gate.closeForGood('it stops');
    for (const link of this.links) link.leaving();
    const untilMs = this.clock.nowMs() + moveMs;
    while (this.status().sessions > 0 && this.clock.nowMs() < untilMs) await this.clock.sleep(drainLookMs);
  }

  async stop(): Promise<void> {
    await this.#control?.stop();
    this.#stopped = true;
    this.#member?.stop();
    const closed = this.#listener?.close();
    for (const link of this.links) link.end(poolerStops());
    this.#places.stop();
    this.#pools.closeAll(poolerStops());
    this.#probes.close(poolerStops());
    this.#tidy?.cancel();
    this.#admin?.close();
    // The farewells leave with this turn's flush; then the links go.
    this.clock.soon(() => {
      for (const link of this.links) link.destroy();
    });
    await closed;
  }

  // --- for the links ---

  poolFor(open: Open, { fixed }: StartupSettings): Pool {
    const database = this.sessionLimits.serverDatabase(open.database);
    return this.#pools.get({ user: open.user, database, settings: fixed });
  }

  readonly takePlace = (): boolean => !this.#stopped && !this.#pools.allPaused && this.#places.takeOther();

  readonly givePlaceBack = (): void => {
    this.#places.freeOther();
    this.#growSoon();
  };

  readonly tunnelEnded = (tunnel: Tunnel): void => {
    for (const link of this.links) link.forgetTunnel(tunnel);
  };

  linkClosed(link: GatewayLink): void {
    this.links.delete(link);
  }

  // --- for the pools ---

  startBackend(pool: Pool): boolean {
    // When there is a place, `growAll` comes back to those who want one.
    if (this.#stopped || !this.#places.take(pool)) return false;
    this.#lastBackend += 1;
    void this.#login(pool, this.#lastBackend);
    return true;
  }

  probe(probe: Probe, done: (answer: ProbeAnswer) => void): void {
    this.#probes.ask(probe, done);
  }

  cancelBackend(backend: Backend, done: () => void): void {
    if (backend.isLost) return done();
    void this.#cancel(backend).then(done);
  }

  /** A commit that waits for its quorum is done already: a cancel would only make its outcome unknown. */
  async #cancel(backend: Backend): Promise<void> {
    if (this.#member !== undefined && (await this.#member.waitsForQuorum(backend.identity.processId))) return;
    await sendCancel(this.#world, this.#server, backend.identity, this.#limits.loginMs);
  }

  backendGone(pool: Pool): void {
    this.#places.free(pool);
    this.operations.backendGone();
    this.#growSoon();
  }

  sessionEnded(session: Session): void {
    for (const link of this.links) link.forget(session);
  }

  #growSoon(): void {
    this.clock.soon(() => {
      this.tunnels.placeFree();
      this.#probes.placeFree();
      this.#pools.growAll();
    });
  }

  async #login(pool: Pool, id: number): Promise<void> {
    const limits = this.#limits;
    const owner = {
      user: pool.key.user,
      database: pool.key.database,
      // Whatever the role or the database was given: RESET goes back to this.
      settings: this.guard === undefined ? pool.key.settings : [...pool.key.settings, durable],
      credentials: pool.credentials,
    };
    const startMs = this.clock.nowMs();
    try {
      const backend = await login(this.#world, this.#server, owner, limits.loginMs, {
        id,
        owner: pool,
        limits: { statementsMax: limits.statementsMax, groupsMax: Math.max(1024, 2 * limits.sharedGroupsMax) },
      });
      this.metrics.backendLogins.add();
      this.metrics.backendLoginTime.recordMs(this.clock.nowMs() - startMs);
      if (this.#stopped) backend.destroy();
      else pool.started(backend);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.metrics.backendLoginFailed(error.sqlstate);
      this.#noteTrouble(pool, error);
      pool.startFailed(error);
      this.backendGone(pool);
    }
  }

  /** Once, however often it is tried again. */
  #noteTrouble({ key, trouble }: Pool, { sqlstate: code, message }: PgError): void {
    if (trouble?.sqlstate === code) return;
    const { user, database } = key;
    this.log.warn('cannot log in at Postgres', { user, database, sqlstate: code, reason: message });
  }

  /** Beyond whatever was answered before the question. */
  async #walEnd(): Promise<Uint8Array> {
    if (this.#member === undefined) throw notTheLeader('it is no member of a shard');
    return new BodyWriter().u64(await this.#member.walEnd()).done();
  }

  async #verifier(body: BodyReader): Promise<Uint8Array> {
    if (this.#admin === undefined) throw noVerifierLookup();
    return await lookUpVerifier(this.#admin, body.text());
  }

  *sessions(): Iterable<Session> {
    for (const link of this.links) yield* link.sessions;
  }

  #tidyLater(): void {
    this.#tidy = this.clock.after(tidyMs, () => {
      this.#pools.tidy(this.sessions());
      this.#views.look();
      this.#tidyLater();
    });
  }
}

function gatesOf({ gates }: { readonly gates: Readonly<Record<OpenAt, Gate>> }): readonly Gate[] {
  return [gates.leader, gates.follower];
}
