import { PgError, sqlstate } from '@multigres/core';
import type { ShardKey } from '@multigres/rpc';

/** Our own condition: the call's ballot is below what the member has promised. */
export const ballotBelowPromise = 'MG003';
/** Our own condition: the rule is not the one that the caller believed. */
export const ruleHasChanged = 'MG004';

export function shardText(shard: ShardKey | undefined): string {
  return `${shard?.database ?? ''}/${shard?.tableGroup ?? ''}/${shard?.shard ?? ''}`;
}

/** 42704: no such shard here. */
export function unknownShard(shard: ShardKey | undefined): PgError {
  return new PgError({
    sqlstate: sqlstate.undefinedObject,
    message: `shard "${shardText(shard)}" is not known`,
    hint: 'The topology names the shards: multigres topo ls.',
  });
}

/** 42704: no such pooler in this shard. */
export function unknownPooler(pooler: string, shard: ShardKey): PgError {
  return new PgError({
    sqlstate: sqlstate.undefinedObject,
    message: `shard "${shardText(shard)}" has no pooler "${pooler}"`,
    hint: 'Start the pooler first: it makes itself known in the topology.',
  });
}

/** 55000: nobody leads, so nothing can be changed. */
export function noLeader(shard: ShardKey): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `shard "${shardText(shard)}" has no leader that serves`,
    hint: 'See what is being done about it: multigres shard explain.',
  });
}

/** 55000: the shard has no data yet. */
export function notBootstrapped(shard: ShardKey): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `shard "${shardText(shard)}" has no data yet`,
  });
}

/** 55006: one change of leader at a time. */
export function underWay(what: string): PgError {
  return new PgError({ sqlstate: '55006', message: `${what} is under way`, hint: 'Try again when it has ended.' });
}

/** 55000: a member that cannot lead next. */
export function unfitSuccessor(pooler: string, why: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `"${pooler}" cannot lead`,
    detail: `It ${why}.`,
  });
}

/** 55000: nobody could take over. */
export function noSuccessor(): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: 'no other voter follows closely enough to take over',
    hint: 'Add a member, or wait until one has caught up.',
  });
}

/** 55000: the leader cannot be removed. */
export function removesLeader(pooler: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `"${pooler}" leads and cannot be removed`,
    hint: 'Switch over to another member first.',
  });
}

/** 55000: a server that cannot follow this leader. */
export function cannotJoin(pooler: string, why: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `"${pooler}" cannot join the shard`,
    detail: `${why}.`,
  });
}

/** 57P03: an attempt failed; it will be tried again, or not. */
export function failoverFailed(reason: string): PgError {
  return new PgError({
    sqlstate: sqlstate.cannotConnectNow,
    message: `the leader was not changed: ${reason}`,
    fate: 'unknown',
  });
}

/** 57014: it takes longer than the caller waits; it goes on. */
export function stillJoining(pooler: string): PgError {
  return new PgError({
    sqlstate: sqlstate.queryCanceled,
    message: `"${pooler}" has not caught up yet`,
    hint: 'It goes on joining; ask again.',
    fate: 'unknown',
  });
}

/** XX000: the member's address is not known. */
export function noEndpoint(pooler: string): PgError {
  return new PgError({ sqlstate: sqlstate.internalError, message: `where pooler "${pooler}" listens is not known` });
}

/** 42704: the shard's record was removed meanwhile. */
export function shardGone(shard: ShardKey): PgError {
  return new PgError({
    sqlstate: sqlstate.undefinedObject,
    message: `shard "${shardText(shard)}" is not in the topology any more`,
  });
}

/** 57P03: the change must be written down, and the store is away. */
export function topologyAway(cause: unknown): PgError {
  return new PgError(
    {
      sqlstate: sqlstate.cannotConnectNow,
      message: 'the topology cannot be changed now',
      detail: `${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: 'Nothing was changed in the shard. Try again when etcd can be reached.',
    },
    cause,
  );
}
