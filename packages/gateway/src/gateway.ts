import { type Connection, type Endpoint, type Listener, type World } from '@multigres/core';
import { MessageWriter } from '@multigres/pgwire';
import { encryptedRelay, Topics } from '@multigres/relay';
import { create, ShardKeySchema, type RpcTransport } from '@multigres/rpc';
import type { Directory } from '@multigres/topology';
import type { Classification } from '@multigres/sql';
import { Authenticator } from './auth/authenticator.ts';
import { SecretCache } from './auth/secret-cache.ts';
import { CancelKeys } from './cancel/cancel-keys.ts';
import { Cancels, type Cancellable } from './cancel/cancels.ts';
import type { CommandedGateway, GatewayOperator } from './console/commands.ts';
import { defaultConsoleConfig } from './console/console-config.ts';
import { Console } from './console/console.ts';
import type { ConsoleSession } from './console/console-session.ts';
import type { ShownGateway } from './console/gateway-tables.ts';
import { defaultGatewayLog, type GatewayConfig, type GatewayLimits, type GatewayLog } from './config.ts';
import { GatewayControl, type GatewayControlConfig, type GatewayControlParts } from './control/gateway-control.ts';
import { gatewayStops, killedByOperator, tooManyClients } from './errors.ts';
import { FixedRoute } from './route/fixed-route.ts';
import { PoolerClient, type PoolerClientOptions } from './route/pooler-client.ts';
import type { PoolerView } from './route/pooler-views.ts';
import type { Route } from './route/route.ts';
import { ShardRoute } from './route/shard-route.ts';
import { LoginPace } from './session/login-pace.ts';
import { Login } from './session/login.ts';
import { RequestBuilder } from './session/request-builder.ts';
import { SequenceReaders } from './session/sequence-readers.ts';
import type { SessionEnvironment } from './session/session-environment.ts';
import type { SessionView } from './session/session-view.ts';
import type { Session } from './session/session.ts';
import { SharedOpens } from './session/shared-opens.ts';
import type { Tunnel } from './session/tunnel.ts';
import { Classifier } from './statement/classifier.ts';
import { SessionRounds } from './timeout/session-rounds.ts';
import { StatementCatalog } from './statement/statement-catalog.ts';
import { GatewayMetrics } from './telemetry/gateway-metrics.ts';
import { GroupWatch } from './telemetry/group-watch.ts';
import { SessionLog } from './telemetry/session-log.ts';
import { observeGateway, type GatewaySubject } from './telemetry/observe-gateway.ts';

/** A running gateway. */
export interface Gateway {
  /** Where clients connect, with the real ports. */
  readonly endpoints: readonly Endpoint[];
  status(): GatewayStatus;
  /** What RELOAD, DRAIN and SHUTDOWN of the admin console do. Without it they are refused. */
  useOperator(operator: GatewayOperator): void;
  /** How clients log in from now on, which limits hold and what is logged; who is logged in stays. Addresses are not looked at. */
  adjust(config: Pick<GatewayConfig, 'auth' | 'limits' | 'log' | 'console'>): void;
  /**
   * Leaves in peace: takes no more connections, ends replication at once and each session (57P01) as soon as it is between transactions, whatever
   * state it keeps on a backend, and all that are left after `deadlineMs`; then stops. Resolves when all clients have hung up, or were given time to.
   */
  drain(deadlineMs: number): Promise<void>;
  /** Ends all sessions (57P01) and resolves when the listeners are closed. */
  stop(): Promise<void>;
}

export interface GatewayStatus {
  readonly sessions: number;
  readonly logins: number;
  /** Whether there is a connection to the pooler. */
  readonly poolerIsUp: boolean;
}

/** Where the gateway finds its pooler: an address, a way to make a connection (both in one process), or the topology. */
export type PoolerTarget = PoolerAddress | ShardTarget;

export type PoolerAddress = Endpoint | (() => Promise<Connection>);

/** All poolers of a shard, found in the topology; the leader among them is followed by its health stream. */
export interface ShardTarget {
  readonly kind: 'topology';
  readonly directory: Directory;
  /** Where this gateway is: known before the topology was ever reached, and preferred for reads. */
  readonly cell: string;
  readonly rpc: RpcTransport;
  /** Default: the one of the default table group, which is not sharded. */
  readonly shard?: ShardName;
}

export interface ShardName {
  readonly database: string;
  readonly tableGroup: string;
  readonly shard: string;
}

const defaultShard: ShardName = { database: 'postgres', tableGroup: 'default', shard: '0' };

/** What is needed to serve GatewayService. */
export interface GatewayControlSetup extends GatewayControlParts {
  readonly config: GatewayControlConfig;
}

/**
 * Starts a gateway: Postgres clients connect to `config.listen` and are served by the pooler at `pooler`. Rejects with a NetworkError if it
 * cannot listen. The pooler need not be there yet.
 */
export async function startGateway(
  world: World,
  config: GatewayConfig,
  pooler: PoolerTarget,
  control?: GatewayControlSetup,
): Promise<Gateway> {
  const gateway = new GatewayProcess(world, config, pooler);
  await gateway.listen();
  try {
    if (control !== undefined) await gateway.serveControl(control);
  } catch (error) {
    await gateway.stop();
    throw error;
  }
  return gateway;
}

/** A full gateway hears so many more out, for cancels and the console. */
const strangersMax = 100;

class GatewayProcess implements Gateway, SessionEnvironment, ShownGateway, CommandedGateway {
  readonly clock: World['clock'];
  readonly log: World['telemetry']['log'];
  readonly random: World['random'];
  readonly metrics: GatewayMetrics;
  readonly sessionLog: SessionLog;
  watch: GroupWatch | undefined;
  readonly network: World['network'];
  readonly tls: GatewayConfig['tls'];
  limits: GatewayLimits;
  readonly rounds: SessionRounds;
  readonly loginPace: LoginPace;
  isDraining = false;
  readonly builder: RequestBuilder = new RequestBuilder();
  readonly writer: MessageWriter = new MessageWriter(64 * 1024);
  readonly catalog: StatementCatalog;
  readonly sequenceReaders: SequenceReaders = new SequenceReaders();
  readonly cancelKeys: CancelKeys<Cancellable>;
  readonly cancels: Cancels;
  readonly tunnels: Set<Tunnel> = new Set();
  console: Console | undefined;
  readonly #console: Console;
  operator: GatewayOperator = {};
  readonly #consoles: Set<ConsoleSession> = new Set();
  readonly authenticator: Authenticator;
  readonly opens: SharedOpens = new SharedOpens();
  readonly classify: (text: string) => Classification = (text) => this.#classifier.text(text);
  readonly classifyQuery: (buffer: Uint8Array, start: number, end: number) => Classification = (buffer, start, end) =>
    this.#classifier.query(buffer, start, end);
  get shape(): number {
    return this.#classifier.shape;
  }
  readonly #classifier: Classifier = new Classifier();
  readonly #world: World;
  readonly #config: GatewayConfig;
  readonly #route: Route;
  /** The same, where there is more than one pooler. */
  readonly #shard: ShardRoute | undefined;
  /** What others may ask this gateway. */
  readonly #topics: Topics;
  #control: GatewayControl | undefined;
  readonly #sessions: Set<Session> = new Set();
  readonly #logins: Set<Login> = new Set();
  readonly #listeners: Listener[] = [];
  /** Clients that were told that it is over and have not hung up yet. */
  #goodbyes = 0;
  #deserted: (() => void) | undefined;

  constructor(world: World, config: GatewayConfig, pooler: PoolerTarget) {
    this.#world = world;
    this.clock = world.clock;
    this.log = world.telemetry.log.with({ component: config.id });
    this.random = world.random;
    this.metrics = new GatewayMetrics(world);
    this.sessionLog = new SessionLog(this.log, config.log ?? defaultGatewayLog);
    this.#useLog(config.log ?? defaultGatewayLog);
    this.network = world.network;
    this.tls = config.tls;
    this.limits = config.limits;
    this.loginPace = new LoginPace(world.clock);
    this.rounds = new SessionRounds(world.clock, this.#sessions, config.limits);
    this.#config = config;
    const found = typeof pooler === 'object' && pooler.kind === 'topology' ? pooler : undefined;
    this.#topics = new Topics(config.id);
    this.catalog = new StatementCatalog(config.limits.statementsMax, (statement) =>
      this.#route.forgetStatement(statement),
    );
    const linkWorld = worldOfLinks(world, config);
    this.#shard = found && this.#shardRoute(linkWorld, found);
    this.#route = this.#shard ?? new FixedRoute(this.#client(linkWorld, pooler as PoolerAddress));
    this.cancelKeys = new CancelKeys(world.random.fork('cancel keys'));
    this.cancels = new Cancels(this.cancelKeys, (question) => this.#route.ask(question), this.metrics);
    this.#topics.on('cancel', this.cancels.asked);
    this.#console = new Console(config.console || defaultConsoleConfig, this, (question) =>
      this.#route.askNow(question),
    );
    this.#console.answer(this.#topics);
    this.console = config.console === false ? undefined : this.#console;
    const { clock, random } = world;
    const secrets = new SecretCache((role) => this.#route.verifier(role), clock, config.limits.verifierMs);
    this.authenticator = new Authenticator(config.auth, secrets, random.fork('authentication'));
    observeGateway(world.telemetry.metrics, this.#subject());
  }

  #client(world: World, target: PoolerAddress, more: Pick<PoolerClientOptions, 'where' | 'linked'> = {}): PoolerClient {
    const { metrics, catalog, classify } = this;
    const limits = (): GatewayLimits => this.limits;
    return new PoolerClient(world, target, {
      topics: this.#topics,
      metrics,
      id: this.#config.id,
      get waitMs() {
        return limits().poolerWaitMs;
      },
      statementOf: ({ query, parameterTypes }) => catalog.get(query, parameterTypes, classify),
      ...more,
    });
  }

  #shardRoute(world: World, { directory, cell, rpc, shard = defaultShard }: ShardTarget): ShardRoute {
    const key = create(ShardKeySchema, shard);
    return new ShardRoute(world, {
      rpc,
      cell,
      poolers: directory.watchShardPoolers(key, [cell]),
      connect: (dial, where, linked) => this.#client(world, dial, { where, linked }),
      limits: () => this.limits,
      events: this.metrics,
    });
  }

  /** What is looked at when somebody reads the metrics. */
  #subject(): GatewaySubject {
    const logins = this.#logins;
    const limits = (): GatewayLimits => this.limits;
    return {
      sessions: this.#sessions,
      tunnels: this.tunnels,
      get loginCount() {
        return logins.size;
      },
      get sessionsMax() {
        return limits().sessionsMax;
      },
      route: this.#route,
      waiting: this.#shard?.room,
      catalog: this.catalog,
      classifier: this.#classifier,
    };
  }

  get watchesTexts(): boolean {
    return this.watch !== undefined;
  }

  parseCarried(): void {
    this.metrics.carriedParses.add();
  }

  async serveControl(setup: GatewayControlSetup): Promise<void> {
    const { endpoints, limits } = this;
    const subject = { endpoints, sessionsMax: limits.sessionsMax, shard: this.#shard, status: () => this.status() };
    this.#control = new GatewayControl(this.#world, subject, setup.config, setup);
    await this.#control.start();
  }

  async listen(): Promise<void> {
    for (const endpoint of this.#config.listen) {
      try {
        const accept = (connection: Connection): void => this.#accept(connection);
        const options = { sharePort: this.#config.sharesPorts ?? false };
        this.#listeners.push(await this.#world.network.listen(endpoint, accept, options));
      } catch (error) {
        await this.stop();
        throw error;
      }
    }
  }

  get endpoints(): readonly Endpoint[] {
    return this.#listeners.map((listener) => listener.endpoint);
  }

  status(): GatewayStatus {
    return {
      sessions: this.#sessions.size + this.tunnels.size,
      logins: this.#logins.size,
      poolerIsUp: this.#route.isUp,
    };
  }

  get id(): string {
    return this.#config.id;
  }

  /** As it is in force. */
  get config(): GatewayConfig {
    return { ...this.#config, limits: this.limits };
  }

  get consoles(): number {
    return this.#consoles.size;
  }

  get poolerViews(): readonly PoolerView[] {
    return this.#shard?.poolerViews ?? [];
  }

  *sessionViews(): Iterable<SessionView> {
    for (const session of this.#sessions) yield session.view;
    for (const tunnel of this.tunnels) yield tunnel.view;
  }

  killClient(id: string): boolean {
    for (const session of [...this.#sessions, ...this.tunnels]) {
      if (String(session.id) !== id) continue;
      session.finish(killedByOperator());
      return true;
    }
    return false;
  }

  useOperator(operator: GatewayOperator): void {
    this.operator = operator;
  }

  consoleStarted(session: ConsoleSession): void {
    this.#consoles.add(session);
  }

  consoleEnded(session: ConsoleSession): void {
    this.#consoles.delete(session);
  }

  #useLog(log: GatewayLog): void {
    const { clock, random, telemetry } = this.#world;
    const { tracing } = telemetry;
    this.sessionLog.options = log;
    const parts = { clock, random: random.fork('traces'), log: this.sessionLog, tracing };
    this.watch = tracing.isOn || log.slowMs < Infinity ? new GroupWatch(log.slowMs, parts) : undefined;
  }

  adjust({ auth, limits, log, console }: Pick<GatewayConfig, 'auth' | 'limits' | 'log' | 'console'>): void {
    this.authenticator.use(auth);
    this.limits = limits;
    this.rounds.adjust(limits);
    this.#console.config = console || defaultConsoleConfig;
    this.console = console === false ? undefined : this.#console;
    this.#useLog(log ?? defaultGatewayLog);
  }

  async drain(deadlineMs: number): Promise<void> {
    if (this.isDraining) return;
    this.isDraining = true;
    this.log.info('draining', { sessions: this.#sessions.size, deadlineMs });
    this.#control?.drain();
    const closed = this.#listeners.map((listener) => listener.close());
    for (const login of [...this.#logins]) login.fail(gatewayStops());
    for (const session of [...this.#sessions]) session.leaveWhenQuiet();
    for (const tunnel of [...this.tunnels]) tunnel.finish(gatewayStops());
    const late = this.clock.after(deadlineMs, () => this.#endAll());
    await Promise.all([...closed, this.#isDeserted()]);
    late.cancel();
    await this.stop();
  }

  async stop(): Promise<void> {
    this.rounds.stop();
    await this.#control?.stop();
    const closed = this.#listeners.map((listener) => listener.close());
    for (const login of [...this.#logins]) login.fail(gatewayStops());
    this.#endAll();
    // The sessions' farewells to the pooler leave with this turn's flush.
    this.clock.soon(() => this.#route.stop());
    await Promise.all(closed);
  }

  routeFor(): Route {
    return this.#route;
  }

  sessionStarted(session: Session): void {
    this.#sessions.add(session);
  }

  sessionEnded(session: Session): void {
    this.#sessions.delete(session);
    this.rounds.forget(session);
    this.#lookWhoIsLeft();
  }

  goodbyeBegun(): void {
    this.#goodbyes += 1;
  }

  goodbyeOver(): void {
    this.#goodbyes -= 1;
    this.#lookWhoIsLeft();
  }

  #endAll(): void {
    for (const session of [...this.#sessions, ...this.tunnels, ...this.#consoles]) session.finish(gatewayStops());
  }

  #isDeserted(): Promise<void> {
    return new Promise((resolve) => {
      this.#deserted = resolve;
      this.#lookWhoIsLeft();
    });
  }

  #lookWhoIsLeft(): void {
    if (this.#deserted !== undefined && this.#sessions.size + this.#goodbyes === 0) this.#deserted();
  }

  #accept(connection: Connection): void {
    const login = new Login(this, connection, (done) => this.#logins.delete(done));
    this.#logins.add(login);
    const taken = this.#sessions.size + this.tunnels.size + this.#logins.size;
    if (this.isDraining) login.fail(gatewayStops());
    else if (taken > this.limits.sessionsMax) {
      const error = tooManyClients(this.limits.sessionsMax);
      if (taken > this.limits.sessionsMax + strangersMax) login.fail(error);
      else login.refuseSession(error);
    }
  }
}

/** The same world, where connections to poolers are encrypted if they are to be. */
function worldOfLinks(world: World, { relayTls }: GatewayConfig): World {
  if (relayTls === undefined) return world;
  const { clock, disk, network, processes, random, telemetry } = world;
  const encrypted = encryptedRelay(network, relayTls, { clock, log: telemetry.log });
  return { clock, disk, network: encrypted, processes, random, telemetry };
}
