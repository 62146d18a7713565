import { compareBallots, compareRuleNumbers, historyHash } from '@multigres/consensus';
import {
  create,
  LeadershipSchema,
  MemberRole,
  type DataState,
  type MemberStatusSchema,
  type MessageInitShape,
  type Position,
} from '@multigres/rpc';
import type { LeaderSight } from './commit-probe.ts';
import type { Sight } from './member-sight.ts';
import { leads, type MemberState, type Role } from './member.machine.ts';

/** All that a status is made of. */
export interface StatusParts {
  readonly state: MemberState;
  readonly data: DataState;
  /** Why there is no member; empty if there is. */
  readonly trouble: string;
  readonly sight: Sight | undefined;
  readonly leader: LeaderSight | undefined;
  readonly isOpen: boolean;
  readonly stalledMs: number;
  readonly systemIdentifier: bigint;
  /** Empty: sessions may read here as at a follower. */
  readonly whyNoReads: string;
}

type Status = MessageInitShape<typeof MemberStatusSchema>;

const roles = {
  idle: MemberRole.IDLE,
  follower: MemberRole.FOLLOWER,
  proposing: MemberRole.PROPOSING,
  leader: MemberRole.LEADER,
  resigned: MemberRole.RESIGNED,
} as const satisfies Record<Role['kind'], MemberRole>;

/** What orchestrators and gateways are told. */
export function memberStatus(parts: StatusParts): Status {
  const { state, sight, leader, isOpen } = parts;
  const position = sight?.up === true ? ownPosition(state.role, sight.position) : undefined;
  return {
    ...(state.self && { member: state.self }),
    role: roles[state.role.kind],
    ...(leads(state.role) && state.role.rule.number && { leading: state.role.rule.number }),
    ...(state.promise && { promise: { ballot: state.promise } }),
    ...(position && { position: leader === undefined ? position : { ...position, flushedLsn: leader.flushedLsn } }),
    open: isOpen,
    closedReason: isOpen ? '' : closedReason(parts),
    commitStalledMs: parts.stalledMs,
    durableLsn: leader?.durableLsn ?? 0n,
    ...following(state, sight),
    followers: [...(leader?.followers ?? [])],
    systemIdentifier: parts.systemIdentifier,
    postgresUp: sight?.up ?? false,
    data: parts.data,
    busy: state.deed?.order.kind ?? '',
    readsOpen: parts.whyNoReads === '',
    readsClosedReason: leads(state.role) ? '' : parts.whyNoReads,
    measuredMs: BigInt(Math.floor(sight?.atMs ?? 0)),
  };
}

/**
 * The row of a proposal cannot be read before its commit has returned, not even by who has written it; yet it is in the log, and those whose logs have
 * parted from this one must be told.
 */
function ownPosition(role: Role, position: Position | undefined): Position | undefined {
  if (position === undefined || role.kind !== 'proposing') return position;
  const { rule } = role;
  if (compareRuleNumbers(position.rule?.number, rule.number) >= 0) return position;
  const last = position.leaderships.at(-1);
  const isNew = compareBallots(last?.ballot, rule.number?.ballot) !== 0;
  const own = create(LeadershipSchema, {
    ...(rule.number?.ballot && { ballot: rule.number.ballot }),
    timeline: rule.timeline,
    startLsn: rule.timelineStartLsn,
  });
  const leaderships = isNew ? [...position.leaderships, own] : position.leaderships;
  const outgoing = [...(position.rule ? [position.rule] : []), ...(position.decided ? [] : position.outgoing)];
  const { timeline } = rule;
  return { ...position, rule, decided: false, outgoing, timeline, leaderships, history: historyHash(leaderships) };
}

function closedReason({ state, trouble, sight }: StatusParts): string {
  if (state.self === undefined) return trouble;
  if (sight?.up !== true) return 'Postgres does not answer';
  if (state.role.kind === 'leader') return 'no commit has reached the quorum lately';
  return `it is ${state.role.kind}`;
}

/** A promotion of its own that its log does not account for, and that the leader's has not overruled yet, has made it another log. */
function following({ role, attempts }: MemberState, sight: Sight | undefined): Pick<Status, 'following'> {
  if (role.kind !== 'follower' || leads(role)) return {};
  const { rule, leader } = role.of;
  const known = sight?.history.leaderships ?? [];
  const stray = attempts.some((ballot) => !known.some((each) => compareBallots(each.ballot, ballot) === 0));
  return {
    following: {
      ...(leader && { leader }),
      ...(rule && { rule }),
      streaming: sight?.streaming ?? false,
      joined: role.counted,
      receivedLsn: sight?.receivedLsn ?? 0n,
      replayedLsn: sight?.replayedLsn ?? 0n,
      trouble: '',
      diverged: stray && !role.counted,
    },
  };
}
