import { parseLsn } from '@multigres/core';
import { create, BallotSchema, PolicySchema, type Ballot, type Policy } from '@multigres/rpc';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OwnMember, shard } from '../testing/own-member.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const made: OwnMember[] = [];
const deadlineMs = 60_000;

function ballot(term: number): Ballot {
  const coordinator = { cell: 'a', name: 'orch' };
  return create(BallotSchema, { term: BigInt(term), coordinator, nonce: term.toString(16).padStart(16, '0') });
}

function atLeast(n: number): Policy {
  return create(PolicySchema, { name: 'AT_LEAST_N', n });
}

async function member(cell: string): Promise<OwnMember> {
  const one = await OwnMember.start(cell);
  made.push(one);
  return one;
}

const opens = async (one: OwnMember): Promise<void> => {
  await expect.poll(async () => (await one.status()).open, { timeout: 20_000 }).toBe(true);
};

afterEach(async () => {
  for (const one of made.splice(0)) await one.remove();
});

describe('a member', () => {
  it('bootstraps a shard alone, is recruited, and leads again by promotion only', async () => {
    const a = await member('a');
    const { rule } = await a.calls.bootstrap({ shard, ballot: ballot(1), policy: atLeast(2) }, { deadlineMs });
    expect(rule?.voters).toEqual([await a.id()]);
    await opens(a);
    await a.sql('create table t (x int); insert into t values (1)');
    const recruited = await a.calls.recruit({ shard, ballot: ballot(2) }, { deadlineMs });
    expect(recruited.fencedLeader).toBe(true);
    expect(recruited.position).toMatchObject({ decided: true, rule: { number: { ballot: { term: 1n } } } });
    expect(await a.sql('select pg_is_in_recovery()')).toEqual([['t']]);
    expect(await a.sql('show synchronous_standby_names')).toEqual([['ANY 1 (mg_nobody)']]);
    const promoted = await a.calls.promote(
      {
        shard,
        ballot: ballot(2),
        rule: { leader: await a.id(), voters: [await a.id()], policy: atLeast(1) },
        outgoing: [recruited.position?.rule ?? {}],
        ...(recruited.position && { expected: recruited.position }),
      },
      { deadlineMs },
    );
    expect(promoted.rule).toMatchObject({ timeline: 3, timelineStartLsn: recruited.position?.flushedLsn });
    const [[history] = []] = await a.sql("select pg_read_file('pg_wal/00000003.history')");
    const [, startLsn = ''] = /2\t([0-9A-F]+\/[0-9A-F]+)\t/.exec(history ?? '') ?? [];
    expect(parseLsn(startLsn)).toBe(promoted.rule?.timelineStartLsn);
    await opens(a);
    expect(await a.sql('select x from t')).toEqual([['1']]);
  });
});
