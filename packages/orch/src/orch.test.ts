import { describe, expect, it } from 'vitest';
import { FakeCluster } from './testing/fake-cluster.ts';

describe('a new shard', () => {
  it('is made once, cloned into each cell, and kept by the policy that is wanted', async () => {
    const cluster = await FakeCluster.start(['a', 'b', 'c']);
    await cluster.healthy();
    const bootstraps = cluster.members.flatMap(({ calls }) => calls.filter((deed) => deed === 'bootstrap'));
    expect(bootstraps).toHaveLength(1);
    expect(cluster.leader?.newest?.rule.voters.map(({ pooler }) => pooler?.name).toSorted()).toEqual([
      'a1',
      'b1',
      'c1',
    ]);
  });
});

describe('a leader whose Postgres dies', () => {
  it('is replaced at once', async () => {
    const cluster = await FakeCluster.start(['a', 'b', 'c']);
    await cluster.healthy();
    const old = cluster.leader;
    old?.crash();
    const ms = await cluster.until(() => cluster.leader !== undefined);
    expect(ms).toBeLessThan(500);
    expect(cluster.leader).not.toBe(old);
    await cluster.healthy();
  });
});
