import type { Mutant } from '../mutation.ts';

const deeds = 'packages/pooler/src/member/deeds';
const driver = 'packages/pooler/src/member/member.driver.ts';
const promises = 'packages/pooler/src/member/promise-file.ts';
const probe = 'packages/pooler/src/member/commit-probe.ts';
const consensus = 'packages/consensus/src';
const pgctld = 'packages/pgctld/src';

/** Bugs in how a shard is kept: of members, their hands, their coordinators. Each names the schedule that is made for it. */
export const consensusMutants: readonly Mutant[] = [
  {
    name: 'consensus/promise-not-flushed',
    file: 'packages/core/src/world/disk.ts',
    find: `  await disk.sync(temporary);`,
    replace: `  if (!path.endsWith('member.json')) await disk.sync(temporary);`,
    why: 'a promise is heard that power loss takes back',
    scenario: 'failover/promise-power-loss',
  },
  {
    name: 'consensus/promise-after-answer',
    file: `${deeds}/recruit.ts`,
    find: `  await promises.promise(ballot);
  run.mayGoOn();
  run.become({ kind: 'idle', released: undefined });
  await promises.follows(undefined);`,
    replace: `  void promises.promise(ballot).catch(() => undefined);
  run.mayGoOn();
  run.become({ kind: 'idle', released: undefined });`,
    why: 'a member answers that it has promised before that is on its disk',
    scenario: 'failover/promise-power-loss',
  },
  {
    name: 'consensus/promise-forgotten',
    file: promises,
    find: `    promise: promise === undefined ? undefined : fromJson(BallotSchema, promise),`,
    replace: `    promise: undefined,`,
    why: 'a restarted member has forgotten what it promised',
    scenario: 'failover/promise-power-loss',
  },
  {
    name: 'consensus/lsn-before-rule',
    file: `${consensus}/position.ts`,
    find: `  if (byRule !== 0) return byRule;
  const [lsnA, lsnB] = [a?.flushedLsn ?? -1n, b?.flushedLsn ?? -1n];
  if (lsnA === lsnB) return 0;
  return lsnA < lsnB ? -1 : 1;`,
    replace: `  const [lsnA, lsnB] = [a?.flushedLsn ?? -1n, b?.flushedLsn ?? -1n];
  if (lsnA === lsnB) return byRule;
  return lsnA < lsnB ? -1 : 1;`,
    why: 'the longer log of a dead rule wins against the shorter one of a newer rule',
    scenario: 'failover/dead-rule',
  },
  {
    name: 'consensus/least-advanced-leads',
    file: `${consensus}/recruitment.ts`,
    find: `.toSorted((a, b) => byMerit(b, a, preference));`,
    replace: `.toSorted((a, b) => byMerit(a, b, preference));`,
    why: 'who has least of the log becomes leader',
    scenario: 'failover/late-standby',
  },
  {
    name: 'consensus/one-is-enough',
    file: `${consensus}/recruitment.ts`,
    find: `  return !isQuorum(rule.policy, free, rule.voters, kinds);`,
    replace: `  return recruited.length > 0 || !isQuorum(rule.policy, free, rule.voters, kinds);`,
    why: 'a leader is made without asking those whose quorum may go on without it',
    scenario: 'failover/late-standby',
  },
  {
    name: 'consensus/too-few-names',
    file: `${consensus}/standby-names.ts`,
    find: `  return without < 0 ? 0 : members.length - others.length + without + 1;`,
    replace: `  return without < 0 ? 0 : Math.max(0, members.length - others.length + without);`,
    why: 'a leader acknowledges what it alone has',
    scenario: 'failover/ghost-commit',
  },
  {
    name: 'consensus/intake-goes-on',
    file: `${deeds}/let-go.ts`,
    find: `{ synchronous_standby_names: namesOfNobody, primary_conninfo: '' };`,
    replace: `{ synchronous_standby_names: namesOfNobody };`,
    why: 'a recruited follower goes on receiving, and acknowledging, from the leader that it left',
    scenario: 'failover/recruited-under-writes',
  },
  {
    name: 'consensus/promotes-without-names',
    file: `${deeds}/promote.ts`,
    find: `  await admin.configure({ synchronous_standby_names: namesFor(run.self(), ballot, [rule, ...request.outgoing]) });`,
    replace: `  await admin.configure({ synchronous_standby_names: '' });`,
    why: 'the row of a new rule is decided by the new leader alone',
    scenario: 'failover/early-traffic',
  },
  {
    name: 'consensus/lease-for-ever',
    file: driver,
    find: `    const untilMs = startMs + memberTiming.leaseMs;`,
    replace: `    const untilMs = startMs + memberTiming.leaseMs * 1000;`,
    why: 'an isolated leader answers reads for as long as it likes',
    scenario: 'failover/stale-read',
  },
  {
    name: 'consensus/lease-renewed-by-nothing',
    file: probe,
    find: `      await this.#writer.query(memberSql.beat, Infinity);`,
    replace: `      await this.#writer.query(memberSql.heartbeats, Infinity);`,
    why: 'a leader proves by a read that it leads',
    scenario: 'failover/stale-read',
  },
  {
    name: 'consensus/crashed-leader-returns',
    file: `${pgctld}/prepare-standby.ts`,
    find: `  await placeForPostgres(world, config, signal, '');`,
    replace: `  await world.disk.remove(signal);`,
    why: 'a crashed leader comes back as a primary and shows commits that nobody else has',
    scenario: 'failover/ghost-commit',
  },
  {
    name: 'consensus/quorum-of-one-less',
    file: `${consensus}/policy.ts`,
    find: `  isQuorum: (n, voters) => voters.length >= n,
  largestWithout: (n, others, sure) => (sure.length >= n ? -1 : Math.min(others.length, n - 1 - sure.length)),`,
    replace: `  isQuorum: (n, voters) => voters.length >= n - 1,
  largestWithout: (n, others, sure) => (sure.length >= n - 1 ? -1 : Math.min(others.length, n - 2 - sure.length)),`,
    why: 'one member less than the policy says is a quorum',
    scenario: 'failover/ghost-commit',
  },
  {
    name: 'consensus/broken-wait-is-ok',
    file: 'packages/pooler/src/backend/backend.ts',
    find: `    if (report === undefined) return;
    guard.doubt();`,
    replace: `    if (report === undefined || group !== undefined) return;
    guard.doubt();`,
    why: 'a commit whose wait was cancelled is acknowledged',
    scenario: 'failover/cancelled-wait',
  },
  {
    name: 'consensus/durability-lowered',
    file: 'packages/sql/src/lowered-durability.ts',
    find: `  return setting.literal === undefined || !waits.has(setting.literal.toLowerCase());`,
    replace: `  return setting.literal === undefined && !waits.has('');`,
    why: 'a user may have commits acknowledged before anybody else has them',
    scenario: 'failover/lowered-durability',
  },
  {
    name: 'consensus/stalled-leader-unseen',
    file: 'packages/orch/src/judge/leader-cannot-commit.ts',
    find: `  return why === undefined ? [] : [replaceLeader(view, 'leaderCannotCommit', why, head.member)];`,
    replace: `  return why === undefined || view.nowMs > 0 ? [] : [replaceLeader(view, 'leaderCannotCommit', why, head.member)];`,
    why: 'a leader that lives and cannot commit is never replaced',
    scenario: 'failover/cannot-commit',
  },
  {
    name: 'consensus/gateway-follows-the-old',
    file: 'packages/gateway/src/route/shard-view.ts',
    find: `  if (compareBallots(rule?.ballot, view.decided) < 0 || compareRuleNumbers(rule, view.rule) < 0)
    return 'it leads by an older rule';`,
    replace: `  if (compareBallots(rule?.ballot, view.decided) > 0 || compareRuleNumbers(rule, view.rule) > 0)
    return 'it leads by a newer rule';`,
    why: 'a gateway stays with the old leader',
    scenario: 'failover/late-standby',
  },
  {
    name: 'consensus/never-joins',
    file: driver,
    find: `      this.#step({ kind: 'leaderReplayed' });`,
    replace: `      this.#judgeReads();`,
    why: 'a follower never takes the name that counts, and no rule is ever decided',
    scenario: 'failover/late-standby',
  },
  {
    name: 'consensus/recruits-without-promise',
    file: `${deeds}/recruit.ts`,
    find: `  await promises.promise(ballot);
  run.mayGoOn();
  run.become`,
    replace: `  run.mayGoOn();
  run.become`,
    why: 'a member says that it has promised and keeps no promise',
    scenario: 'failover/two-coordinators',
  },
  {
    name: 'consensus/promise-in-memory',
    file: promises,
    find: `      await writeDurably(this.#disk, this.#path, utf8(format(records)));`,
    replace: `      if (records.length > 1) await writeDurably(this.#disk, this.#path, utf8(format(records)));`,
    why: 'promises are kept in memory only',
    scenario: 'failover/promise-power-loss',
  },
  {
    name: 'consensus/older-promise-wins',
    file: promises,
    find: `  return compareBallots(a, b) < 0 ? b : a;`,
    replace: `  return a === undefined || compareBallots(a, b) > 0 ? b : a;`,
    why: 'a member keeps the lower of two promises',
    scenario: 'failover/late-standby',
  },
  {
    name: 'consensus/copies-no-data',
    file: 'packages/orch/src/judge/followers.ts',
    find: `  if (!head.isOpen) return { ...problem, remedy: 'It waits for a leader that is open.' };
  return {`,
    replace: `  if (head.isOpen) return { ...problem, remedy: 'It waits for a leader that is open.' };
  return {`,
    why: 'a member without data is never cloned',
    scenario: 'failover/calm',
  },
  {
    name: 'consensus/follows-nobody',
    file: `${deeds}/follow.ts`,
    find: `    primary_conninfo: connectionInfo(hands, request, name, status?.replicationPassfile ?? ''),`,
    replace: `    primary_conninfo: '',
    cluster_name: connectionInfo(hands, request, name, status?.replicationPassfile ?? ''),`,
    why: 'a follower is told whom to follow and does not',
    scenario: 'failover/calm',
  },
  {
    name: 'consensus/wrong-passfile',
    file: `${pgctld}/passfile.ts`,
    find: '  return `*:*:*:',
    replace: '  return `localhost:*:*:',
    why: 'followers cannot log in at a leader on another machine',
    scenario: 'failover/calm',
  },
  {
    name: 'consensus/lease-never-renewed',
    file: probe,
    find: `      this.#listener.renewed(startMs);`,
    replace: `      if (startMs < 0) this.#listener.renewed(startMs);`,
    why: 'a leader never opens',
    scenario: 'failover/calm',
  },
  {
    name: 'consensus/lease-renewed-late',
    file: 'packages/pooler/src/member/member-timing.ts',
    find: `  probeMs: 300,`,
    replace: `  probeMs: 3_000,`,
    why: 'a lease runs out before it is renewed, and answers wait for nothing',
    scenario: 'failover/calm',
  },
  {
    name: 'consensus/promotes-the-avoided',
    file: `${consensus}/recruitment.ts`,
    find: `  const chosen = successorAmong(candidates, preference) ?? candidates[0];`,
    replace: `  const chosen = successorAmong(candidates, preference) ?? candidates.at(-1);`,
    why: 'the last of the candidates leads, not the best',
    scenario: 'failover/late-standby',
  },
  {
    name: 'consensus/cohort-stays-alone',
    file: 'packages/orch/src/judge/cohort.ts',
    find: `  const step = removal(view, rule) ?? voter(view, head, rule) ?? learner(view, rule) ?? policyStep(view, rule);`,
    replace: `  const step = removal(view, rule) ?? learner(view, rule) ?? policyStep(view, rule);`,
    why: 'learners never become voters',
    scenario: 'failover/calm',
  },
  {
    name: 'consensus/restarts-as-primary',
    file: `${pgctld}/spawn-server.ts`,
    find: `    if (how.standby) await prepareStandby(world, config, layout.data);`,
    replace: `    if (how.standby && config.id === '') await prepareStandby(world, config, layout.data);`,
    why: 'a Postgres that crashed as a primary comes back as one',
    scenario: 'failover/ghost-commit',
  },
];
