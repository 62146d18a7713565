import { parseLsn } from '@multigres/core';
import { create, PositionSchema, type Position } from '@multigres/rpc';
import type { Row } from '../backend/admin-queries.ts';
import { memberSql } from './member-sql.ts';
import { readRules, type RuleHistory } from './rule-table.ts';

type Ask = (sql: string) => Promise<readonly Row[]>;

/** How far a standby's log goes. */
export interface StandbyEnd {
  /** Undefined: nothing was received since it was started. After a restart it is only the start of a segment. */
  readonly receivedLsn: bigint | undefined;
  readonly replayedLsn: bigint;
}

export async function standbyEnd(ask: Ask): Promise<StandbyEnd> {
  const [row] = await ask(memberSql.standbyEnd);
  return { receivedLsn: lsnOf(row?.[0]), replayedLsn: lsnOf(row?.[1]) ?? 0n };
}

/** Where a primary's log ends on its own disk. */
export async function primaryFlushed(ask: Ask): Promise<bigint> {
  const [row] = await ask(memberSql.primaryEnd);
  return lsnOf(row?.[0]) ?? 0n;
}

/**
 * What the end of the log says. A standby's log ends where it has replayed to: what the startup process has replayed is on disk, and a commit whose
 * record is not whole was never acknowledged. Final only once it has let go.
 */
export async function readPosition(ask: Ask, inRecovery: boolean, known?: RuleHistory): Promise<Position> {
  const history = known ?? (await readRules(ask));
  const flushedLsn = inRecovery ? (await standbyEnd(ask)).replayedLsn : await primaryFlushed(ask);
  return positionOf(history, flushedLsn, await readTimeline(ask));
}

export function positionOf({ newest, leaderships, hash }: RuleHistory, flushedLsn: bigint, timeline: number): Position {
  return create(PositionSchema, {
    ...(newest && { rule: newest.rule }),
    outgoing: [...(newest?.outgoing ?? [])],
    decided: newest?.decided ?? false,
    flushedLsn,
    timeline: Math.max(timeline, newest?.rule.timeline ?? 0),
    history: hash,
    leaderships: [...leaderships],
  });
}

/**
 * From the control file. In this order: a checkpoint after a promotion takes the timeline from the one into the other. On a standby it may lag behind the
 * rules in its table, never behind a promotion of its own.
 */
export async function readTimeline(ask: Ask): Promise<number> {
  const [recovery] = await ask(memberSql.recoveryTimeline);
  const [checkpoint] = await ask(memberSql.checkpointTimeline);
  return Math.max(Number(recovery?.[0] ?? 0), Number(checkpoint?.[0] ?? 0));
}

/** As Postgres writes it; undefined for null. */
export function lsnOf(text: string | null | undefined): bigint | undefined {
  return text === null || text === undefined ? undefined : parseLsn(text);
}
