import { PgError, sqlstate } from '@multigres/core';
import type { MemberId, Policy } from '@multigres/rpc';

/** 0A000: a policy of another version, or misspelt. What its quorums are is never guessed. */
export function unknownPolicy(name: string, known: readonly string[]): PgError {
  return new PgError({
    sqlstate: sqlstate.featureNotSupported,
    message: `durability policy "${name}" is not known`,
    hint: `Use one of ${known.join(', ')}.`,
  });
}

/** 22023: nothing would have to be on any disk. */
export function policyNeedsNumber(name: string): PgError {
  return new PgError({
    sqlstate: sqlstate.invalidParameterValue,
    message: `durability policy ${name} needs a number of at least 1`,
    hint: 'The leader counts: 1 means that its own disk is enough, 2 that one follower must have each transaction.',
  });
}

/** 22023: nobody could ever lead. */
export function noVoters(): PgError {
  return new PgError({
    sqlstate: sqlstate.invalidParameterValue,
    message: 'a shard needs at least one voter',
    hint: 'The last voter cannot be removed: add another member first.',
  });
}

/** 22023: a pooler votes twice, or votes and learns. */
export function memberTwice(member: string): PgError {
  return new PgError({
    sqlstate: sqlstate.invalidParameterValue,
    message: `${member} is named twice in the cohort`,
    hint: 'A pooler has one data directory: name only its present incarnation, either as voter or as learner.',
  });
}

/** 22023: who leads must count. */
export function leaderIsNoVoter(leader: string): PgError {
  return new PgError({
    sqlstate: sqlstate.invalidParameterValue,
    message: `the leader (${leader}) is not one of the voters`,
    hint: 'Switch over to another member first, then remove this one.',
  });
}

/** 22023: no commit would ever be acknowledged. */
export function policyCannotBeMet(policy: Policy, voters: readonly MemberId[]): PgError {
  const cells = new Set(voters.map(({ pooler }) => pooler?.cell ?? '')).size;
  return new PgError({
    sqlstate: sqlstate.invalidParameterValue,
    message: `durability policy ${policy.name} with ${policy.n} cannot be met by the cohort`,
    detail: `The cohort has ${voters.length} voters in ${cells} cells.`,
    hint: 'Add members first, or choose a smaller number.',
  });
}

/** XX000: a member without a fit name cannot be told from others by Postgres. */
export function unfitNonce(nonce: string): PgError {
  return new PgError({ sqlstate: sqlstate.internalError, message: `"${nonce}" is no nonce of 16 hexadecimal digits` });
}
