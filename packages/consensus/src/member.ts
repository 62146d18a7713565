import type { MemberId, Rule } from '@multigres/rpc';

/** One text for each member, fit as a key of maps: `cell/name@incarnation`. Cells and names hold no `/` or `@`. */
export function memberKey(member: MemberId): string {
  return `${member.pooler?.cell ?? ''}/${member.pooler?.name ?? ''}@${member.incarnation}`;
}

/** Same pooler and same incarnation of its data directory. Absent ones are nobody, not each other. */
export function sameMember(a: MemberId | undefined, b: MemberId | undefined): boolean {
  return a !== undefined && b !== undefined && memberKey(a) === memberKey(b);
}

/** The same pooler, whichever its data directory is. */
export function samePooler(a: MemberId | undefined, b: MemberId | undefined): boolean {
  if (a?.pooler === undefined || b?.pooler === undefined) return false;
  return a.pooler.cell === b.pooler.cell && a.pooler.name === b.pooler.name;
}

export function isAmong(member: MemberId | undefined, members: readonly MemberId[]): boolean {
  return members.some((other) => sameMember(member, other));
}

/** Each member once, in the order of their first mention. */
export function distinctMembers(members: Iterable<MemberId>): MemberId[] {
  const known = new Map<string, MemberId>();
  for (const member of members) if (!known.has(memberKey(member))) known.set(memberKey(member), member);
  return [...known.values()];
}

/** Voters, learners and leader of all these rules: who must hear of a new ballot. */
export function membersOf(rules: readonly Rule[]): MemberId[] {
  return distinctMembers(
    rules.flatMap(({ leader, voters, learners }) => [
      ...(leader === undefined ? [] : [leader]),
      ...voters,
      ...learners,
    ]),
  );
}
