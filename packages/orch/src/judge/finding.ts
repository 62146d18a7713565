import type { ComponentIdMessage, Leadership, MemberId, Policy, RuleNumber } from '@multigres/rpc';

/** The kinds of problem, by the names that people see. */
export type ProblemKind =
  | 'notBootstrapped'
  | 'notRecorded'
  | 'leaderLost'
  | 'leaderCannotCommit'
  | 'proposalStuck'
  | 'promisedElsewhere'
  | 'staleLeader'
  | 'notReplicating'
  | 'notJoining'
  | 'diverged'
  | 'noData'
  | 'newMember'
  | 'learnerCaughtUp'
  | 'memberReplaced'
  | 'memberRemoved'
  | 'policyDiffers'
  | 'cohortTooSmall'
  | 'foreignData'
  | 'mixedMajors';

/** Something to do. Each is fenced by a ballot or a rule number, and harmless when it is done twice. */
export type Action =
  | { readonly kind: 'bootstrap'; readonly pooler: string }
  | { readonly kind: 'recordBootstrap'; readonly systemIdentifier: bigint }
  /** `avoid`: who shall not lead, if others can. */
  | { readonly kind: 'failover'; readonly avoid: string | undefined }
  | { readonly kind: 'switchover'; readonly successor: ComponentIdMessage }
  | { readonly kind: 'setPrimary'; readonly pooler: string; readonly rule: RuleNumber; readonly leader: MemberId }
  | {
      readonly kind: 'rejoin';
      readonly pooler: string;
      /** Of the data directory that is meant; empty if it told none. */
      readonly incarnation: string;
      readonly clone: boolean;
      /** Not to be cloned, whatever comes of it: the rule that is being proposed may need this very member. */
      readonly rewindOnly: boolean;
      readonly rule: RuleNumber;
      readonly leader: MemberId;
      readonly leaderships: readonly Leadership[];
    }
  | {
      readonly kind: 'updateRule';
      readonly leader: string;
      readonly expected: RuleNumber;
      readonly voters: readonly MemberId[];
      readonly learners: readonly MemberId[];
      readonly policy: Policy | undefined;
    };

/** Something that is not as it should be. */
export interface Finding {
  readonly kind: ProblemKind;
  /** Which pooler it is about; empty for the shard as a whole. Kind and subject make it the same problem from one look to the next. */
  readonly subject: string;
  /** What was seen, as a sentence. */
  readonly explanation: string;
  /** What is done about it, or why nothing is, as a sentence. */
  readonly remedy: string;
  readonly action?: Action;
  /** How long it must have been seen before the action: others may be about to do it. */
  readonly afterMs?: number;
}

/** Actions of one slot never run at once; those of different slots never wait for each other. */
export function slotOf(action: Action): string {
  switch (action.kind) {
    case 'setPrimary':
    case 'rejoin':
      return `pooler ${action.pooler}`;
    case 'updateRule':
      return 'rule';
    case 'recordBootstrap':
      return 'record';
    default:
      return 'leader';
  }
}
