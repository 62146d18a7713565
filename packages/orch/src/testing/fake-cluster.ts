import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { client, MemberRole, NetworkTransport, OrchService, type RpcClient } from '@multigres/rpc';
import { Directory, MemoryTopology } from '@multigres/topology';
import { startOrch, type Orch } from '../orch.ts';
import { FakeMember, testShard, type FakeShard } from './fake-member.ts';

/** Cells a, b, c with a pooler each; orchestrators as asked for. Everything in one quiet world. */
export class FakeCluster {
  readonly world: QuietWorld = quietWorld();
  readonly shard: FakeShard = new Map();
  readonly topology: MemoryTopology;
  readonly directory: Directory;
  readonly orchs: Orch[] = [];
  readonly nodes: QuietWorld[] = [];
  readonly cells: readonly string[];

  constructor(cells: readonly string[]) {
    this.cells = cells;
    this.topology = new MemoryTopology(this.world.clock, cells);
    this.directory = new Directory(this.world, this.topology.connect(this.world.clock));
  }

  static async start(
    orchs: readonly string[] = ['a'],
    cells: readonly string[] = ['a', 'b', 'c'],
  ): Promise<FakeCluster> {
    const cluster = new FakeCluster(cells);
    const { world, directory } = cluster;
    for (const name of cells) await world.until(directory.cells.put({ name }, { deadlineMs: 1000 }));
    const policy = { name: 'AT_LEAST_N', n: 2 };
    const database = { name: 'app', cells: [...cells], durabilityPolicy: policy };
    await world.until(directory.databases.put(database, { deadlineMs: 1000 }));
    await world.until(directory.shards.put({ key: testShard }, { deadlineMs: 1000 }));
    for (const cell of cells) await cluster.pooler(cell, `${cell}1`);
    for (const cell of orchs) await cluster.orch(cell);
    return cluster;
  }

  async pooler(cell: string, name: string): Promise<FakeMember> {
    const node = this.world.node(name);
    const member = new FakeMember(node, this.shard, cell, name);
    await member.serve(new NetworkTransport(node));
    this.directory.registerPooler(member.record);
    return member;
  }

  async orch(cell: string, name = `orch-${cell}`): Promise<Orch> {
    const node = this.world.node(name);
    this.nodes.push(node);
    const directory = new Directory(node, this.topology.connect(node.clock));
    const rpc = { kind: 'tcp', host: name, port: 7100 } as const;
    const orch = await startOrch({ world: node, rpc: new NetworkTransport(node), directory }, { name, cell, rpc });
    this.orchs.push(orch);
    return orch;
  }

  /** The orders of the first orchestrator. */
  orders(at = 0): RpcClient<typeof OrchService> {
    const endpoint = this.orchs[at]?.endpoint;
    if (endpoint === undefined) throw new Error('there is no orchestrator');
    return client(OrchService, new NetworkTransport(this.world).connect(endpoint));
  }

  at(name: string): FakeMember {
    const found = [...this.shard.values()].find(({ id }) => id.name === name);
    if (found === undefined) throw new Error(`there is no pooler ${name}`);
    return found;
  }

  get members(): FakeMember[] {
    return [...this.shard.values()];
  }

  /** Who leads and is open; fails if two are. */
  get leader(): FakeMember | undefined {
    const open = this.members.filter(
      ({ role, newest, postgresUp }) => role === MemberRole.LEADER && newest?.decided === true && postgresUp,
    );
    return open.toSorted(
      (a, b) => Number(b.newest?.rule.number?.ballot?.term) - Number(a.newest?.rule.number?.ballot?.term),
    )[0];
  }

  /** Lets time pass until it is so; answers how long that took, in ms. Fails after `limitMs`. */
  async until(holds: () => boolean, limitMs = 30_000): Promise<number> {
    const startMs = this.world.clock.nowMs();
    await this.world.settle();
    while (!holds()) {
      if (this.world.clock.nowMs() - startMs > limitMs) throw new Error(`it is still not so after ${limitMs} ms`);
      await this.world.advance(10);
    }
    return this.world.clock.nowMs() - startMs;
  }

  /** Three voters that follow, under the policy that is wanted. */
  async healthy(count: number = this.cells.length): Promise<void> {
    await this.until(() => {
      const { rule, decided } = this.leader?.newest ?? {};
      const isFollowed = this.members.filter(({ role }) => role === MemberRole.FOLLOWER).length >= count - 1;
      return decided === true && rule?.voters.length === count && rule.policy?.n === 2 && isFollowed;
    });
    await this.world.advance(1000);
  }
}
