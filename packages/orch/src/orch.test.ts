import { DataState, MemberRole, type Policy } from '@multigres/rpc';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from './testing/fake-cluster.ts';
import { testShard, type Deed, type FakeMember } from './testing/fake-member.ts';

const forEver = (): Promise<never> => new Promise(() => {});
const three = ['a', 'b', 'c'];

function callsOf(cluster: FakeCluster, deed: Deed): number {
  return cluster.members.flatMap(({ calls }) => calls.filter((each) => each === deed)).length;
}

function voters(cluster: FakeCluster): string[] {
  return (cluster.leader?.newest?.rule.voters ?? []).map(({ pooler }) => pooler?.name ?? '').toSorted();
}

async function healthy(orchs: readonly string[] = three): Promise<FakeCluster & { old: FakeMember }> {
  const cluster = await FakeCluster.start(orchs);
  await cluster.healthy();
  for (const { calls } of cluster.members) calls.length = 0;
  return Object.assign(cluster, { old: cluster.leader as FakeMember });
}

/** Another member leads, and all three follow or lead. */
async function replaced(cluster: FakeCluster & { old: FakeMember }, limitMs = 30_000): Promise<number> {
  return cluster.until(() => cluster.leader !== undefined && cluster.leader !== cluster.old, limitMs);
}

describe('a new shard', () => {
  it('is made once, cloned into each cell, and kept by the policy that is wanted', async () => {
    const cluster = await FakeCluster.start(three);
    await cluster.healthy();
    expect(callsOf(cluster, 'bootstrap')).toBe(1);
    expect(voters(cluster)).toEqual(['a1', 'b1', 'c1']);
    const { record } = (await cluster.world.until(cluster.directory.shards.list({ deadlineMs: 1000 })))[0] ?? {};
    expect(record?.systemIdentifier).toBe(77n);
  });

  it('is made once, whatever becomes of the answer', async () => {
    const cluster = await FakeCluster.start(['a'], ['a', 'b']);
    const [first] = cluster.members;
    if (first !== undefined) first.after = (deed) => (deed === 'bootstrap' ? forEver() : Promise.resolve());
    await cluster.healthy();
    expect(callsOf(cluster, 'bootstrap')).toBe(1);
  });

  it('is not made a second time while the one who may have made it is away', async () => {
    const cluster = await FakeCluster.start([]);
    const { world, directory } = cluster;
    const bootstrapPooler = { cell: 'b', name: 'b9' };
    await world.until(directory.shards.put({ key: testShard, bootstrapPooler }, { deadlineMs: 1000 }));
    await cluster.orch('a');
    await world.advance(30_000);
    expect(callsOf(cluster, 'bootstrap')).toBe(0);
    const explained = await world.until(cluster.orders().explainShard({ shard: testShard }, { deadlineMs: 1000 }));
    expect(explained.problems).toMatchObject([{ kind: 'notBootstrapped', remedy: /b\/b9/ }]);
  });

  it('is not made where somebody has data', async () => {
    const cluster = await FakeCluster.start([]);
    cluster.at('c1').data = DataState.UNUSABLE;
    await cluster.orch('a');
    await cluster.world.advance(30_000);
    expect(callsOf(cluster, 'bootstrap')).toBe(0);
  });
});

describe('a leader is replaced', () => {
  it('at once if its Postgres dies, by one orchestrator, and follows when it is back', async () => {
    const cluster = await healthy();
    cluster.old.crash();
    expect(await replaced(cluster)).toBeLessThan(400);
    await cluster.healthy();
    expect(callsOf(cluster, 'promote')).toBe(1);
    expect(cluster.old.role).toBe(MemberRole.FOLLOWER);
    expect(voters(cluster)).toEqual(['a1', 'b1', 'c1']);
  });

  it('if nobody hears it and nobody receives anything from it', async () => {
    const cluster = await healthy();
    cluster.old.isMute = true;
    cluster.old.isCut = true;
    expect(await replaced(cluster)).toBeLessThan(3_000);
  });

  it('not if only we do not hear it', async () => {
    const cluster = await healthy();
    cluster.old.isMute = true;
    await cluster.world.advance(20_000);
    expect(cluster.leader).toBe(cluster.old);
    expect(callsOf(cluster, 'recruit')).toBe(0);
  });

  it('if its commits do not get through, and others could do better', async () => {
    const cluster = await healthy();
    cluster.old.stalledMs = 5_000;
    await replaced(cluster);
  });

  it('if its disk is gone, and the new one is cloned, and votes instead of the old one', async () => {
    const cluster = await healthy();
    const before = cluster.old.member;
    cluster.old.loseData();
    await replaced(cluster);
    await cluster.until(() => {
      const found = cluster.leader?.newest?.rule.voters.find(({ pooler }) => pooler?.name === before.pooler?.name);
      return found !== undefined && found.incarnation !== before.incarnation;
    });
    expect(voters(cluster)).toEqual(['a1', 'b1', 'c1']);
  });

  it('while the topology is away', async () => {
    const cluster = await healthy();
    cluster.topology.global.outage = 'silent';
    for (const server of cluster.topology.cells.values()) server.outage = 'silent';
    cluster.old.crash();
    expect(await replaced(cluster)).toBeLessThan(400);
  });

  it('not if there would be no quorum: nobody is recruited, and it is explained', async () => {
    const cluster = await healthy();
    for (const member of cluster.members) {
      if (member === cluster.at('c1')) continue;
      member.isMute = true;
      member.isCut = true;
    }
    await cluster.world.advance(20_000);
    expect(callsOf(cluster, 'recruit')).toBe(0);
    const explained = await cluster.world.until(
      cluster.orders().explainShard({ shard: testShard }, { deadlineMs: 1000 }),
    );
    expect(explained.problems.map(({ kind, remedy }) => `${kind}: ${remedy}`).join('\n')).toContain(
      'leaderLost: Nothing can be done: a quorum cannot be reached',
    );
  });

  it('although one member is stuck', async () => {
    const cluster = await FakeCluster.start(three, ['a', 'b', 'c', 'd']);
    await cluster.healthy();
    const old = cluster.leader;
    const stuck = cluster.members.find((each) => each !== old) as FakeMember;
    stuck.before = forEver;
    old?.crash();
    await cluster.until(() => cluster.leader !== undefined);
    expect(cluster.leader).not.toBe(stuck);
  });

  it('once more if the answer of the new leader is lost', async () => {
    const cluster = await healthy();
    for (const member of cluster.members) member.after = (deed) => (deed === 'promote' ? forEver() : Promise.resolve());
    cluster.old.crash();
    await replaced(cluster);
    await cluster.healthy();
    expect(callsOf(cluster, 'promote')).toBe(1);
  });

  it('if the coordinator dies after the promotion: others point the followers at the new leader', async () => {
    const cluster = await healthy();
    let lost = 0;
    for (const member of cluster.members)
      member.before = (deed) => {
        const isLost = deed === 'setPrimary' && lost < 2;
        if (isLost) lost += 1;
        return isLost ? forEver() : Promise.resolve();
      };
    cluster.old.crash();
    await replaced(cluster);
  });

  it('if a proposal gets stuck', async () => {
    const cluster = await healthy();
    const isOther = (member: FakeMember): boolean => member !== cluster.old;
    let stuck: FakeMember | undefined;
    for (const member of cluster.members.filter(isOther))
      member.before = async (deed) => {
        if (deed !== 'promote' || stuck !== undefined) return;
        stuck = member;
        member.isCut = true;
        // The others are pointed at somebody who never reaches a quorum.
        setFree(member);
      };
    const setFree = (member: FakeMember): void =>
      void cluster.world.clock.after(20_000, () => {
        member.isCut = false;
      });
    cluster.old.crash();
    await cluster.until(() => cluster.leader !== undefined && cluster.leader !== cluster.old);
    expect(stuck).toBeDefined();
  });

  it('by one of several who want to at the same moment, and they do not disturb each other for ever', async () => {
    const cluster = await healthy();
    await cluster.orch('a', 'orch-a2');
    await cluster.orch('b', 'orch-b2');
    await cluster.world.advance(3_000);
    for (let round = 0; round < 5; round++) {
      const old = cluster.leader;
      old?.crash();
      await cluster.until(() => cluster.leader !== undefined && cluster.leader !== old, 10_000);
      await cluster.healthy();
    }
    expect(callsOf(cluster, 'promote')).toBeLessThanOrEqual(6);
  });
});

describe('a follower', () => {
  it('whose log has parted is made again', async () => {
    const cluster = await healthy(['a']);
    const follower = cluster.members.find((each) => each !== cluster.old) as FakeMember;
    follower.diverged = true;
    follower.changed();
    await cluster.until(() => follower.calls.includes('rejoin') && !follower.diverged);
    await cluster.healthy();
  });

  it('of another cluster is left alone', async () => {
    const cluster = await healthy(['a']);
    const follower = cluster.members.find((each) => each !== cluster.old) as FakeMember;
    follower.systemIdentifier = 99n;
    follower.diverged = true;
    follower.changed();
    await cluster.world.advance(10_000);
    expect(follower.calls).toEqual([]);
    const explained = await cluster.world.until(
      cluster.orders().explainShard({ shard: testShard }, { deadlineMs: 1000 }),
    );
    expect(explained.problems.map(({ kind }) => kind)).toContain('foreignData');
  });

  it('that has promised a ballot that came to nothing is taken back under a new leader', async () => {
    const cluster = await healthy(['a']);
    const follower = cluster.members.find((each) => each !== cluster.old) as FakeMember;
    const ballot = follower.promise;
    if (ballot !== undefined) follower.promise = { ...ballot, term: ballot.term + 5n };
    follower.role = MemberRole.IDLE;
    follower.leader = undefined;
    follower.changed();
    await cluster.until(() => cluster.leader?.newest?.rule.number?.ballot?.term === 7n);
    await cluster.healthy();
    expect(follower.role).not.toBe(MemberRole.IDLE);
  });
});

describe('an order', () => {
  const options = { deadlineMs: 60_000 };
  const shard = testShard;
  const idOf = (member: FakeMember | undefined): { cell: string; name: string } => ({
    cell: member?.id.cell ?? '',
    name: member?.id.name ?? '',
  });

  it('to switch over: the named one leads, after a pause of no lease', async () => {
    const cluster = await healthy();
    const next = cluster.members.find((each) => each !== cluster.old) as FakeMember;
    const { pausedMs, rule } = await cluster.world.until(
      cluster.orders().switchover({ shard, successor: idOf(next) }, options),
    );
    expect(cluster.leader).toBe(next);
    expect(rule?.leader?.pooler?.name).toBe(next.id.name);
    expect(pausedMs).toBeLessThan(200);
    await cluster.healthy();
    const again = await cluster.world.until(cluster.orders().switchover({ shard }, options));
    expect(again.rule?.leader?.pooler?.name).not.toBe(next.id.name);
  });

  it('to switch over is refused where it cannot succeed', async () => {
    const cluster = await healthy();
    const orders = cluster.orders();
    const refusal = (successor: { cell: string; name: string }): Promise<unknown> =>
      cluster.world.until(orders.switchover({ shard, successor }, options).catch((error: unknown) => error));
    expect(await refusal({ cell: 'x', name: 'y' })).toMatchObject({ sqlstate: '42704' });
    expect(await refusal(idOf(cluster.old))).toMatchObject({
      sqlstate: '55000',
      report: { detail: 'It leads already.' },
    });
    const cut = cluster.members.find((each) => each !== cluster.old) as FakeMember;
    cut.isCut = true;
    await cluster.world.advance(1_000);
    expect(await refusal(idOf(cut))).toMatchObject({ report: { detail: 'It does not stream from the leader.' } });
  });

  it('to fail over changes the leader without asking it', async () => {
    const cluster = await healthy();
    const next = cluster.members.find((each) => each !== cluster.old) as FakeMember;
    await cluster.world.until(cluster.orders().failover({ shard, successor: idOf(next) }, options));
    expect(callsOf(cluster, 'resign')).toBe(0);
    await cluster.healthy();
  });

  it('to remove a member, and to add it again', async () => {
    const cluster = await healthy();
    const gone = cluster.members.find((each) => each !== cluster.old) as FakeMember;
    await cluster.world.until(cluster.orders().removeMember({ shard, pooler: idOf(gone) }, options));
    expect(voters(cluster)).not.toContain(gone.id.name);
    await cluster.world.advance(20_000);
    // It stays out, although its cell has no copy any more.
    expect(voters(cluster)).not.toContain(gone.id.name);
    await cluster.world.until(cluster.orders().addMember({ shard, pooler: idOf(gone) }, options));
    expect(voters(cluster)).toEqual(['a1', 'b1', 'c1']);
  });

  it('to add a second member of a cell, as a learner, then as a voter', async () => {
    const cluster = await healthy();
    const added = await cluster.pooler('a', 'a2');
    await cluster.world.advance(10_000);
    expect(added.data).toBe(DataState.NONE);
    const pooler = idOf(added);
    const { rule } = await cluster.world.until(cluster.orders().addMember({ shard, pooler, learner: true }, options));
    expect(rule?.learners.map((each) => each.pooler?.name)).toEqual(['a2']);
    await cluster.world.until(cluster.orders().addMember({ shard, pooler }, options));
    expect(voters(cluster)).toEqual(['a1', 'a2', 'b1', 'c1']);
  });

  it('that would harm is refused, and nothing changes', async () => {
    const cluster = await healthy();
    const orders = cluster.orders();
    const error = (order: Promise<unknown>): Promise<unknown> =>
      cluster.world.until(order.catch((reason: unknown) => reason));
    const policy = (name: string, n: number): Policy => ({ name, n }) as Policy;
    const before = cluster.leader?.newest?.rule;
    expect(await error(orders.removeMember({ shard, pooler: idOf(cluster.old) }, options))).toMatchObject({
      sqlstate: '55000',
    });
    expect(await error(orders.removeMember({ shard, pooler: { cell: 'a', name: 'x' } }, options))).toMatchObject({
      sqlstate: '42704',
    });
    expect(await error(orders.setPolicy({ shard, policy: policy('AT_LEAST_N', 4) }, options))).toMatchObject({
      sqlstate: '22023',
    });
    expect(await error(orders.setPolicy({ shard, policy: policy('AT_LEAST_N', 0) }, options))).toMatchObject({
      sqlstate: '22023',
    });
    expect(await error(orders.setPolicy({ shard, policy: policy('MOST', 1) }, options))).toMatchObject({
      sqlstate: '0A000',
    });
    expect(await error(orders.switchover({ shard: { ...shard, shard: '9' } }, options))).toMatchObject({
      sqlstate: '42704',
    });
    expect(cluster.leader?.newest?.rule).toEqual(before);
  });

  it('for a policy holds, and stays', async () => {
    const cluster = await healthy();
    const policy = { name: 'MULTI_CELL_AT_LEAST_N', n: 3 };
    await cluster.world.until(cluster.orders().setPolicy({ shard, policy }, options));
    await cluster.world.advance(10_000);
    expect(cluster.leader?.newest?.rule.policy).toMatchObject(policy);
  });

  it('to remove a member without which the policy cannot be met, or the last one, is refused', async () => {
    const cluster = await FakeCluster.start(['a'], ['a', 'b']);
    await cluster.healthy();
    const other = cluster.members.find((each) => each !== cluster.leader);
    const removal = (member: FakeMember | undefined): Promise<unknown> =>
      cluster.world.until(
        cluster
          .orders()
          .removeMember({ shard, pooler: idOf(member) }, options)
          .catch((error: unknown) => error),
      );
    expect(await removal(other)).toMatchObject({ sqlstate: '22023' });
    await cluster.world.until(cluster.orders().setPolicy({ shard, policy: { name: 'AT_LEAST_N', n: 1 } }, options));
    await cluster.world.advance(2_000);
    await removal(other);
    expect(voters(cluster)).toHaveLength(1);
    expect(await removal(cluster.leader)).toMatchObject({ report: { message: 'a shard needs at least one voter' } });
  });

  it('is explained afterwards', async () => {
    const cluster = await healthy();
    await cluster.world.until(cluster.orders().switchover({ shard }, options));
    const explained = await cluster.world.until(cluster.orders().explainShard({ shard }, options));
    expect(explained.decisions.map(({ action, outcome }) => `${action}: ${outcome}`)).toContainEqual(
      expect.stringMatching(/^switchover to .*: done$/),
    );
    expect(explained.poolers).toHaveLength(3);
    const status = await cluster.world.until(cluster.orders().getStatus({}, options));
    expect(status).toMatchObject({ id: { name: 'orch-a' }, topologyConnected: true });
  });
});
