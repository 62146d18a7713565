import { compareBallots, comparePositions, isSameRule, refusePolicy, sameMember } from '@multigres/consensus';
import { formatLsn, type Lsn } from '@multigres/core';
import {
  create,
  RuleNumberSchema,
  RuleSchema,
  type Ballot,
  type MessageInitShape,
  type Position,
  type PromoteRequest,
  type PromoteResponseSchema,
  type Rule,
} from '@multigres/rpc';
import { memberNotReady } from '../../errors.ts';
import { readPosition, readTimeline } from '../log-position.ts';
import { memberTiming } from '../member-timing.ts';
import type { DeedRun } from './deed-run.ts';
import { letGo } from './let-go.ts';
import { decide, namesFor } from './propose.ts';

/** From a recruited standby to a leader whose rule is decided. docs/consensus.md, "A leader is lost", 5. `askedMs`: when the call came. */
export async function promote(
  run: DeedRun,
  ballot: Ballot,
  request: PromoteRequest,
  askedMs: number,
): Promise<MessageInitShape<typeof PromoteResponseSchema>> {
  const { admin, promises, pgctld } = run.hands;
  const rule = incomingRule(run, ballot, request);
  await promises.promise(ballot);
  const role = run.role();
  if (role.kind !== 'idle' || compareBallots(role.released, ballot) !== 0) await letGo(run);
  const before = await readPosition(admin.ask, true);
  refuseOther(before, request.expected);
  await admin.configure({ synchronous_standby_names: namesFor(run.self(), ballot, [rule, ...request.outgoing]) });
  run.mayGoOn();
  // From here on its log may be one that nobody else has.
  await promises.attempt(ballot);
  run.attempted(ballot);
  run.mayGoOn();
  await pgctld.promote({}, { deadlineMs: memberTiming.handsMs });
  const timeline = await readTimeline(admin.ask);
  const begun = create(RuleSchema, { ...rule, timeline, timelineStartLsn: before.flushedLsn });
  run.mayGoOn();
  run.become({ kind: 'proposing', rule: begun });
  await decide(run, begun, request.outgoing, askedMs + request.leaseWaitMs);
  await run.look();
  run.become({ kind: 'leader', rule: begun });
  return { rule: begun, position: await readPosition(admin.ask, false) };
}

function incomingRule(run: DeedRun, ballot: Ballot, { rule: wanted }: PromoteRequest): Rule {
  const rule = create(RuleSchema, wanted);
  rule.number = create(RuleNumberSchema, { ballot, subterm: 0n });
  rule.leader ??= run.self();
  if (!sameMember(rule.leader, run.self())) throw memberNotReady('the rule names another leader');
  const refusal = refusePolicy(rule);
  if (refusal !== undefined) throw refusal;
  return rule;
}

/** The coordinator chose by what it was told; if that is not so any more, it chose by something else. */
function refuseOther(found: Position, expected: Position | undefined): void {
  const sameRule =
    found.rule === undefined ? expected?.rule === undefined : isSameRule(found.rule.number, expected?.rule?.number);
  const same = sameRule && comparePositions(found, expected) === 0 && found.history === expected?.history;
  if (same) return;
  const [is, was] = [found.flushedLsn, expected?.flushedLsn ?? 0n].map((lsn) => formatLsn(lsn as Lsn));
  throw memberNotReady(`its log ends at ${is}, not at ${was} as when it was recruited`, 'Recruit again.');
}
