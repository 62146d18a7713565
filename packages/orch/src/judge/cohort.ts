import type { MemberId, MemberStatus, Rule } from '@multigres/rpc';
import { create, DataState, RuleSchema } from '@multigres/rpc';
import { isAmong, isQuorum, memberKey, refusePolicy, sameMember, samePooler } from '@multigres/consensus';
import { isPresent, type Head, type ShardView } from '../observe/shard-view.ts';
import { poolerKey, type ObservedMember } from '../observe/snapshot.ts';
import type { Finding, ProblemKind } from './finding.ts';
import { patienceMs } from './rank.ts';

/** A learner this close to the leader's log, in bytes, votes: it will not hold commits up for long. */
const closeBytes = 16n * 1024n * 1024n;

/** The pooler shall be in the cohort: it is, somebody ordered it, or its cell shall hold a copy and has none. */
export function isWanted(view: ShardView, at: ObservedMember): boolean {
  if (view.removed.has(at.key)) return false;
  if (view.wishes.has(at.key)) return true;
  const [newest] = view.live;
  const inRule = [...(newest?.voters ?? []), ...(newest?.learners ?? [])].map(({ pooler }) => poolerKey(pooler));
  if (inRule.includes(at.key)) return true;
  const { cell } = at.id;
  if (view.cells.length > 0 && !view.cells.includes(cell)) return false;
  if (inRule.some((key) => key.startsWith(`${cell}/`))) return false;
  // The first by name of a cell that has none.
  const rivals = view.members.filter(
    ({ id, key, isRegistered }) => id.cell === cell && isRegistered && !view.removed.has(key),
  );
  return rivals.every(({ key }) => key >= at.key);
}

/** One step of the cohort towards what it shall be, made by the leader that there is. Only one step: the next is judged anew. */
export function cohort(view: ShardView): Finding[] {
  const { head, live } = view;
  const [rule] = live;
  if (head?.isOpen !== true || rule === undefined || head.at.position?.decided !== true || live.length > 1) return [];
  const step = removal(view, rule) ?? voter(view, head, rule) ?? learner(view, rule) ?? policyStep(view, rule);
  return step === undefined ? [] : [step(head, rule)];
}

type StepToward = (head: Head, rule: Rule) => Finding;

interface Change {
  readonly kind: ProblemKind;
  readonly subject: string;
  readonly explanation: string;
  readonly remedy: string;
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
}

/** With the policy that is wanted, as soon as the voters can meet it. Undefined if the change would be refused. */
function stepOf(view: ShardView, rule: Rule, change: Change): StepToward | undefined {
  const next = create(RuleSchema, { ...rule, voters: [...change.voters], learners: [...change.learners] });
  const wanted = view.policy === undefined ? next : create(RuleSchema, { ...next, policy: view.policy });
  const chosen = refusePolicy(wanted) === undefined ? wanted : next;
  if (refusePolicy(chosen) !== undefined || rule.number === undefined) return undefined;
  const { kind, subject, explanation, remedy, voters, learners } = change;
  const expected = rule.number;
  return (head) => ({
    ...{ kind, subject, explanation, remedy },
    action: { kind: 'updateRule', leader: head.at.key, expected, voters, learners, policy: chosen.policy },
    afterMs: patienceMs(view),
  });
}

function removal(view: ShardView, rule: Rule): StepToward | undefined {
  const isRemoved = ({ pooler }: MemberId): boolean => view.removed.has(poolerKey(pooler));
  const gone = [...rule.voters, ...rule.learners].find((each) => isRemoved(each) && !sameMember(each, rule.leader));
  if (gone === undefined) return undefined;
  return stepOf(view, rule, {
    ...{ kind: 'memberRemoved', subject: poolerKey(gone.pooler) },
    explanation: `${memberKey(gone)} was removed from the shard.`,
    remedy: 'The leader makes a rule without it.',
    voters: rule.voters.filter((each) => !sameMember(each, gone)),
    learners: rule.learners.filter((each) => !sameMember(each, gone)),
  });
}

/** Somebody who has joined and shall vote: in place of its earlier incarnation, for its cell, or by order. */
function voter(view: ShardView, head: Head, rule: Rule): StepToward | undefined {
  for (const at of view.heard) {
    const member = at.status?.member?.member;
    if (member === undefined || isAmong(member, rule.voters) || !isWanted(view, at)) continue;
    if (!hasCaughtUp(at.status?.member, head) || !shallVote(view, at, rule)) continue;
    const isReplaced = rule.voters.some((each) => samePooler(each, member));
    const step = stepOf(view, rule, {
      ...{ kind: isReplaced ? 'memberReplaced' : 'learnerCaughtUp', subject: at.key },
      explanation: isReplaced
        ? `${at.key} has a new data directory, which has caught up.`
        : `The learner ${at.key} has caught up.`,
      remedy: isReplaced ? 'It votes in place of the member that it was.' : 'It becomes a voter.',
      voters: [...rule.voters.filter((each) => !samePooler(each, member)), member],
      learners: rule.learners.filter((each) => !samePooler(each, member)),
    });
    if (step !== undefined) return step;
  }
  return undefined;
}

function shallVote(view: ShardView, { key, id }: ObservedMember, rule: Rule): boolean {
  const wish = view.wishes.get(key);
  if (wish !== undefined) return wish === 'voter';
  const others = rule.voters.filter(({ pooler }) => poolerKey(pooler) !== key);
  // It was a voter before it was cloned; or its cell has no other.
  return others.length < rule.voters.length || others.every(({ pooler }) => pooler?.cell !== id.cell);
}

function hasCaughtUp(status: MemberStatus | undefined, head: Head): boolean {
  const { following } = status ?? {};
  if (following?.streaming !== true || !following.joined || !sameMember(following.leader, head.member)) return false;
  return (head.at.position?.flushedLsn ?? 0n) - following.receivedLsn <= closeBytes;
}

/** Somebody follows who is not in the rule yet. */
function learner(view: ShardView, rule: Rule): StepToward | undefined {
  for (const at of view.heard) {
    const { member, following, data } = at.status?.member ?? {};
    if (member === undefined || data !== DataState.FINE || following?.streaming !== true || !isWanted(view, at))
      continue;
    // A new incarnation of a voter is not named beside the old one: it takes its place when it has caught up.
    if ([...rule.voters, ...rule.learners].some((each) => samePooler(each, member))) {
      const old = rule.learners.find((each) => samePooler(each, member) && !sameMember(each, member));
      if (old === undefined) continue;
    }
    const step = stepOf(view, rule, {
      ...{ kind: 'newMember', subject: at.key, explanation: `${at.key} follows, and is not in the rule yet.` },
      remedy: 'It becomes a learner.',
      voters: rule.voters,
      learners: [...rule.learners.filter((each) => !samePooler(each, member)), member],
    });
    if (step !== undefined) return step;
  }
  return undefined;
}

function policyStep(view: ShardView, rule: Rule): StepToward | undefined {
  const { policy } = view;
  if (policy === undefined || (rule.policy?.name === policy.name && rule.policy.n === policy.n)) return undefined;
  if (refusePolicy(create(RuleSchema, { ...rule, policy })) !== undefined) return undefined;
  return stepOf(view, rule, {
    ...{ kind: 'policyDiffers', subject: '' },
    explanation: `The durability policy shall be ${policy.name} with ${policy.n}.`,
    remedy: 'The leader makes a rule with it.',
    voters: rule.voters,
    learners: rule.learners,
  });
}

/** One more loss would stop writes, and a voter is missing already; or the cohort cannot meet the policy that is wanted. Told only. */
export function cohortTooSmall(view: ShardView): Finding[] {
  const [rule] = view.live;
  if (rule === undefined) return [];
  const problem = { kind: 'cohortTooSmall', subject: '' } as const;
  const { policy } = view;
  const refused = policy === undefined ? undefined : refusePolicy(create(RuleSchema, { ...rule, policy }));
  if (refused !== undefined) {
    const explanation = `The cohort cannot meet the durability policy that is wanted: ${refused.message}.`;
    return [{ ...problem, explanation, remedy: 'It applies as soon as enough members have joined.' }];
  }
  const present = rule.voters.filter((each) => isPresent(view, each));
  const missing = rule.voters.filter((each) => !isPresent(view, each)).map(memberKey);
  if (missing.length === 0) return [];
  const survives = present.every((lost) =>
    isQuorum(
      rule.policy,
      present.filter((each) => each !== lost),
      rule.voters,
    ),
  );
  if (survives) return [];
  const explanation = `${missing.join(', ')} not heard: one more loss would stop writes.`;
  return [{ ...problem, explanation, remedy: 'Bring it back, or add a member.' }];
}
