import type { Mutant } from '../mutation.ts';

const deeds = 'packages/pooler/src/member/deeds';
const driver = 'packages/pooler/src/member/member.driver.ts';
const machine = 'packages/pooler/src/member/member.machine.ts';
const promises = 'packages/pooler/src/member/promise-file.ts';
const probe = 'packages/pooler/src/member/commit-probe.ts';
const consensus = 'packages/consensus/src';
const failover = 'packages/orch/src/failover.machine.ts';
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
    name: 'consensus/joiners-counted',
    file: `${deeds}/follow.ts`,
    find: `  const { leaderships } = await readRules(admin.ask);
  if (!leaderships.some((each) => compareBallots(each.ballot, ballot) === 0)) return false;`,
    replace: `  await readRules(admin.ask);`,
    why: 'a follower counts before it has replayed the row of the leader whose acknowledgements it gives',
    scenario: 'failover/same-timeline-fork',
  },
  {
    name: 'consensus/floor-ignored',
    file: `${deeds}/follow.ts`,
    find: `  return replayedLsn >= (promises.current?.floorLsn ?? 0n);`,
    replace: `  return replayedLsn >= 0n * (promises.current?.floorLsn ?? 0n);`,
    why: 'a rewound follower counts before it has back what it had acknowledged',
    scenario: 'failover/rewind-floor',
  },
  {
    name: 'consensus/no-floor',
    file: `${deeds}/recruit.ts`,
    find: `  if (position.flushedLsn < floorLsn)`,
    replace: `  if (position.flushedLsn < 0n * floorLsn)`,
    why: 'a rewound member tells of its shortened log as if it had never acknowledged more',
    scenario: 'failover/rewind-floor',
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
    name: 'consensus/position-too-early',
    file: `${deeds}/let-go.ts`,
    find: `    if (this.#calm === undefined) return false;`,
    replace: `    if (this.#calm === undefined) return true;`,
    why: 'a member tells where its log ends while it still grows',
    scenario: 'failover/recruited-under-writes',
  },
  {
    name: 'consensus/recruited-leader-serves',
    file: `${deeds}/let-go.ts`,
    find: `    await pgctld.stop({ mode: StopMode.IMMEDIATE }, { deadlineMs: memberTiming.handsMs });
  }
  await pgctld.start({ standby: true }, { deadlineMs: memberTiming.handsMs });
  return wasPrimary;`,
    replace: `    if (!wasPrimary) await pgctld.stop({ mode: StopMode.IMMEDIATE }, { deadlineMs: memberTiming.handsMs });
  }
  await pgctld.start({ standby: true }, { deadlineMs: memberTiming.handsMs });
  return wasPrimary;`,
    why: 'a leader that was recruited does not stop its Postgres',
    scenario: 'failover/cannot-commit',
  },
  {
    name: 'consensus/expected-position-ignored',
    file: `${deeds}/promote.ts`,
    find: `  if (same) return;`,
    replace: `  if (same || found !== undefined) return;`,
    why: 'a member is promoted although its log is another one than when it was chosen',
    scenario: 'failover/two-coordinators',
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
    name: 'consensus/attempt-not-recorded',
    file: `${deeds}/promote.ts`,
    find: `  await promises.attempt(ballot);
  run.attempted(ballot);`,
    replace: `  run.attempted(ballot);`,
    why: 'a member that was promoted and died is rewound as if it had never been',
    scenario: 'failover/same-timeline-fork',
  },
  {
    name: 'consensus/open-before-decided',
    file: `${deeds}/promote.ts`,
    find: `  await decide(run, begun, request.outgoing, askedMs + request.leaseWaitMs);
  await run.look();`,
    replace: `  void decide(run, begun, request.outgoing, askedMs + request.leaseWaitMs).catch(() => undefined);
  await run.look();`,
    why: 'a leader answers reads before its rule is decided',
    scenario: 'failover/early-traffic',
  },
  {
    name: 'consensus/lease-not-awaited',
    file: failover,
    find: `  return Math.max(0, Math.ceil(lastMs + leaseMs - nowMs));`,
    replace: `  return Math.max(0, Math.ceil(lastMs + leaseMs - nowMs)) * 0;`,
    why: 'a new leader opens while the old one may still answer reads',
    scenario: 'failover/stale-read',
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
    name: 'consensus/lease-from-the-end',
    file: probe,
    find: `      this.#listener.renewed(startMs);`,
    replace: `      this.#listener.renewed(this.#world.clock.nowMs() + startMs * 0);`,
    why: 'a lease counts from when the proof returned, not from when it was true',
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
    name: 'consensus/answers-not-held',
    file: driver,
    find: `    this.#parts.guard.allow(untilMs);
    this.#lapse`,
    replace: `    this.#parts.guard.allow(Infinity);
    this.#lapse`,
    why: 'answers of a leader whose lease has lapsed are given all the same',
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
    name: 'consensus/names-survive',
    file: `${pgctld}/prepare-standby.ts`,
    find: `  if (rest !== text) await placeForPostgres(world, config, path, rest);`,
    replace: `  if (rest !== text && rest === '') await placeForPostgres(world, config, path, rest);`,
    why: 'a crashed leader keeps the names and whom it followed of another life',
    scenario: 'failover/ghost-commit',
  },
  {
    name: 'consensus/rewinds-what-forked',
    file: `${consensus}/history.ts`,
    find: `    return theirs.every((other) => isSameLeadership(each, other));`,
    replace: `    return theirs.every((other) => other.timeline === each.timeline);`,
    why: 'a log that forked on a timeline of the same number is rewound, and pg_rewind finds nothing to do',
    scenario: 'failover/same-timeline-fork',
  },
  {
    name: 'consensus/rewinds-unaccounted',
    file: `${consensus}/history.ts`,
    find: `  if (own.attempts.some((ballot) => !isAccounted(ballot, own.leaderships))) return false;
  const known`,
    replace: `  const known`,
    why: 'what a member wrote in a promotion that left no row stays in its log',
    scenario: 'failover/same-timeline-fork',
  },
  {
    name: 'consensus/divergence-unseen',
    file: 'packages/pooler/src/member/member-status.ts',
    find: `diverged: stray && !role.counted,`,
    replace: `diverged: false && stray,`,
    why: 'nobody learns that a log has parted from the leader, and the member never comes back',
    scenario: 'failover/same-timeline-fork',
  },
  {
    name: 'consensus/cohort-narrows-early',
    file: `${deeds}/update-rule.ts`,
    find: `  await joinNames(run, namesFor(run.self(), ballot, [before, rule]));`,
    replace: `  await joinNames(run, namesFor(run.self(), ballot, [rule]));`,
    why: 'the names of a new rule are in force before it is decided, and the old one is still live',
    scenario: 'failover/shrinking-cohort',
  },
  {
    name: 'consensus/strangers-vote',
    file: `${deeds}/update-rule.ts`,
    find: `  const joined = rule.voters.filter((member) => streaming.has(standbyName(member, ballot)));`,
    replace: `  const joined = rule.voters.filter(() => streaming.size >= 0);`,
    why: 'who has not joined becomes a voter, and a rule is made that nobody is left to decide',
    scenario: 'failover/shrinking-cohort',
  },
  {
    name: 'consensus/opens-before-lease-ends',
    file: `${deeds}/propose.ts`,
    find: `    if (restMs > 0) await world.clock.sleep(restMs);`,
    replace: ``,
    why: 'a new leader does not wait as long as it was told to, and the old one may still answer reads',
    scenario: 'failover/stale-read',
  },
  {
    name: 'consensus/late-rejoin-destroys',
    file: machine,
    find: `  if (request.incarnation !== (self?.incarnation ?? ''))
    return refuse(memberNotReady('its data directory is another one by now'));`,
    replace: ``,
    why: 'a duplicate of an old call takes away the data of a voter',
    scenario: 'failover/two-coordinators',
  },
  {
    name: 'consensus/resigned-for-ever',
    file: machine,
    find: `    case 'pauseEnded':`,
    replace: `    case 'pauseEnded':
      if (state.role.kind === 'resigned') return [state, []];`,
    why: 'a leader that resigned for a successor that died never opens again',
    scenario: 'failover/switchover',
  },
  {
    name: 'consensus/rivals-never-yield',
    file: failover,
    find: `      if (event.outbid) return end(state, { kind: 'outbid', reason: \`\${event.pooler}: \${event.reason}\` });`,
    replace: ``,
    why: 'a coordinator that was outbid goes on with whom it has',
    scenario: 'failover/two-coordinators',
  },
  {
    name: 'consensus/stray-answers-count',
    file: failover,
    find: `  if (compareBallots(response.promise?.ballot, state.plan.ballot) !== 0) return state;`,
    replace: ``,
    why: 'an answer to another ballot counts as a promise',
    scenario: 'failover/two-coordinators',
  },
  {
    name: 'consensus/ballots-tie',
    file: `${consensus}/order.ts`,
    find: `    compareTexts(a.coordinator?.cell ?? '', b.coordinator?.cell ?? '') ||
    compareTexts(a.coordinator?.name ?? '', b.coordinator?.name ?? '') ||
    compareTexts(a.nonce, b.nonce)`,
    replace: `    compareTexts('', '')`,
    why: 'two coordinators of one term both believe that they were promised everything',
    scenario: 'failover/two-coordinators',
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
    name: 'consensus/unknown-is-failed',
    file: 'packages/pooler/src/errors.ts',
    find: `    sqlstate: unknown ? sqlstate.transactionResolutionUnknown : (cause?.sqlstate ?? sqlstate.connectionFailure),`,
    replace: `    sqlstate: cause?.sqlstate ?? sqlstate.connectionFailure,`,
    why: 'who lost a session in the middle of a commit is told that nothing was written',
    scenario: 'failover/one-way',
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
    name: 'consensus/lost-leader-unseen',
    file: 'packages/orch/src/judge/leader-lost.ts',
    find: `  if (at.isGone && followers.length === 0) return`,
    replace: `  if (at.isGone) return undefined;
  if (followers.length === 0) return`,
    why: 'a leader that is gone is not replaced while its machine is away',
    scenario: 'failover/late-standby',
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
    name: 'consensus/own-rule-unknown',
    file: 'packages/orch/src/observe/shard-view.ts',
    find: `compareBallots(head.number.ballot, newest?.number?.ballot) >= 0 ? head : undefined;`,
    replace: `compareRuleNumbers(head.number, newest?.number) >= 0 ? head : undefined;`,
    why: 'a healthy leader is replaced because its followers were faster to tell of its new rule',
    scenario: 'failover/calm',
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
];
