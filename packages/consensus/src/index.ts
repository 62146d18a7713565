export { compareBallots, compareRuleNumbers } from './order.ts';
export { distinctMembers, isAmong, memberKey, membersOf, sameMember, samePooler } from './member.ts';
export { isQuorum, policyKinds, refusePolicy, type PolicyKind, type PolicyKinds } from './policy.ts';
export {
  joiningName,
  jointNames,
  namesOfNobody,
  standbyName,
  synchronousNames,
  type JointNames,
} from './standby-names.ts';
export { comparePositions, isSameRule, liveRules } from './position.ts';
export {
  choose,
  intersectsEveryQuorum,
  isEnough,
  type Choice,
  type Preference,
  type Recruited,
} from './recruitment.ts';
export { hasDiverged, hasForked, historyHash, isPrefix, mayRewind, type OwnHistory } from './history.ts';
