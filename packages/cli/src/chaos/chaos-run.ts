import { setTimeout as sleep } from 'node:timers/promises';
import { ensureTool } from '@multigres/host';
import type { LedgerVerdict } from '@multigres/history';
import { superuser } from '../cluster/connection-string.ts';
import { memberOf } from '../cluster/ask-nodes.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { BroughtUp } from '../cluster/up.ts';
import { componentName, shardState } from '../shard/shard-view.ts';
import { SqlClient, type SqlLogin } from '../sql-client.ts';
import { Hands } from './hands.ts';
import { inflict, type Inflicted, type Tools } from './inflict.ts';
import { injuryPlan } from './injury-plan.ts';
import { injuryText, type Injury, type Round } from './injury.ts';
import { LeaderWatch, type Reign } from './leader-watch.ts';
import { judgeLedger, mergedVerdict } from './ledger-check.ts';
import type { NodeLinks } from './links.ts';
import { switchover } from './planned-changes.ts';
import type { StaleKey } from './register-epochs.ts';
import type { SmallDisk } from './small-disk.ts';
import { schemaSql, Workload, type Traffic } from './workload.ts';

export interface ChaosPlan {
  readonly seed: number;
  readonly minutes: number;
  readonly clients: number;
  readonly links: NodeLinks;
  readonly disk: SmallDisk | string;
  /** A line of progress. */
  readonly report: (line: string) => void;
  /** Aborted when the user has seen enough: the run ends early and is judged. */
  readonly signal: AbortSignal;
}

/** One injury, as it was made. */
export interface MadeInjury {
  readonly injury: Injury;
  readonly fromMs: number;
  readonly toMs: number;
  readonly how: Inflicted;
}

export interface ChaosResult {
  readonly seed: number;
  readonly ranMs: number;
  readonly injuries: readonly MadeInjury[];
  readonly traffic: Traffic;
  readonly reigns: readonly Reign[];
  readonly failovers: number;
  readonly ledger: LedgerVerdict;
  readonly registerOps: number;
  readonly stale: readonly StaleKey[];
  /** When the cluster did not come back by itself, and what it said. */
  readonly stuck: readonly string[];
  /** Components that ended though nobody had ended them. */
  readonly crashed: readonly string[];
  /** Leaders on whose data the ledger was judged. */
  readonly judgedOn: readonly string[];
}

/** After an injury has healed, writes must be acknowledged within this time. */
const resumeMsMax = 60_000;
/** And at the end all members must be healthy. */
const wholeMsMax = 120_000;
const superviseMs = 200;

/** Hurts a cluster that runs, with clients at work, for so long; heals it; judges what the clients were told. */
export async function runChaos({ cluster, password }: BroughtUp, plan: ChaosPlan): Promise<ChaosResult> {
  return new ChaosRun(cluster, password, plan).run();
}

class ChaosRun {
  readonly #cluster: Cluster;
  readonly #plan: ChaosPlan;
  readonly #logins: readonly SqlLogin[];
  readonly #workload: Workload;
  readonly #watch: LeaderWatch;
  readonly #injuries: MadeInjury[] = [];
  readonly #stuck: string[] = [];
  readonly #crashed: string[] = [];
  #supervised = true;

  constructor(cluster: Cluster, password: string, plan: ChaosPlan) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#logins = cluster.record.gateways.map(({ port }) => ({
      port,
      user: superuser,
      database: 'postgres',
      password,
    }));
    this.#workload = new Workload(this.#logins);
    this.#watch = new LeaderWatch(cluster, () => this.#workload.nowMs());
  }

  async run(): Promise<ChaosResult> {
    const programs = { postgres: await ensureTool('postgres-17'), etcd: await ensureTool('etcd') };
    const hands = new Hands(this.#cluster, programs);
    const { links, disk } = this.#plan;
    const tools: Tools = { cluster: this.#cluster, hands, watch: this.#watch, links, disk, whole: () => this.#whole() };
    await this.#ask(schemaSql);
    this.#watch.start();
    this.#workload.start(this.#plan.seed, this.#plan.clients);
    const supervising = this.#supervise(hands);
    try {
      await this.#rounds(tools);
    } finally {
      hands.healAll();
    }
    const ranMs = this.#workload.nowMs();
    if (!(await this.#whole())) this.#stuck.push('at the end not all members became healthy');
    await this.#workload.stop();
    const { ledger, judgedOn } = await this.#judge();
    this.#supervised = false;
    await Promise.all([supervising, this.#watch.stop()]);
    return {
      seed: this.#plan.seed,
      ranMs,
      injuries: this.#injuries,
      traffic: this.#workload.traffic,
      reigns: this.#watch.reigns,
      failovers: this.#watch.failovers,
      ledger,
      registerOps: this.#workload.registers.ops,
      stale: this.#workload.registers.judge(Infinity),
      stuck: this.#stuck,
      crashed: this.#crashed,
      judgedOn,
    };
  }

  async #rounds(tools: Tools): Promise<void> {
    const { nodes, orchestrators, gateways, etcds } = this.#cluster.record;
    const size = {
      nodes: nodes.length,
      orchestrators: orchestrators.length,
      gateways: gateways.length,
      etcds: etcds.length,
    };
    const untilMs = this.#plan.minutes * 60_000;
    for (const round of injuryPlan(this.#plan.seed, size)) {
      await this.#round(round, tools);
      this.#workload.registers.judge(this.#workload.nowMs());
      if (this.#workload.nowMs() > untilMs || this.#plan.signal.aborted || this.#stuck.length > 0) return;
    }
  }

  async #round({ acts, restMs }: Round, tools: Tools): Promise<void> {
    await Promise.all(
      acts.map(async ({ afterMs, injury }) => {
        await sleep(afterMs);
        const fromMs = this.#workload.nowMs();
        const how = await inflict(injury, tools);
        const made = { injury, fromMs, toMs: this.#workload.nowMs(), how };
        this.#injuries.push(made);
        this.#plan.report(madeText(made));
      }),
    );
    const healedMs = this.#workload.nowMs();
    const resumed = await until(() => this.#workload.lastAckMs > healedMs, resumeMsMax);
    if (!resumed)
      this.#stuck.push(`no write was acknowledged for ${resumeMsMax / 1000} s after ${(healedMs / 1000).toFixed(1)} s`);
    await sleep(restMs);
  }

  /** What an init system does: whoever has ended is started again. */
  async #supervise(hands: Hands): Promise<void> {
    while (this.#supervised) {
      for (const name of await hands.startMissing()) {
        this.#crashed.push(name);
        this.#plan.report(`${name} has ended by itself`);
      }
      await sleep(superviseMs);
    }
  }

  async #whole(): Promise<boolean> {
    const fromMs = this.#workload.nowMs();
    return until(
      async () => this.#workload.lastAckMs > fromMs && shardState(await this.#watch.look()) === 'healthy',
      wholeMsMax,
    );
  }

  /** On the data of every member in turn, as far as it can be made leader: each must have all that was acknowledged. */
  async #judge(): Promise<{ readonly ledger: LedgerVerdict; readonly judgedOn: readonly string[] }> {
    const verdicts: LedgerVerdict[] = [];
    const judgedOn: string[] = [];
    for (const node of this.#cluster.record.nodes) {
      const leader = componentName(memberOf(node));
      const isWhole = async (): Promise<boolean> => shardState(await this.#watch.look()) === 'healthy';
      await until(isWhole, resumeMsMax);
      const isLeading = (await this.#watch.look()).leader === leader;
      if (!isLeading && (await switchover(this.#cluster, memberOf(node))) !== 'done') continue;
      verdicts.push(await judgeLedger(this.#workload.ledger, (text) => this.#ask(text)));
      judgedOn.push(leader);
    }
    if (verdicts.length === 0) verdicts.push(await judgeLedger(this.#workload.ledger, (text) => this.#ask(text)));
    return { ledger: mergedVerdict(verdicts), judgedOn };
  }

  /** One statement, asked again until it is answered. */
  async #ask(text: string): Promise<readonly (readonly (string | null)[])[]> {
    let trouble: unknown;
    for (let attempt = 0; attempt < 20; attempt++) {
      const login = this.#logins[attempt % this.#logins.length] as SqlLogin;
      try {
        const client = await SqlClient.connect(login);
        const rows = await client.query(text);
        await client.end();
        return rows;
      } catch (error) {
        trouble = error;
        await sleep(500);
      }
    }
    throw trouble;
  }
}

export function madeText({ injury, fromMs, how }: MadeInjury): string {
  const at = `${(fromMs / 1000).toFixed(1).padStart(7)} s  ${injuryText(injury)}`;
  return how === 'done' ? at : `${at} (not made: ${how.skipped})`;
}

/** Looks until it holds; answers false if that takes too long. */
async function until(holds: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const lateMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > lateMs) return false;
    await sleep(100);
  }
  return true;
}
