import {
  formatEndpoint,
  NetworkError,
  PgError,
  sqlstate,
  type Connection,
  type Log,
  type Timer,
  type World,
} from '@multigres/core';
import { compareRuleNumbers } from '@multigres/consensus';
import { endpointOf, type Pooler, type PoolerSchema, type PoolerStatus, type RpcTransport } from '@multigres/rpc';
import { BodyReader, type Answer, type Question } from '@multigres/relay';
import type { CellsView } from '@multigres/topology';
import type { StoredRole } from '../auth/stored-secret.ts';
import type { GatewayLimits } from '../config.ts';
import { gatewayStops, poolerUnreachable } from '../errors.ts';
import type { CatalogStatement } from '../statement/statement-catalog.ts';
import { HealthWatch } from './health-watch.ts';
import type { PoolerClient } from './pooler-client.ts';
import { poolerViews, type PoolerView } from './pooler-views.ts';
import type { Route, Seeker, Wish } from './route.ts';
import {
  durableLsn,
  emptyShard,
  seeShard,
  whyNoReads,
  whyNotLeader,
  type PoolerSight,
  type ReplicaLimits,
  type ShardEvent,
  type ShardView,
} from './shard-view.ts';
import { WaitingRoom, type WaitingRoomLimits } from './waiting-room.ts';

const connectMs = 5_000;
/**
 * Once somebody else leads, a pooler that led before has this long to say how the transactions that it still has came out. Longer than its own
 * fencing takes; one that is cut off never says it.
 */
const farewellMs = 2_000;

const againMs = 100;
const walEndMs = 1_000;
const leaderLost: ReadonlySet<string> = new Set([
  sqlstate.cannotConnectNow,
  sqlstate.connectionFailure,
  sqlstate.adminShutdown,
  sqlstate.crashShutdown,
  sqlstate.notTheLeader,
]);

export interface ShardRouteParts {
  readonly rpc: RpcTransport;
  /** All poolers of the shard. Closed with the route. */
  readonly poolers: CellsView<typeof PoolerSchema>;
  /** A link to one of them; `linked` is told when it is up or lost. */
  readonly connect: (dial: () => Promise<Connection>, where: string, linked: (up: boolean) => void) => PoolerClient;
  readonly limits: () => WaitingRoomLimits & ReplicaLimits & Pick<GatewayLimits, 'poolerWaitMs'>;
  /** Whose followers are read from first. */
  readonly cell: string;
  readonly events: ShardEvents;
}

/** What is counted of a shard. */
export interface ShardEvents {
  /** Somebody leads who did not before, after so long without anybody; a failover, if by a newer rule. */
  leaderOpened(leaderlessMs: number, isFailover: boolean): void;
  /** A session waits. */
  buffered(): void;
}

/** One pooler: the link to it, and how it is. */
interface Post {
  readonly client: PoolerClient;
  readonly endpoint: string;
  readonly watch: HealthWatch | undefined;
}

/**
 * The way to a shard: a link to each of its poolers, in whichever cell, and what their health streams say decides where sessions go. It follows the
 * leader by the newest rule, and lets sessions wait while there is none.
 */
export class ShardRoute implements Route {
  readonly #world: World;
  readonly #log: Log;
  readonly #parts: ShardRouteParts;
  readonly #room: WaitingRoom;
  /** Where those wait who read at followers only, and how far those must have replayed. */
  readonly #readersRoom: WaitingRoom;
  readonly #readers: Map<Seeker, bigint> = new Map();
  #walEnd: Promise<bigint | undefined> | undefined;
  readonly #posts: Map<string, Post> = new Map();
  readonly #farewells: Map<string, Timer> = new Map();
  /** Its changes are not asked for any more. */
  readonly #forgetPoolers: () => void;
  #view: ShardView;
  /** Of the open leader. */
  #leader: PoolerClient | undefined;

  constructor(world: World, parts: ShardRouteParts) {
    this.#world = world;
    this.#log = world.telemetry.log;
    this.#parts = parts;
    this.#view = emptyShard(world.clock.nowMs());
    this.#room = new WaitingRoom(world.clock, parts.limits);
    this.#readersRoom = new WaitingRoom(world.clock, parts.limits);
    this.#forgetPoolers = parts.poolers.onChange(() => this.#listed());
    this.#listed();
  }

  get view(): ShardView {
    return this.#view;
  }

  /** For the console. */
  get poolerViews(): readonly PoolerView[] {
    const channels = (name: string): number => this.#posts.get(name)?.client.channels ?? 0;
    return poolerViews(this.#view, channels, this.#parts.limits(), this.#world.clock.nowMs());
  }

  get room(): { readonly size: number; readonly bytes: number } {
    return this.#room;
  }

  /** Whether the topology is followed everywhere right now. */
  get isConnected(): boolean {
    return this.#parts.poolers.connected;
  }

  get records(): ReadonlyMap<string, Pooler> {
    return this.#parts.poolers.records;
  }

  readonly hasFollowers = true;

  get isUp(): boolean {
    return this.#leader !== undefined;
  }

  get backlogBytes(): number {
    let bytes = 0;
    for (const { client } of this.#posts.values()) bytes += client.backlogBytes;
    return bytes;
  }

  seek(seeker: Seeker, untilMs: number, wish: Wish): void {
    if (wish.at === 'follower') return this.#seekFollower(seeker, untilMs, wish.lsn);
    if (this.#leader?.isUp === true && this.#room.size === 0) return seeker.found(this.#leader);
    this.#parts.events.buffered();
    this.#room.enter(seeker, untilMs, () => this.#why());
  }

  #seekFollower(seeker: Seeker, untilMs: number, lsn: bigint): void {
    const client = this.follower(lsn);
    if (client !== undefined) return seeker.found(client);
    this.#parts.events.buffered();
    this.#readers.set(seeker, lsn);
    this.#readersRoom.enter(seeker, untilMs, () => this.#whyNoReader());
  }

  forget(seeker: Seeker): void {
    if (!this.#room.leave(seeker)) this.#readersRoom.leave(seeker);
    this.#readers.delete(seeker);
  }

  keeps(seeker: Seeker, bytes: number): boolean {
    return this.#room.keeps(seeker, bytes) && this.#readersRoom.keeps(seeker, bytes);
  }

  follower(lsn: bigint): PoolerClient | undefined {
    let best: { readonly client: PoolerClient; readonly isNear: boolean } | undefined;
    for (const [name, { client }] of this.#posts) {
      if (!client.reads.isOpen || !client.isUp || client.reads.replayedLsn < lsn) continue;
      const isNear = this.#view.poolers.get(name)?.cell === this.#parts.cell;
      if (best === undefined || isNear > best.isNear) best = { client, isNear };
      else if (isNear === best.isNear && client.channels < best.client.channels) best = { client, isNear };
    }
    return best?.client;
  }

  /** One question for all who ask in the same turn: what they have written was answered before it leaves. */
  walEnd(): Promise<bigint | undefined> {
    this.#walEnd ??= new Promise((resolve) => {
      this.#world.clock.soon(() => {
        this.#walEnd = undefined;
        void this.#askWalEnd().then(resolve);
      });
    });
    return this.#walEnd;
  }

  async #askWalEnd(): Promise<bigint | undefined> {
    const leader = this.#leader;
    if (leader === undefined) return undefined;
    const [answer] = await leader.askNow({
      to: 'peer',
      topic: 'walEnd',
      body: new Uint8Array(0),
      deadlineMs: walEndMs,
    });
    return answer !== undefined && 'body' in answer ? new BodyReader(answer.body).u64() : undefined;
  }

  refusedBy(client: PoolerClient): void {
    for (const [name, post] of this.#posts) if (post.client === client) this.#see({ kind: 'refused', name });
  }

  ask(question: Question): Promise<readonly Answer[]> {
    return this.#askable?.ask(question) ?? this.#nobodyToAsk();
  }

  askNow(question: Question): Promise<readonly Answer[]> {
    return this.#askable?.askNow(question) ?? this.#nobodyToAsk();
  }

  /** Only the leader has the newest roles. A leader that is lost over the question is no answer. */
  async verifier(role: string): Promise<StoredRole> {
    const { clock } = this.#world;
    const untilMs = clock.nowMs() + this.#parts.limits().poolerWaitMs;
    for (;;) {
      const client = await new Promise<PoolerClient>((found, notFound) =>
        this.seek({ found, notFound }, untilMs, { at: 'leader' }),
      );
      try {
        return await client.verifier(role);
      } catch (error) {
        if (!(error instanceof PgError) || !leaderLost.has(error.sqlstate) || clock.nowMs() >= untilMs) throw error;
        await clock.sleep(againMs);
      }
    }
  }

  forgetStatement(statement: CatalogStatement): void {
    for (const { client } of this.#posts.values()) client.forget(statement);
  }

  stop(): void {
    this.#forgetPoolers();
    this.#parts.poolers.close();
    this.#room.endAll(gatewayStops());
    this.#readersRoom.endAll(gatewayStops());
    for (const timer of this.#farewells.values()) timer.cancel();
    for (const { client, watch } of this.#posts.values()) {
      watch?.close();
      client.stop();
    }
  }

  // --- what is known ---

  #listed(): void {
    const { records } = this.#parts.poolers;
    for (const [name, record] of records) {
      const endpoint = endpointOf(record.rpcEndpoint);
      const text = endpoint === undefined ? '' : formatEndpoint(endpoint);
      const before = this.#posts.get(name);
      if (before !== undefined && before.endpoint === text) continue;
      before?.watch?.close();
      this.#see({ kind: 'listed', name, cell: record.id?.cell ?? '' });
      const client = before?.client ?? this.#connect(name);
      const heard = (status: PoolerStatus): void => this.#see({ kind: 'heard', name, status });
      const watch = endpoint && new HealthWatch(this.#world, this.#parts.rpc, endpoint, heard);
      this.#posts.set(name, { client, endpoint: text, watch });
    }
    for (const name of this.#posts.keys()) this.#dropIfGone(name);
  }

  #connect(name: string): PoolerClient {
    const linked = (up: boolean): void => {
      this.#see({ kind: 'linked', name, up });
      if (!up) this.#dropIfGone(name);
    };
    return this.#parts.connect(() => this.#dial(name), name, linked);
  }

  async #dial(name: string): Promise<Connection> {
    const relay = endpointOf(this.#parts.poolers.records.get(name)?.relayEndpoint);
    if (relay === undefined) throw new NetworkError('unreachable', `the pooler ${name} has no address`);
    return await this.#world.network.connect(relay, { timeoutMs: connectMs });
  }

  /** What the topology has lost is used as long as it can be reached: its store may be what is gone. */
  #dropIfGone(name: string): void {
    const post = this.#posts.get(name);
    if (post === undefined || this.#parts.poolers.records.has(name) || post.client.isUp) return;
    this.#posts.delete(name);
    post.watch?.close();
    this.#see({ kind: 'gone', name });
    post.client.stop();
  }

  #see(event: ShardEvent): void {
    const before = this.#view;
    this.#view = seeShard(before, event, this.#world.clock.nowMs());
    this.#judgeReads();
    if (this.#view.leader === before.leader) return;
    const left = before.leader === undefined ? undefined : this.#posts.get(before.leader);
    this.#leader = this.#view.leader === undefined ? undefined : this.#posts.get(this.#view.leader)?.client;
    if (left !== undefined) this.#leave(before.leader as string, left.client);
    if (this.#view.leader !== undefined) this.#follow(this.#view.leader, before);
  }

  /** Who may be read from, now. A follower that falls silent is noticed when something else is heard. */
  #judgeReads(): void {
    const durable = durableLsn(this.#view);
    const [limits, nowMs] = [this.#parts.limits(), this.#world.clock.nowMs()];
    for (const [name, { client }] of this.#posts) {
      const sight = this.#view.poolers.get(name);
      const isOpen = sight !== undefined && whyNoReads(sight, durable, limits, nowMs) === '';
      client.reads = { isOpen, replayedLsn: sight?.status?.member?.following?.replayedLsn ?? 0n };
    }
    if (this.#readersRoom.size === 0) return;
    for (const [seeker, lsn] of this.#readers) {
      const client = this.follower(lsn);
      if (!this.#readersRoom.has(seeker)) this.#readers.delete(seeker);
      else if (client !== undefined && this.#readersRoom.leave(seeker)) {
        this.#readers.delete(seeker);
        seeker.found(client);
      }
    }
  }

  #whyNoReader(): string {
    const durable = durableLsn(this.#view);
    const [limits, nowMs] = [this.#parts.limits(), this.#world.clock.nowMs()];
    const reasons = [...this.#view.poolers.values()].map((sight) => {
      const why = whyNoReads(sight, durable, limits, nowMs);
      return `${sight.name}: ${why === '' ? 'it has not replayed what the session has written' : why}`;
    });
    return reasons.length === 0 ? 'no pooler is registered' : reasons.join('; ');
  }

  #leave(name: string, client: PoolerClient): void {
    const sight = this.#view.poolers.get(name);
    const why = sight === undefined ? 'it is gone' : whyNotLeader(this.#view, sight);
    this.#log.info('the leader does not serve any more', { pooler: name, reason: why });
    client.leave();
  }

  #follow(name: string, before: ShardView): void {
    const leaderlessMs = before.leader === undefined ? this.#sinceLeaderless(before) : 0;
    this.#log.info('following a leader', { pooler: name, leaderlessMs });
    const isFailover = before.rule !== undefined && compareRuleNumbers(this.#view.rule, before.rule) > 0;
    this.#parts.events.leaderOpened(leaderlessMs, isFailover);
    this.#farewells.get(name)?.cancel();
    this.#leader?.stay();
    for (const [other, { client }] of this.#posts)
      if (other !== name && client.isLeft) this.#sayFarewell(other, client);
    this.#room.letOut(() => (this.#leader?.isUp === true ? this.#leader : undefined));
  }

  #sayFarewell(name: string, client: PoolerClient): void {
    this.#farewells.get(name)?.cancel();
    const timer = this.#world.clock.after(farewellMs, () => {
      this.#farewells.delete(name);
      client.abandon();
    });
    this.#farewells.set(name, timer);
  }

  #sinceLeaderless({ leaderlessSinceMs }: ShardView): number {
    const nowMs = this.#world.clock.nowMs();
    return nowMs - (leaderlessSinceMs ?? nowMs);
  }

  /** Any pooler knows all gateways. */
  get #askable(): PoolerClient | undefined {
    if (this.#leader !== undefined) return this.#leader;
    for (const { client } of this.#posts.values()) if (client.isUp) return client;
    return undefined;
  }

  #nobodyToAsk(): Promise<readonly Answer[]> {
    return Promise.resolve([{ from: 'the poolers', error: poolerUnreachable(this.#why(), false) }]);
  }

  /** In words, of each pooler why it does not lead. */
  #why(): string {
    const reasons = [...this.#view.poolers.values()].map(
      (sight: PoolerSight) => `${sight.name}: ${whyNotLeader(this.#view, sight)}`,
    );
    return reasons.length === 0 ? 'no pooler is registered' : reasons.join('; ');
  }
}
