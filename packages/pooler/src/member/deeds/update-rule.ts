import { isAmong, isQuorum, namesOfNobody, refusePolicy, standbyName } from '@multigres/consensus';
import {
  create,
  RuleNumberSchema,
  RuleSchema,
  type Ballot,
  type MemberId,
  type MessageInitShape,
  type Rule,
  type UpdateRuleRequest,
  type UpdateRuleResponseSchema,
} from '@multigres/rpc';
import { memberNotReady, notTheLeader } from '../../errors.ts';
import { memberSql, terminateSql } from '../member-sql.ts';
import { memberTiming } from '../member-timing.ts';
import { leads } from '../member.machine.ts';
import type { DeedRun, MemberHands } from './deed-run.ts';
import { unlessNoPgError } from './let-go.ts';
import { decide, namesFor } from './propose.ts';

/** A healthy leader changes its own rule, under the next subterm. docs/consensus.md, "A healthy leader changes its rule". */
export async function updateRule(
  run: DeedRun,
  ballot: Ballot,
  request: UpdateRuleRequest,
): Promise<MessageInitShape<typeof UpdateRuleResponseSchema>> {
  const role = run.role();
  if (!leads(role)) throw notTheLeader(`it is ${role.kind}`);
  const before = role.rule;
  const subterm = (before.number?.subterm ?? 0n) + 1n;
  const rule = create(RuleSchema, { ...before, number: create(RuleNumberSchema, { ballot, subterm }) });
  rule.voters = request.voters;
  rule.learners = request.learners;
  if (request.policy !== undefined) rule.policy = request.policy;
  const refusal = refusePolicy(rule);
  if (refusal !== undefined) throw refusal;
  const newcomers = rule.voters.filter((voter) => !isAmong(voter, [...before.voters, run.self()]));
  await refuseUnready(run, ballot, rule, newcomers);
  await joinNames(run, namesFor(run.self(), ballot, [before, rule]));
  run.mayGoOn();
  await decide(run, rule, [before]);
  await run.look();
  run.become({ kind: role.kind, rule });
  return { rule };
}

/**
 * Who is to vote must have joined: it streams under the name that only who has replayed the ballot's row can know. And those who have are a quorum of the
 * new rule: a leader that loses its quorum by a change could not even take it back.
 */
async function refuseUnready(
  { hands, self }: DeedRun,
  ballot: Ballot,
  rule: Rule,
  newcomers: readonly MemberId[],
): Promise<void> {
  const rows = await hands.admin.ask(memberSql.followers);
  const streaming = new Set(rows.filter(([, , state]) => state === 'streaming').map(([, name]) => name));
  const joined = rule.voters.filter((member) => streaming.has(standbyName(member, ballot)));
  const stranger = newcomers.find((member) => !isAmong(member, joined));
  if (stranger !== undefined)
    throw memberNotReady(
      `${stranger.pooler?.cell}/${stranger.pooler?.name} has not joined yet`,
      'A voter must stream and have replayed the present rule first: add it as a learner, or wait.',
    );
  if (!isQuorum(rule.policy, [self(), ...joined], rule.voters))
    throw memberNotReady(
      'too few of the voters that would be left follow it',
      'Wait until they stream and have replayed the present rule, or choose another durability policy.',
    );
}

/**
 * The names of both rules are in force when this resolves: the postmaster has them, and no walsender is left that could acknowledge by the old ones. They
 * are ended and reconnect at once.
 */
async function joinNames({ hands }: DeedRun, names: string): Promise<void> {
  const { admin } = hands;
  if (names !== '' && (await admin.setting('synchronous_standby_names')) === '') await makeCommitsWait(hands);
  await admin.configure({ synchronous_standby_names: names });
  for (const [pid] of await admin.ask(memberSql.followers)) await admin.ask(terminateSql(Number(pid)));
}

/**
 * From no names to some: commits do not even look whether they have to wait until the checkpointer has noticed that there are names. With the name of
 * nobody, a commit that is seen to wait proves it.
 */
async function makeCommitsWait({ admin }: MemberHands): Promise<void> {
  await admin.configure({ synchronous_standby_names: namesOfNobody });
  const prober = admin.open();
  let returned = true;
  try {
    await admin.waitFor('that commits wait for their quorum', memberTiming.settleMs, async () => {
      if (returned) {
        returned = false;
        const noteReturn = (): void => void (returned = true);
        void prober.query(memberSql.beat, Infinity).then(noteReturn, unlessNoPgError);
      }
      // Anybody's: while one waits the others, who want to change the same row, wait for it.
      return (await admin.ask(memberSql.waitingCommits)).length > 0;
    });
  } finally {
    // Its commit goes on without it, and returns under the names that come now.
    admin.closed(prober);
  }
}
