import { PgError, type Timer } from '@multigres/core';
import {
  create,
  ExplainShardResponseSchema,
  type ExplainShardResponse,
  type MemberId,
  type RuleNumber,
  type Shard,
  type ShardKey,
} from '@multigres/rpc';
import { TopologyError } from '@multigres/topology';
import { Actor } from '../act/actor.ts';
import { LeaderChanges } from '../act/change-leader.ts';
import { Decisions } from '../decisions.ts';
import { shardText } from '../errors.ts';
import { slotOf, type Finding } from '../judge/finding.ts';
import { judge } from '../judge/judge.ts';
import { ShardObserver, type ObserverParts } from '../observe/shard-observer.ts';
import { viewOf, type ShardView } from '../observe/shard-view.ts';
import { poolerKey } from '../observe/snapshot.ts';
import type { OrchMetrics } from '../orch-metrics.ts';
import { Slots } from './slots.ts';

export type KeeperParts = Omit<ObserverParts, 'changed'> & { readonly metrics: OrchMetrics };

/** Longest time between two looks; and the shortest: nothing here turns faster. */
const lookMs = { atLeast: 1_000, atMost: 100 } as const;
/** A look that comes so much late tells of our own sleep, not of the others' silence. */
const oversleptMs = 700;

/** Keeps one shard: looks whenever something was heard or a time has come, judges, and begins what is to be done, one action per slot. */
export class ShardKeeper {
  readonly #parts: KeeperParts;
  readonly #observer: ShardObserver;
  readonly #slots: Slots;
  readonly #changes: LeaderChanges;
  readonly #actor: Actor;
  readonly #decisions: Decisions;
  /** Since when each problem has been seen. */
  readonly #since = new Map<string, number>();
  readonly #waiters = new Set<(view: ShardView) => void>();
  #findings: readonly Finding[] = [];
  #isLookPending = false;
  #timer: Timer | undefined;
  #lookedMs: number;
  #stopped = false;

  constructor(shard: Shard, key: ShardKey, parts: KeeperParts) {
    const { world, calls, metrics, directory } = parts;
    this.#parts = parts;
    this.#lookedMs = world.clock.nowMs();
    this.#slots = new Slots(world.clock, world.random);
    this.#decisions = new Decisions(world.clock);
    this.#observer = new ShardObserver(shard, key, { ...parts, changed: () => this.#soon() });
    const setPrimary = (pooler: string, rule: RuleNumber, leader: MemberId): void =>
      void this.#actor.setPrimary(pooler, rule, leader).catch((error: unknown) => this.#complain('setPrimary', error));
    this.#changes = new LeaderChanges({ world, observer: this.#observer, calls, metrics, setPrimary });
    this.#actor = new Actor({ world, directory, calls, observer: this.#observer, changes: this.#changes, metrics });
    this.#arm();
  }

  get observer(): ShardObserver {
    return this.#observer;
  }

  get changes(): LeaderChanges {
    return this.#changes;
  }

  get actor(): Actor {
    return this.#actor;
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  view(): ShardView {
    return viewOf(this.#observer.snapshot());
  }

  /** The shard's record has changed. */
  update(shard: Shard): void {
    this.#observer.shardChanged(shard);
  }

  /** Runs something that somebody ordered, in a slot; undefined if the slot is busy. Rejects as `run` does. */
  async order<T>(slot: string, what: string, run: () => Promise<T>): Promise<T | undefined> {
    if (this.#slots.isBusy(slot)) return undefined;
    const done = this.#decisions.begin('ordered', what);
    let result: { readonly value: T } | { readonly error: unknown } | undefined;
    await this.#slots.take(slot, async () => {
      result = await run().then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      return 'value' in result;
    });
    if (result === undefined || 'error' in result) {
      done(`failed: ${textOf(result?.error)}`);
      throw result?.error;
    }
    done('done');
    return result.value;
  }

  /** Resolves when the shard looks so; answers false if that takes longer than `limitMs`. */
  until(holds: (view: ShardView) => boolean, limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (yes: boolean): void => {
        timer.cancel();
        this.#waiters.delete(look);
        resolve(yes);
      };
      const look = (view: ShardView): void => {
        if (holds(view)) end(true);
        else if (this.#stopped) end(false);
      };
      const timer = this.#parts.world.clock.after(limitMs, () => end(false));
      this.#waiters.add(look);
      look(this.view());
    });
  }

  explain(): ExplainShardResponse {
    const view = this.view();
    const { nowMs, members, live, self } = view;
    return create(ExplainShardResponseSchema, {
      orchestrator: self,
      ...(live[0] && { rule: live[0] }),
      poolers: members.map(({ id, status, heardMs, isGone }) => ({
        ...{ id, silentMs: Math.round(nowMs - heardMs), connected: status !== undefined && !isGone },
        ...(status && { status }),
      })),
      problems: this.#findings.map(({ kind, explanation, remedy }) => ({ kind, explanation, remedy })),
      decisions: [...this.#decisions.newestFirst],
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#observer.close();
    for (const look of this.#waiters) look(this.view());
  }

  #soon(): void {
    if (this.#isLookPending || this.#stopped) return;
    this.#isLookPending = true;
    this.#parts.world.clock.soon(() => this.#look());
  }

  #look(): void {
    this.#isLookPending = false;
    if (this.#stopped) return;
    const nowMs = this.#parts.world.clock.nowMs();
    if (nowMs - this.#lookedMs > lookMs.atLeast + oversleptMs) this.#observer.resumed();
    this.#lookedMs = nowMs;
    const view = this.view();
    this.#changes.healthChanged(view);
    this.#findings = judge(view);
    this.#remember(nowMs);
    for (const finding of this.#findings) this.#consider(finding, view);
    const cohort = new Set(
      view.live.flatMap(({ voters, learners }) => [...voters, ...learners].map(({ pooler }) => poolerKey(pooler))),
    );
    this.#observer.forget((key) => cohort.has(key));
    for (const look of this.#waiters) look(view);
    this.#arm();
  }

  #remember(nowMs: number): void {
    const seen = new Set(this.#findings.map(problemKey));
    for (const key of this.#since.keys()) if (!seen.has(key)) this.#since.delete(key);
    for (const finding of this.#findings) {
      const key = problemKey(finding);
      if (this.#since.has(key)) continue;
      this.#since.set(key, nowMs);
      this.#parts.world.telemetry.log.info('problem', { ...this.#about(finding), remedy: finding.remedy });
    }
  }

  #consider(finding: Finding, view: ShardView): void {
    const { action } = finding;
    if (action === undefined || this.#dueMs(finding) > view.nowMs) return;
    const done = this.#decisions.begin(`${finding.kind}: ${finding.explanation}`, finding.remedy);
    const sinceMs = this.#since.get(problemKey(finding)) ?? view.nowMs;
    const { actions, failures } = this.#parts.metrics;
    actions(action.kind).add();
    void this.#slots
      .take(slotOf(action), async () => {
        try {
          done(await this.#actor.act(action, view, sinceMs));
          return true;
        } catch (error) {
          failures(action.kind).add();
          done(`failed: ${textOf(error)}`);
          this.#complain(action.kind, error);
          return false;
        }
      })
      .then(() => this.#soon());
  }

  /** When the finding's action may begin: not before others had their chance, nor while its slot is taken. */
  #dueMs(finding: Finding): number {
    if (finding.action === undefined) return Infinity;
    const sinceMs = this.#since.get(problemKey(finding)) ?? 0;
    return Math.max(sinceMs + (finding.afterMs ?? 0), this.#slots.freeMs(slotOf(finding.action)));
  }

  /** Looks again when the next thing may be due, or somebody has been silent for too long. */
  #arm(): void {
    const { clock } = this.#parts.world;
    const nowMs = clock.nowMs();
    const due = this.#findings.map((finding) => this.#dueMs(finding)).filter((atMs) => atMs > nowMs);
    const silent = this.#observer.heardMs().map((atMs) => atMs + this.#parts.tuning.silenceMs + 1);
    const nextMs = Math.min(nowMs + lookMs.atLeast, ...[...due, ...silent].filter((atMs) => atMs > nowMs));
    this.#timer?.cancel();
    this.#timer = clock.after(Math.max(lookMs.atMost, nextMs - nowMs), () => this.#look());
  }

  #complain(action: string, error: unknown): void {
    if (!(error instanceof PgError || error instanceof TopologyError)) throw error;
    this.#parts.world.telemetry.log.warn('action failed', {
      ...{ shard: shardText(this.#observer.key), action, error: error.message },
    });
  }

  #about({ kind, subject, explanation }: Finding): Record<string, string> {
    return { shard: shardText(this.#observer.key), kind, subject, explanation };
  }
}

function problemKey({ kind, subject }: Finding): string {
  return `${kind} ${subject}`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
