import { setTimeout as sleep } from 'node:timers/promises';
import { askNodes, memberOf } from '../cluster/ask-nodes.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { NodeRecord } from '../cluster/record.ts';
import { componentName, ruleText, type ShardView } from '../shard/shard-view.ts';

const lookMs = 250;

/** From here on somebody leads, or nobody does. */
export interface Reign {
  readonly atMs: number;
  /** `zone1/pooler-1`; undefined: nobody who serves writes is known. */
  readonly leader: string | undefined;
  readonly rule: string | undefined;
}

/** Asks the poolers all the time who leads. */
export class LeaderWatch {
  readonly #cluster: Cluster;
  readonly #nowMs: () => number;
  readonly #reigns: Reign[] = [];
  readonly #ballots = new Set<string>();
  #node: NodeRecord | undefined;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(cluster: Cluster, nowMs: () => number) {
    this.#cluster = cluster;
    this.#nowMs = nowMs;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  get reigns(): readonly Reign[] {
    return this.#reigns;
  }

  /** Changes of the leader that were decided, planned ones included. */
  get failovers(): number {
    return Math.max(0, this.#ballots.size - 1);
  }

  /** Where the last known leader is. */
  get leaderNode(): NodeRecord | undefined {
    return this.#node;
  }

  /** Asks once more, now. */
  async look(): Promise<ShardView> {
    return (await askNodes(this.#cluster)).view;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#note(await this.look());
      await sleep(lookMs);
    }
  }

  #note({ open, leader, rule, decided }: ShardView): void {
    const { ballot } = rule?.number ?? {};
    if (decided && ballot !== undefined) this.#ballots.add(`${ballot.term} ${ballot.nonce}`);
    const serving = open ? leader : undefined;
    const isLeader = (node: NodeRecord): boolean => componentName(memberOf(node)) === leader;
    this.#node = this.#cluster.record.nodes.find(isLeader) ?? this.#node;
    const last = this.#reigns.at(-1);
    if (
      last !== undefined &&
      last.leader === serving &&
      (serving === undefined || last.rule === ruleText(rule?.number))
    )
      return;
    this.#reigns.push({ atMs: this.#nowMs(), leader: serving, rule: ruleText(rule?.number) });
  }
}
