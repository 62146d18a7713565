import { refusePolicy } from '@multigres/consensus';
import { hex } from '@multigres/core';
import {
  create,
  PolicySchema,
  RuleNumberSchema,
  RuleSchema,
  ServerState,
  type Ballot,
  type BootstrapRequest,
  type BootstrapResponseSchema,
  type MemberId,
  type MessageInitShape,
  type Rule,
} from '@multigres/rpc';
import { memberNotReady, ruleHasChanged } from '../../errors.ts';
import { readTimeline, standbyEnd } from '../log-position.ts';
import { findRoleSql, grantSql, makeReplicationRoleSql, memberSql, rewindFunctions } from '../member-sql.ts';
import { memberTiming } from '../member-timing.ts';
import { readRules } from '../rule-table.ts';
import type { DeedRun, MemberHands } from './deed-run.ts';
import { decide, namesFor } from './propose.ts';

/**
 * The first data directory of a shard, and its first rule: this member alone. Killed at any step, the next attempt goes on from there; once there is a rule,
 * nothing is bootstrapped any more.
 */
export async function bootstrap(
  run: DeedRun,
  ballot: Ballot,
  request: BootstrapRequest,
): Promise<MessageInitShape<typeof BootstrapResponseSchema>> {
  const { admin, promises, pgctld } = run.hands;
  const self = await firstData(run, ballot);
  await promises.promise(ballot);
  const { status } = await pgctld.start({ standby: true }, { deadlineMs: memberTiming.handsMs });
  const { newest } = await readRules(admin.ask);
  if (newest !== undefined) throw ruleHasChanged('The shard has a rule already.');
  const wanted = create(RuleSchema, {
    number: create(RuleNumberSchema, { ballot, subterm: 0n }),
    leader: self,
    voters: [self],
    policy: create(PolicySchema, { name: 'AT_LEAST_N', n: 1 }),
  });
  const policy = request.policy ?? wanted.policy;
  // What one member cannot meet comes with the members that can, by UpdateRule.
  if (policy !== undefined && refusePolicy(create(RuleSchema, { ...wanted, policy })) === undefined)
    wanted.policy = policy;
  await promises.attempt(ballot);
  run.attempted(ballot);
  const rule = await lead(run, wanted);
  run.become({ kind: 'proposing', rule });
  await makeSchema(run.hands);
  await decide(run, rule, []);
  run.become({ kind: 'leader', rule });
  return { rule, systemIdentifier: status?.systemIdentifier ?? 0n };
}

/** The incarnation stands in the file of promises before there is anything that it could promise for. */
async function firstData(run: DeedRun, ballot: Ballot): Promise<MemberId> {
  const { pgctld, promises, world, config } = run.hands;
  const { status } = await pgctld.getStatus({}, { deadlineMs: memberTiming.handsMs });
  if (status?.unusable === true) throw memberNotReady('its data directory can only be cloned');
  if (status?.state === ServerState.NOT_INITIALIZED) {
    const incarnation = hex(world.random.bytes(8));
    await promises.prepare(incarnation, ballot);
    await pgctld.initDb({ incarnation, superuser: config.superuser }, { deadlineMs: memberTiming.cloneMs });
  }
  return await run.reload();
}

/** Alone, it waits for nobody; a standby until now, it becomes a primary by promotion like every other. */
async function lead({ hands }: DeedRun, rule: Rule): Promise<Rule> {
  const { admin, pgctld } = hands;
  let startLsn = 0n;
  if (await admin.isInRecovery()) {
    const ballot = rule.number?.ballot as Ballot;
    await admin.configure({ synchronous_standby_names: namesFor(rule.leader, ballot, [rule]), primary_conninfo: '' });
    startLsn = (await standbyEnd(admin.ask)).replayedLsn;
    await pgctld.promote({}, { deadlineMs: memberTiming.handsMs });
  }
  return create(RuleSchema, { ...rule, timeline: await readTimeline(admin.ask), timelineStartLsn: startLsn });
}

async function makeSchema({ admin, config }: MemberHands): Promise<void> {
  const { user, password } = config.replication;
  for (const sql of [memberSql.makeSchema, memberSql.makeRules, memberSql.makeHeartbeat]) await admin.ask(sql);
  if ((await admin.ask(memberSql.heartbeats)).length === 0) await admin.ask(memberSql.firstBeat);
  if ((await admin.ask(findRoleSql(user))).length > 0) return;
  await admin.ask(makeReplicationRoleSql(user, password));
  for (const routine of rewindFunctions) await admin.ask(grantSql(routine, user));
}
