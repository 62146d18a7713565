import { ways } from './workload/way.ts';
import { slowTextMs } from './assembly/postgres-node.ts';
import { Checks } from './check/checks.ts';
import { servedWithinMs } from './check/patience.ts';
import type { AssembleCluster, Cluster } from './cluster.ts';
import { generatePlan, type FaultMenu } from './fault/generate.ts';
import { Injector } from './fault/inject.ts';
import type { Plan } from './fault/plan.ts';
import { eventKind, type Failure } from './kernel/kernel.ts';
import type { TraceOptions, TraceLine } from './kernel/trace.ts';
import type { Scenario } from './scenario.ts';
import {
  drawLikeness,
  drawMix,
  login,
  rolesOf,
  runUser,
  type Likeness,
  type Mix,
  type Timetable,
  type UserParts,
} from './workload/user.ts';
import { fateOf, type ClientState, type Peace, type UserSession } from './workload/session.ts';
import { Weather } from './world/weather.ts';

export interface RunOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  /** Instead of the scenario's or the drawn one. */
  readonly plan?: Plan;
  readonly trace?: TraceOptions;
}

export interface RunResult {
  readonly seed: number;
  readonly scenario: string;
  readonly verdict: 'ok' | 'failed';
  readonly hash: string;
  readonly checkpoints: readonly string[];
  readonly clusterSeconds: number;
  readonly events: number;
  readonly failures: readonly Failure[];
  readonly plan: Plan;
  /** How many faults of the plan have struck. */
  readonly faults: number;
  readonly users: number;
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number };
  readonly acknowledgedWrites: number;
  /** How often each rare state was reached. */
  readonly coverage: Readonly<Record<string, number>>;
  /** Only when the trace keeps lines. */
  readonly lines: readonly TraceLine[];
  /** One line per event of the trace's window. */
  readonly windowLines: readonly string[];
  /** Names of the lives in the lines, by number. */
  readonly lives: readonly string[];
}

const limitMs = 400_000;
/** How long operators pause pools, all together, and how soon after that everybody has to be served as if they had not. */
const pausesMs = 1_500;
const afterPausesMs = 1_000;
/** A session, a login or a query that is stuck this long after everything has healed is stuck for good. */
const livenessMs = 45_000;
const moments = [
  'client/logged in',
  'client/query sent',
  'client/pipeline sent',
  'client/write sent',
  'client/write acknowledged',
  'client/commit sent',
  'client/commit acknowledged',
  'client/cancel sent',
  'client/reads slowly',
];

/** One life of a cluster: a function of the code, the scenario, the seed and the plan. */
export async function runOnce(assemble: AssembleCluster, options: RunOptions): Promise<RunResult> {
  const { scenario, seed } = options;
  const weather = new Weather({
    seed: `${scenario.name}#${seed}`,
    limitMs,
    wildClocks: scenario.cluster.shard?.clocks === 'wild',
    ...(options.trace ? { trace: options.trace } : {}),
  });
  const run = new Run(weather, assemble, options);
  await weather.kernel.run(() => run.story());
  return run.result();
}

class Run {
  readonly #weather: Weather;
  readonly #options: RunOptions;
  readonly #checks: Checks;
  readonly #cluster: Cluster;
  readonly #clients: readonly ClientState[];
  readonly #timetable: Timetable;
  readonly #plan: Plan;
  readonly #injector: Injector;
  readonly #mix: Mix;
  readonly #likeness: Likeness;
  readonly #finished = new Set<string>();
  #startMs = 0;

  constructor(weather: Weather, assemble: AssembleCluster, options: RunOptions) {
    const { scenario } = options;
    this.#weather = weather;
    this.#options = options;
    this.#checks = new Checks(weather.kernel);
    this.#cluster = assemble(weather, scenario.cluster, this.#checks);
    const random = weather.kernel.random.fork('run');
    this.#mix = drawMix(random.fork('mix'), scenario.workload ?? 'everything', this.#cluster.hasConsole);
    this.#likeness = drawLikeness(random.fork('likeness'), scenario.workload ?? 'everything');
    const [least, most] = scenario.users;
    const count = least + random.below(most - least + 1);
    this.#clients = Array.from({ length: count }, (_, i) => ({
      name: `user-${i + 1}`,
      counter: 0,
      sessions: 0,
      refusals: 0,
    }));
    for (const client of this.#clients) this.#makeUser(client);
    this.#plan = options.plan ?? this.#drawPlan();
    this.#timetable = { endMs: Math.max(scenario.endMs, this.#plan.healMs), healMs: this.#plan.healMs };
    this.#injector = new Injector(weather, this.#plan);
    this.#injector.checkNames();
  }

  async story(): Promise<void> {
    const { kernel } = this.#weather;
    await this.#cluster.start();
    if (this.#checks.failed) return;
    const startMs = this.#cluster.countsFromStart === true ? kernel.nowMs : 0;
    this.#startMs = startMs;
    this.#timetable.endMs += startMs;
    this.#timetable.healMs += startMs;
    this.#injector.start(startMs);
    for (const client of this.#clients) this.#weather.nodes.get(client.name)?.start();
    await this.#until(this.#timetable.endMs);
    const deadlineMs = this.#timetable.endMs + livenessMs;
    while (this.#finished.size < this.#clients.length && kernel.nowMs < deadlineMs) await this.#sleep(500);
    for (const sentence of this.#checks.watch.stuck(livenessMs / 2)) this.#checks.fail('liveness', sentence);
    if (this.#finished.size < this.#clients.length && !this.#checks.failed) {
      this.#checks.fail(
        'liveness',
        `${this.#clients.length - this.#finished.size} users are not done long after all faults healed`,
      );
    }
    if (!this.#checks.failed) await this.#lastJudgement(deadlineMs);
  }

  result(): RunResult {
    const { kernel, moments: seen } = this.#weather;
    const { scenario, seed } = this.#options;
    const { trace, failures } = kernel;
    return {
      seed,
      scenario: scenario.name,
      verdict: failures.length === 0 ? 'ok' : 'failed',
      hash: trace.hash(),
      checkpoints: trace.checkpoints,
      clusterSeconds: Math.round(kernel.nowMs) / 1000,
      events: trace.events,
      failures,
      plan: this.#plan,
      faults: this.#injector.struck,
      users: this.#clients.length,
      operations: this.#checks.tally,
      acknowledgedWrites: this.#checks.ledger.count('acknowledged'),
      coverage: Object.fromEntries([...seen.reached].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      lines: trace.lines,
      windowLines: trace.windowLines,
      lives: this.#weather.lifeNames,
    };
  }

  #drawPlan(): Plan {
    const { scenario } = this.#options;
    const random = this.#weather.kernel.random.fork('plan');
    if (scenario.plans !== undefined) return random.pick(scenario.plans);
    return scenario.plan ?? generatePlan(random, this.#menu());
  }

  /** Where nothing breaks, sessions end for reasons only; how they may, users know. */
  #peace(): Peace | undefined {
    const { scenario } = this.#options;
    const isPeaceful = this.#plan.faults.every(({ do: { kind } }) => kind === 'drain' || kind === 'clockStep');
    return isPeaceful ? { idleSessionMs: 0, idleInTransactionMs: 0, ...scenario.cluster.gateway } : undefined;
  }

  #menu(): FaultMenu {
    const { scenario } = this.#options;
    const { nodes, links, disks, servers, drainable, poolers, stores } = this.#cluster.parts;
    const users = this.#clients.map(({ name }) => ({ node: name, machine: name }));
    const doors = [
      ...new Set(this.#cluster.endpoints.map((endpoint) => (endpoint.kind === 'tcp' ? endpoint.host : ''))),
    ];
    const userLinks = this.#clients.flatMap(({ name }) => doors.map((door) => [name, door] as const));
    return {
      kinds: scenario.faults,
      // The cluster's own nodes are struck more often than its users, however many these are.
      nodes: [...repeated(nodes, 2 * users.length), ...users],
      links: [...repeated(links, userLinks.length), ...userLinks],
      disks,
      servers,
      drainable,
      poolers,
      stores,
      moments,
      fromMs: scenario.fromMs,
      healMs: scenario.healMs,
    };
  }

  #makeUser(client: ClientState): void {
    const weather = this.#weather;
    const node = weather.node(client.name, async (world) => {
      const life = node.life;
      if (life === undefined) return;
      await runUser(this.#parts(client, world, life));
      this.#finished.add(client.name);
    });
  }

  #parts(client: ClientState, world: UserParts['world'], life: UserParts['life']): UserParts {
    const { kernel, moments: seen } = this.#weather;
    const taste = kernel.random.fork(`taste/${client.name}`);
    const { isModern } = this.#cluster;
    return {
      client,
      world,
      life,
      random: kernel.random.fork(`user/${life.name}#${life.node}`),
      checks: this.#checks,
      endpoints: this.#cluster.endpoints,
      database: this.#cluster.database,
      hasConsole: this.#cluster.hasConsole,
      way: isModern ? taste.pick(ways) : 'clear',
      minor: isModern ? taste.pick([0, 2] as const) : 0,
      mix: this.#mix,
      neverImpatient: this.#options.scenario.workload === 'crowd',
      likeness: this.#likeness,
      peace: this.#peace(),
      accounts: this.#cluster.accounts,
      isUnhurried: this.#options.scenario.cluster.kind === 'shard',
      isCalm: this.#options.scenario.faults.every((kind) => kind === 'clockStep'),
      ...(this.#options.scenario.workload === 'fair' && {
        servedWithinMs: (sinceMs: number) => this.#servedWithinMs(sinceMs),
      }),
      timetable: this.#timetable,
      mark: (moment) => seen.mark(moment, client.name),
    };
  }

  #servedWithinMs(sinceMs: number): number {
    const { backends } = this.#cluster;
    if (backends === undefined) throw new Error('only what has a pooler can be fair');
    const soon = servedWithinMs({ ...backends, ...rolesOf(this.#clients.length), slowestMs: slowTextMs });
    return sinceMs > this.#timetable.healMs + afterPausesMs ? soon : soon + pausesMs;
  }

  /** Nobody is connected any more and nothing is broken: what is written, and what was left lying about? */
  async #lastJudgement(deadlineMs: number): Promise<void> {
    const { ledger, registers } = this.#checks;
    this.#judgeProgress();
    for (const sentence of registers.judge()) this.#checks.fail('linearizability', sentence);
    for (const sentence of (await this.#cluster.verdict?.(this.#timetable.healMs)) ?? []) {
      this.#checks.fail('liveness', sentence);
    }
    for (const sentence of ledger.verify(this.#cluster.committedKeys(), 'the store')) {
      this.#checks.fail('durability', sentence);
    }
    const seen = await this.#readLedger();
    if (seen) for (const sentence of ledger.verify(seen, 'a fresh session')) this.#checks.fail('durability', sentence);
    let leaks = this.#cluster.leaks();
    while (leaks.length > 0 && this.#weather.kernel.nowMs < deadlineMs + livenessMs) {
      await this.#sleep(500);
      leaks = this.#cluster.leaks();
    }
    for (const sentence of leaks) this.#checks.fail('leaks', sentence);
  }

  #judgeProgress(): void {
    const { progressMs } = this.#options.scenario;
    if (progressMs === undefined) return;
    const silentMs = this.#checks.longestSilenceMs(this.#startMs, this.#timetable.healMs);
    if (silentMs > progressMs)
      this.#checks.fail('liveness', `no write was acknowledged for ${Math.round(silentMs)} ms, though a quorum could`);
  }

  async #readLedger(): Promise<string[] | undefined> {
    const weather = this.#weather;
    const life = weather.life('auditor');
    const world = weather.world(life, weather.machine('auditor'));
    const parts = this.#parts({ name: 'auditor', counter: 0, sessions: 0, refusals: 0 }, world, life);
    let session: UserSession | undefined;
    // Each gateway may have to be told once that the password was changed.
    for (let tries = 0; session === undefined && tries <= this.#cluster.endpoints.length; tries++)
      session = await login(parts);
    const reply = await session?.simple('SELECT k FROM ledger');
    if (session === undefined || reply === undefined || fateOf(reply) !== 'ok') {
      this.#checks.fail('liveness', `a fresh session cannot read the ledger: ${reply?.error?.message ?? 'no session'}`);
      return undefined;
    }
    session.pg.terminate();
    return reply.rows.map((row) => String(row[0]));
  }

  #until(timeMs: number): Promise<void> {
    return this.#sleep(timeMs - this.#weather.kernel.nowMs);
  }

  #sleep(forMs: number): Promise<void> {
    const { kernel } = this.#weather;
    return new Promise((resolve) => {
      kernel.in(forMs * 1000, eventKind.story, kernel.god, resolve);
    });
  }
}

/** All of them over and over, until there are as many. */
function repeated<T>(all: readonly T[], least: number): T[] {
  const many: T[] = [...all];
  while (all.length > 0 && many.length < least) many.push(...all);
  return many;
}
