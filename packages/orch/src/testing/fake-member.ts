import { compareBallots, compareRuleNumbers, isQuorum, sameMember } from '@multigres/consensus';
import { PgError, type Endpoint, type World } from '@multigres/core';
import {
  create,
  DataState,
  endpointMessage,
  MemberIdSchema,
  MemberRole,
  MemberService,
  PoolerService,
  PositionSchema,
  Published,
  RuleSchema,
  served,
  ServingState,
  type Ballot,
  type BootstrapRequest,
  type ComponentIdMessage,
  type MemberId,
  type MessageInitShape,
  type PoolerSchema,
  type PoolerStatusSchema,
  type Position,
  type PromoteRequest,
  type Rule,
  type RuleNumber,
  type RpcTransport,
  type ShardKey,
  type UpdateRuleRequest,
} from '@multigres/rpc';

export const testShard: ShardKey = { database: 'app', tableGroup: 'default', shard: '0' } as ShardKey;

interface Row {
  readonly rule: Rule;
  readonly outgoing: readonly Rule[];
  readonly decided: boolean;
}

/** Everybody's Postgres, by `cell/name`: what stands in for replication between them. */
export type FakeShard = Map<string, FakeMember>;

const leading: readonly MemberRole[] = [MemberRole.LEADER, MemberRole.PROPOSING, MemberRole.RESIGNED];

/** The calls that a member answers; a test may put something in front of each. */
export type Deed = 'recruit' | 'promote' | 'setPrimary' | 'updateRule' | 'resign' | 'rejoin' | 'bootstrap';

/**
 * A pooler with its Postgres as far as an orchestrator sees it: promises, rows of rules, and logs that followers copy as long as they stream. It keeps the
 * protocol (docs/consensus.md), so that what breaks is the orchestrator.
 */
export class FakeMember {
  readonly id: ComponentIdMessage;
  readonly endpoint: Endpoint;
  readonly #world: World;
  readonly #shard: FakeShard;
  readonly #changes: Published<undefined>;
  incarnation = '0000000000000001';
  data: DataState = DataState.NONE;
  postgresUp = false;
  role: MemberRole = MemberRole.IDLE;
  promise: Ballot | undefined;
  rows: readonly Row[] = [];
  lsn = 0n;
  leader: MemberId | undefined;
  following: RuleNumber | undefined;
  /** Nobody streams to or from it. */
  isCut = false;
  /** It answers nobody. */
  isMute = false;
  stalledMs = 0;
  recoveryMs = 2_000;
  diverged = false;
  systemIdentifier = 0n;
  /** Runs before a call is answered; throw to refuse, never resolve to be stuck. `after`: once it was done. */
  before: (deed: Deed) => Promise<void> = async () => {};
  after: (deed: Deed) => Promise<void> = async () => {};
  readonly calls: Deed[] = [];

  constructor(world: World, shard: FakeShard, cell: string, name: string) {
    this.#world = world;
    this.#shard = shard;
    this.id = { cell, name } as ComponentIdMessage;
    this.endpoint = { kind: 'tcp', host: name, port: 7000 };
    this.#changes = new Published<undefined>(world.clock, undefined);
    shard.set(this.key, this);
  }

  get key(): string {
    return `${this.id.cell}/${this.id.name}`;
  }

  get member(): MemberId {
    return create(MemberIdSchema, { pooler: this.id, incarnation: this.incarnation });
  }

  /** By which rule it leads. */
  get leads(): RuleNumber | undefined {
    return this.newest?.rule.number;
  }

  get newest(): Row | undefined {
    return this.rows.at(-1);
  }

  get record(): MessageInitShape<typeof PoolerSchema> {
    return {
      ...{ id: this.id, shard: testShard, rpcEndpoint: endpointMessage(this.endpoint) },
      postgresEndpoint: endpointMessage({ kind: 'tcp', host: this.id.name, port: 5432 }),
    };
  }

  async serve(rpc: RpcTransport): Promise<void> {
    const pooler = served(PoolerService, {
      getStatus: async () => ({ status: this.#status() }),
      watchHealth: (request, context) => this.#watch(context, request.heartbeatMs),
    });
    const member = served(MemberService, {
      recruit: ({ ballot }) => this.#deed('recruit', () => this.#recruit(ballot)),
      promote: (request) => this.#deed('promote', () => this.#promote(request)),
      setPrimary: ({ rule, leader }) => this.#deed('setPrimary', () => this.#setPrimary(rule, leader)),
      updateRule: (request) => this.#deed('updateRule', () => this.#updateRule(request)),
      resign: () =>
        this.#deed('resign', async () => {
          this.role = MemberRole.RESIGNED;
          return { lsn: this.lsn };
        }),
      rejoin: ({ leader, rule }) => this.#deed('rejoin', () => this.#rejoin(rule, leader)),
      bootstrap: (request) => this.#deed('bootstrap', () => this.#bootstrap(request)),
    });
    await rpc.serve(this.endpoint, [pooler, member]);
  }

  /** Something changed by the test's hand. */
  changed(): void {
    this.#changes.set(undefined);
  }

  /** Postgres dies; it is a standby when it comes back, and waits to be told. */
  crash(): void {
    this.postgresUp = false;
    this.changed();
  }

  /** Its disk is lost, and with it what it was. */
  loseData(): void {
    this.data = DataState.NONE;
    this.postgresUp = false;
    this.role = MemberRole.IDLE;
    this.promise = undefined;
    this.rows = [];
    this.lsn = 0n;
    this.systemIdentifier = 0n;
    this.changed();
  }

  /** A client's commit; answers whether a quorum has it. */
  write(): boolean {
    if (!this.postgresUp || this.role !== MemberRole.LEADER) return false;
    this.lsn += 1n;
    this.#replicate();
    return this.#isOnQuorum();
  }

  async #deed<T>(deed: Deed, run: () => Promise<T>): Promise<T> {
    if (this.isMute) await new Promise(() => {});
    this.calls.push(deed);
    await this.before(deed);
    const result = await run();
    this.changed();
    await this.after(deed);
    return result;
  }

  async *#watch(
    context: Parameters<Published<undefined>['watch']>[0],
    heartbeatMs: number,
  ): AsyncIterable<{ status: MessageInitShape<typeof PoolerStatusSchema> }> {
    for await (const _ of this.#changes.watch(context, heartbeatMs)) {
      // The leader's own heartbeat, which followers receive.
      if (this.role === MemberRole.LEADER && this.stalledMs === 0) this.write();
      if (this.role === MemberRole.FOLLOWER) this.#follow();
      if (this.isMute) continue;
      yield { status: this.#status() };
    }
  }

  #status(): MessageInitShape<typeof PoolerStatusSchema> {
    const isLeader = this.role === MemberRole.LEADER;
    const streaming = this.#isStreaming();
    return {
      id: this.id,
      shard: testShard,
      serving: ServingState.SERVING,
      postgres: { up: this.postgresUp, versionNumber: 170_002 },
      member: {
        ...(this.data === DataState.FINE && { member: this.member }),
        ...{ role: this.role, postgresUp: this.postgresUp, data: this.data },
        ...(leading.includes(this.role) && this.leads && { leading: this.leads }),
        ...(this.promise && { promise: { ballot: this.promise } }),
        ...(this.postgresUp && { position: this.#position() }),
        ...{ open: isLeader && this.newest?.decided === true && this.postgresUp, commitStalledMs: this.stalledMs },
        ...(this.role === MemberRole.FOLLOWER && {
          following: {
            ...(this.leader && { leader: this.leader }),
            ...(this.following && { rule: this.following }),
            ...{ streaming, joined: streaming && this.#hasJoined(), receivedLsn: this.lsn, replayedLsn: this.lsn },
            diverged: this.diverged,
          },
        }),
        systemIdentifier: this.systemIdentifier,
      },
    };
  }

  #position(): Position {
    const { rule, outgoing = [], decided = false } = this.newest ?? {};
    const begun = this.rows.filter((row) => row.rule.number?.subterm === 0n);
    const leaderships = begun.map((row, at) => ({
      ...(row.rule.number?.ballot && { ballot: row.rule.number.ballot }),
      ...{ timeline: at + 1, startLsn: BigInt(at) },
    }));
    const timeline = leaderships.length;
    return create(PositionSchema, {
      ...(rule && { rule }),
      ...{ outgoing: [...outgoing], decided, flushedLsn: this.lsn, timeline, leaderships },
    });
  }

  #leading(): FakeMember | undefined {
    const at = this.#shard.get(`${this.leader?.pooler?.cell}/${this.leader?.pooler?.name}`);
    return at !== undefined && sameMember(at.member, this.leader) ? at : undefined;
  }

  #isStreaming(): boolean {
    const from = this.#leading();
    if (from === undefined || this.isCut || from.isCut || !this.postgresUp || !from.postgresUp || this.diverged)
      return false;
    return this.role === MemberRole.FOLLOWER && leading.includes(from.role);
  }

  #hasJoined(): boolean {
    return compareBallots(this.newest?.rule.number?.ballot, this.following?.ballot) === 0;
  }

  #follow(): void {
    const from = this.#leading();
    if (from === undefined || !this.#isStreaming() || from.lsn < this.lsn) return;
    this.rows = from.rows;
    this.lsn = from.lsn;
  }

  #replicate(): void {
    for (const other of this.#shard.values()) if (sameMember(other.leader, this.member)) other.#follow();
  }

  #isOnQuorum(): boolean {
    const { rule, outgoing = [], decided = false } = this.newest ?? {};
    if (rule === undefined) return false;
    const having = [...this.#shard.values()].filter(
      (other) =>
        other === this || (other.#isStreaming() && other.lsn >= this.lsn && sameMember(other.leader, this.member)),
    );
    const members = having.map(({ member }) => member);
    return [rule, ...(decided ? [] : outgoing)].every(({ policy, voters }) => isQuorum(policy, members, voters));
  }

  #refuseBelow(ballot: Ballot | undefined): void {
    if (compareBallots(ballot, this.promise) < 0)
      throw new PgError({ sqlstate: 'MG003', message: 'ballot is below the promise' });
  }

  async #recruit(ballot: Ballot | undefined): Promise<MessageInitShape<typeof MemberService.method.recruit.output>> {
    this.#refuseBelow(ballot);
    if (this.data !== DataState.FINE) throw new PgError({ sqlstate: '55000', message: 'there is no data directory' });
    const fencedLeader = this.role === MemberRole.LEADER || this.role === MemberRole.RESIGNED;
    this.promise = ballot;
    this.role = MemberRole.IDLE;
    this.leader = undefined;
    this.changed();
    // Recovery after a crash takes its time.
    if (!this.postgresUp) await this.#world.clock.sleep(this.recoveryMs);
    this.#refuseBelow(ballot);
    this.postgresUp = true;
    return { member: this.member, promise: { ...(ballot && { ballot }) }, position: this.#position(), fencedLeader };
  }

  async #promote({ ballot, rule, outgoing }: PromoteRequest): Promise<{ rule: Rule; position: Position }> {
    if (compareBallots(ballot, this.promise) !== 0 || rule === undefined)
      throw new PgError({ sqlstate: 'MG003', message: 'another ballot was promised' });
    if (this.role !== MemberRole.PROPOSING) {
      this.role = MemberRole.PROPOSING;
      this.rows = [...this.rows, { rule, outgoing, decided: false }];
      this.lsn += 1n;
    }
    this.changed();
    await this.#decide(ballot);
    this.role = MemberRole.LEADER;
    return { rule, position: this.#position() };
  }

  async #decide(ballot: Ballot | undefined): Promise<void> {
    for (;;) {
      if (compareBallots(ballot, this.promise) !== 0 || !this.postgresUp)
        throw new PgError({ sqlstate: 'MG003', message: 'ballot is below the promise' });
      this.#replicate();
      if (this.#isOnQuorum()) break;
      await this.#world.clock.sleep(10);
    }
    const last = this.newest as Row;
    this.rows = [...this.rows.slice(0, -1), { ...last, decided: true }];
    this.lsn += 1n;
    this.#replicate();
  }

  async #setPrimary(rule: RuleNumber | undefined, leader: MemberId | undefined): Promise<{ member: MemberId }> {
    this.#refuseBelow(rule?.ballot);
    if (compareRuleNumbers(rule, this.newest?.rule.number) < 0)
      throw new PgError({ sqlstate: 'MG004', message: 'rule has changed' });
    if (this.promise === undefined || compareBallots(rule?.ballot, this.promise) > 0) this.promise = rule?.ballot;
    this.role = MemberRole.FOLLOWER;
    this.postgresUp = true;
    this.leader = leader;
    this.following = rule;
    this.#follow();
    return { member: this.member };
  }

  async #updateRule({ expected, voters, learners, policy }: UpdateRuleRequest): Promise<{ rule: Rule }> {
    const now = this.newest?.rule;
    if (this.role !== MemberRole.LEADER || now === undefined)
      throw new PgError({ sqlstate: 'MG005', message: 'not the leader' });
    if (compareRuleNumbers(expected, now.number) !== 0)
      throw new PgError({ sqlstate: 'MG004', message: 'rule has changed' });
    const number = { ...now.number, subterm: (now.number?.subterm ?? 0n) + 1n } as RuleNumber;
    const rule = create(RuleSchema, { ...now, number, voters, learners, ...(policy && { policy }) });
    this.rows = [...this.rows, { rule, outgoing: [now], decided: false }];
    this.lsn += 1n;
    await this.#decide(this.promise);
    return { rule };
  }

  async #rejoin(
    rule: RuleNumber | undefined,
    leader: MemberId | undefined,
  ): Promise<{ member: MemberId; cloned: boolean }> {
    const cloned = this.data !== DataState.FINE || this.diverged;
    if (cloned) this.incarnation = (BigInt(`0x${this.incarnation}`) + 0x100n).toString(16).padStart(16, '0');
    this.data = DataState.FINE;
    this.diverged = false;
    const from = this.#shard.get(`${leader?.pooler?.cell}/${leader?.pooler?.name}`);
    this.rows = from?.rows ?? [];
    this.lsn = from?.lsn ?? 0n;
    this.systemIdentifier = from?.systemIdentifier ?? 0n;
    await this.#setPrimary(rule, leader);
    return { member: this.member, cloned };
  }

  async #bootstrap({ ballot, policy }: BootstrapRequest): Promise<{ rule: Rule; systemIdentifier: bigint }> {
    this.#refuseBelow(ballot);
    this.data = DataState.FINE;
    this.postgresUp = true;
    this.promise = ballot;
    this.systemIdentifier = 77n;
    const number = { ...(ballot && { ballot }), subterm: 0n };
    const rule = create(RuleSchema, { number, leader: this.member, voters: [this.member], ...(policy && { policy }) });
    this.rows = [{ rule, outgoing: [], decided: true }];
    this.lsn = 1n;
    this.role = MemberRole.LEADER;
    return { rule, systemIdentifier: this.systemIdentifier };
  }
}
