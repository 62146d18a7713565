import { PgError, type Clock } from '@multigres/core';
import type { Position } from '@multigres/rpc';
import type { Row } from '../backend/admin-queries.ts';
import { lsnOf, positionOf } from './log-position.ts';
import { memberSql } from './member-sql.ts';
import type { PostgresAdmin } from './postgres-admin.ts';
import { noRules, readRules, rulesFingerprint, type RuleHistory } from './rule-table.ts';

/** What a look at Postgres has shown. Nothing of it locks or waits for a quorum. */
export interface Sight {
  readonly atMs: number;
  readonly up: boolean;
  readonly inRecovery: boolean;
  readonly history: RuleHistory;
  /** Another one when rules were added or decided. */
  readonly rulesKey: string;
  readonly position: Position | undefined;
  readonly streaming: boolean;
  readonly receivedLsn: bigint;
  readonly replayedLsn: bigint;
}

/** One look, in as few round trips as it takes; the rules are read anew only if they have changed. */
export async function lookAround(clock: Clock, admin: PostgresAdmin, before: Sight | undefined): Promise<Sight> {
  try {
    const [[state], rulesKey, [receiver]] = await Promise.all([
      admin.ask(memberSql.recovery),
      rulesFingerprint(admin.ask),
      admin.ask(memberSql.walReceiver),
    ]);
    const recovery = state?.[0] === 't';
    const history = rulesKey === before?.rulesKey ? before.history : await readRules(admin.ask);
    const seen = { atMs: clock.nowMs(), up: true, inRecovery: recovery, history, rulesKey };
    return { ...seen, ...(recovery ? standbySight(state, receiver, history) : await primarySight(admin, history)) };
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return {
      ...nothingSeen,
      atMs: clock.nowMs(),
      history: before?.history ?? noRules,
      rulesKey: before?.rulesKey ?? '',
    };
  }
}

type Log = Pick<Sight, 'position' | 'streaming' | 'receivedLsn' | 'replayedLsn'>;

const nothingSeen = {
  up: false,
  inRecovery: false,
  position: undefined,
  streaming: false,
  receivedLsn: 0n,
  replayedLsn: 0n,
};

function standbySight(state: Row | undefined, receiver: Row | undefined, history: RuleHistory): Log {
  const [receivedLsn, replayedLsn] = [lsnOf(state?.[1]) ?? 0n, lsnOf(state?.[2]) ?? 0n];
  const streaming = receiver?.[0] === 'streaming';
  const timeline = streaming ? Number(receiver?.[1] ?? 0) : 0;
  return { streaming, receivedLsn, replayedLsn, position: positionOf(history, replayedLsn, timeline) };
}

async function primarySight({ ask }: PostgresAdmin, history: RuleHistory): Promise<Log> {
  const [end] = await ask(memberSql.primaryEnd);
  const flushedLsn = lsnOf(end?.[0]) ?? 0n;
  const position = positionOf(history, flushedLsn, 0);
  return { streaming: false, receivedLsn: flushedLsn, replayedLsn: flushedLsn, position };
}
