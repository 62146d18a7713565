import { MemberRole, type PoolerStatus, type RuleNumber } from '@multigres/rpc';
import {
  durableLsn,
  lagBytes,
  ruleOf,
  whyNoReads,
  whyNotLeader,
  type PoolerSight,
  type ReplicaLimits,
  type ShardView,
} from './shard-view.ts';

/** A pooler of the shard as this gateway sees it, for the console: SHOW POOLERS. */
export interface PoolerView {
  /** Cell and name. */
  readonly name: string;
  readonly role: string;
  /** `term.subterm` of the newest rule in its log; empty if it told none. */
  readonly rule: string;
  /** What is asked for goes there. */
  readonly isLeader: boolean;
  readonly servesReads: boolean;
  readonly isConnected: boolean;
  /** Sessions of this gateway that have a channel there. */
  readonly channels: number;
  /** Bytes of log that it has still to replay; undefined for who does not follow. */
  readonly lagBytes: number | undefined;
  /** Since it was heard last; undefined if it never was. */
  readonly silentMs: number | undefined;
  /** Why nothing goes there, or nothing but reads. */
  readonly reason: string;
  readonly noReadsReason: string;
}

const roleNames: Readonly<Record<MemberRole, string>> = {
  [MemberRole.UNSPECIFIED]: '',
  [MemberRole.IDLE]: 'idle',
  [MemberRole.FOLLOWER]: 'follower',
  [MemberRole.PROPOSING]: 'proposing',
  [MemberRole.LEADER]: 'leader',
  [MemberRole.RESIGNED]: 'resigned',
};

/** `channels`: of the pooler of that name. */
export function poolerViews(
  view: ShardView,
  channels: (name: string) => number,
  limits: ReplicaLimits,
  nowMs: number,
): PoolerView[] {
  const durable = durableLsn(view);
  return [...view.poolers.values()].map((sight: PoolerSight) => {
    const { name, status, linked, heardMs } = sight;
    const reason = whyNotLeader(view, sight);
    const noReadsReason = whyNoReads(sight, durable, limits, nowMs);
    return {
      name,
      role: roleOf(status),
      rule: ruleText(ruleOf(status)),
      isLeader: view.leader === name,
      servesReads: noReadsReason === '',
      isConnected: linked,
      channels: channels(name),
      lagBytes: status?.member?.following === undefined ? undefined : lagBytes(sight, durable),
      silentMs: status === undefined ? undefined : nowMs - heardMs,
      reason,
      noReadsReason,
    };
  });
}

function roleOf(status: PoolerStatus | undefined): string {
  if (status === undefined) return '';
  return status.member === undefined ? 'alone' : (roleNames[status.member.role] ?? '');
}

function ruleText(rule: RuleNumber | undefined): string {
  return rule === undefined ? '' : `${rule.ballot?.term ?? 0n}.${rule.subterm}`;
}
