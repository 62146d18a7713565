import { choose } from '@multigres/consensus';
import { parseLsn } from '@multigres/core';
import {
  create,
  BallotSchema,
  PolicySchema,
  type Ballot,
  type MemberId,
  type Policy,
  type Position,
  type Rule,
  type RuleNumber,
} from '@multigres/rpc';
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

/** What an orchestrator does for a new shard: three voters, two of which must have each commit. */
async function threeVoters(): Promise<readonly [OwnMember, OwnMember, OwnMember]> {
  const [a, b, c] = await Promise.all([member('a'), member('b'), member('c')]);
  const { rule } = await a.calls.bootstrap({ shard, ballot: ballot(1), policy: atLeast(1) }, { deadlineMs });
  await Promise.all([b, c].map((one) => rejoins(one, a, rule, true)));
  const voters = [await a.id(), await b.id(), await c.id()];
  await joined(b, c);
  const expected = rule?.number as RuleNumber;
  await a.calls.updateRule({ shard, expected, voters, policy: atLeast(2) }, { deadlineMs });
  await opens(a);
  return [a, b, c];
}

async function rejoins(one: OwnMember, leader: OwnMember, rule: Rule | undefined, clone: boolean): Promise<boolean> {
  const { position } = await leader.status();
  const answer = await one.calls.rejoin(
    {
      shard,
      rule: rule?.number as RuleNumber,
      leader: await leader.id(),
      postgresEndpoint: leader.address,
      leaderships: position?.leaderships ?? [],
      clone,
      incarnation: (await one.status()).member?.incarnation ?? '',
    },
    { deadlineMs },
  );
  return answer.cloned;
}

const joined = async (...members: readonly OwnMember[]): Promise<void> => {
  for (const one of members)
    await expect
      .poll(async () => (await one.status()).following, { timeout: 20_000 })
      .toMatchObject({ joined: true, streaming: true });
};

/** What an orchestrator does when a leader is lost: recruits whom it reaches, promotes the most advanced, and lets the others follow. */
async function failOver(to: Ballot, reachable: readonly OwnMember[]): Promise<OwnMember> {
  const recruited = await Promise.all(
    reachable.map(async (one) => {
      const { position, member: id } = await one.calls.recruit({ shard, ballot: to }, { deadlineMs });
      return { member: id as MemberId, position: position as Position };
    }),
  );
  const choice = choose(recruited);
  if (choice === undefined) throw new Error('they are not enough');
  const at = recruited.indexOf(choice.chosen);
  const { voters, policy, outgoing, chosen } = choice;
  const rule = { leader: chosen.member, voters: [...voters], ...(policy && { policy }) };
  const leader = reachable[at] as OwnMember;
  const promoting = leader.calls.promote(
    { shard, ballot: to, rule, outgoing: [...outgoing], expected: chosen.position },
    { deadlineMs },
  );
  const number = { ballot: to, subterm: 0n };
  for (const one of reachable)
    if (one !== leader)
      await one.calls.setPrimary(
        { shard, rule: number, leader: chosen.member, postgresEndpoint: leader.address },
        { deadlineMs },
      );
  await promoting;
  await opens(leader);
  return leader;
}

/** Writes numbers one after the other until the connection ends; answers those that were acknowledged. */
async function writeUntilLost(at: OwnMember, enough: (count: number) => void): Promise<readonly number[]> {
  const session = await at.connect();
  const acknowledged: number[] = [];
  try {
    for (let x = 1; ; x++) {
      await session.query(`insert into t values (${x})`);
      acknowledged.push(x);
      enough(acknowledged.length);
    }
  } catch {
    return acknowledged;
  }
}

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

  it('is recruited at once though somebody reads there whose snapshot holds back the replay', async () => {
    const [a, b] = await threeVoters();
    await a.sql('create table t (x int); insert into t select generate_series(1, 10)');
    await expect.poll(() => b.sql('select count(*) from t')).toEqual([['10']]);
    const read = 'begin isolation level repeatable read; select count(*) from t; select pg_sleep(600)';
    const told = b.sql(read).then(() => 'an answer', String);
    const sleepers = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    await expect.poll(() => b.sql(sleepers)).toEqual([['1']]);
    await a.sql('delete from t');
    await a.sql('vacuum t');
    const held = "select wait_event from pg_stat_activity where backend_type = 'startup'";
    await expect.poll(() => b.sql(held), { timeout: 10_000 }).toEqual([['RecoveryConflictSnapshot']]);
    const { position } = await b.calls.recruit({ shard, ballot: ballot(2) }, { deadlineMs: 10_000 });
    expect(position?.rule?.number).toMatchObject({ ballot: { term: 1n } });
    expect(await told).not.toBe('an answer');
  });

  it('hands over to who has everything when its Postgres is killed, and comes back as a follower', async () => {
    const [a, b, c] = await threeVoters();
    await a.sql('create table t (x int primary key)');
    const acknowledged = await writeUntilLost(a, (count) => count === 200 && a.killPostgres());
    expect(acknowledged.length).toBeGreaterThanOrEqual(200);
    const leader = await failOver(ballot(2), [b, c]);
    const follower = leader === b ? c : b;
    const found = new Set((await leader.sql('select x from t')).map(([x]) => Number(x)));
    expect(acknowledged.filter((x) => !found.has(x))).toEqual([]);
    await leader.sql('insert into t values (-1)');
    await joined(follower);
    const { position } = await leader.status();
    await rejoins(a, leader, position?.rule, false);
    await joined(a);
    await expect.poll(() => a.sql('select x from t where x = -1')).toEqual([['-1']]);
    const [[commits] = []] = await leader.sql('show synchronous_standby_names');
    expect(commits).toMatch(/^ANY 1 \(mg_[0-9a-f]{16}_0000000000000002, mg_[0-9a-f]{16}_0000000000000002\)$/);
  });

  it('lets go of its leader though somebody reads what the replay wants to remove', async () => {
    const [a, b] = await threeVoters();
    await a.sql('create table t as select generate_series(1, 1000) as x');
    await expect.poll(() => b.sql('select count(*) from t').catch(String)).toEqual([['1000']]);
    const reader = await b.connect();
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from t');
    for (const text of ['delete from t', 'vacuum t']) await a.sql(text);
    const stuck = "select wait_event from pg_stat_activity where backend_type = 'startup'";
    await expect.poll(() => b.sql(stuck)).toEqual([['RecoveryConflictSnapshot']]);
    const recruited = await b.calls.recruit({ shard, ballot: ballot(2) }, { deadlineMs: 15_000 });
    expect(recruited.position?.decided).toBe(true);
    expect(await b.sql('select count(*) from t')).toEqual([['0']]);
  });

  it('leads on when only its pooler was restarted, and leaves alone a data directory whose promises are gone', async () => {
    const a = await member('a');
    const { rule } = await a.calls.bootstrap({ shard, ballot: ballot(1), policy: atLeast(1) }, { deadlineMs });
    await opens(a);
    await a.stopPooler();
    await a.startPooler();
    await opens(a);
    expect((await a.status()).position).toMatchObject({ decided: true, rule: { number: rule?.number } });
    await a.stopPooler();
    a.losePromises();
    await a.startPooler();
    await expect.poll(async () => (await a.status()).closedReason).toContain('is not known');
    const recruiting = a.calls.recruit({ shard, ballot: ballot(2) }, { deadlineMs });
    await expect(recruiting).rejects.toMatchObject({ sqlstate: '55000' });
  });
});
