import { compareBallots, compareRuleNumbers, historyHash } from '@multigres/consensus';
import { PgError, sqlstate } from '@multigres/core';
import {
  BallotSchema,
  create,
  fromBinary,
  LeadershipSchema,
  RuleListSchema,
  RuleNumberSchema,
  RuleSchema,
  toBinary,
  type Leadership,
  type MessageShape,
  type Rule,
  type RuleNumber,
} from '@multigres/rpc';
import type { Row } from '../backend/admin-queries.ts';
import { malformedRule } from '../errors.ts';
import { decideRuleSql, insertRuleSql, memberSql } from './member-sql.ts';

/** A row of `multigres.rule`. */
export interface RuleRow {
  readonly rule: Rule;
  readonly decided: boolean;
  /** All that may have been live when this one was proposed, newest first, and may be until this one is known to be decided. */
  readonly outgoing: readonly Rule[];
}

/** All that a log tells of rules. */
export interface RuleHistory {
  readonly newest: RuleRow | undefined;
  /** Oldest first, one for each ballot. */
  readonly leaderships: readonly Leadership[];
  readonly hash: string;
}

export const noRules: RuleHistory = { newest: undefined, leaderships: [], hash: historyHash([]) };

type Ask = (sql: string) => Promise<readonly Row[]>;

/** Reads the whole table. A database without one has no rules yet. Never locks. Rejects with a PgError. */
export async function readRules(ask: Ask): Promise<RuleHistory> {
  const rows = await askTable(ask, memberSql.rules);
  return historyOf(rows.map(ruleRow));
}

/** Text that is another one when a rule was added or decided. */
export async function rulesFingerprint(ask: Ask): Promise<string> {
  return JSON.stringify(await askTable(ask, memberSql.newestRules));
}

/** Resolves when the commit returned, which is when a quorum by the names in force has it. */
export async function writeRule(ask: Ask, rule: Rule, outgoing: readonly Rule[]): Promise<void> {
  const before = toBinary(RuleListSchema, create(RuleListSchema, { rules: [...outgoing] }));
  await ask(insertRuleSql(numberOf(rule), toBinary(RuleSchema, rule), before));
}

export async function markDecided(ask: Ask, rule: Rule): Promise<void> {
  await ask(decideRuleSql(numberOf(rule)));
}

/** `rows` in any order. */
export function historyOf(rows: readonly RuleRow[]): RuleHistory {
  const sorted = rows.toSorted((a, b) => compareRuleNumbers(a.rule.number, b.rule.number));
  const leaderships: Leadership[] = [];
  for (const { rule } of sorted) {
    const ballot = rule.number?.ballot;
    if (ballot === undefined || compareBallots(leaderships.at(-1)?.ballot, ballot) === 0) continue;
    leaderships.push(create(LeadershipSchema, { ballot, timeline: rule.timeline, startLsn: rule.timelineStartLsn }));
  }
  return { newest: sorted.at(-1), leaderships, hash: historyHash(leaderships) };
}

function numberOf(rule: Rule): RuleNumber {
  return rule.number ?? create(RuleNumberSchema, { ballot: create(BallotSchema) });
}

async function askTable(ask: Ask, sql: string): Promise<readonly Row[]> {
  try {
    return await ask(sql);
  } catch (error) {
    if (error instanceof PgError && error.sqlstate === sqlstate.undefinedTable) return [];
    throw error;
  }
}

function ruleRow([term, , , subterm, decided, record, outgoing]: Row): RuleRow {
  const rule = decoded(RuleSchema, record);
  const number = rule?.number;
  if (rule === undefined || String(number?.ballot?.term) !== term || String(number?.subterm) !== subterm)
    throw malformedRule(`term ${term}, subterm ${subterm}`);
  return { rule, decided: decided === 't', outgoing: decoded(RuleListSchema, outgoing)?.rules ?? [] };
}

/** As text, `bytea` is `\x` and hexadecimal digits (PostgreSQL documentation, "bytea Hex Format"). */
function decoded<S extends typeof RuleSchema | typeof RuleListSchema>(
  schema: S,
  text: string | null | undefined,
): MessageShape<S> | undefined {
  if (text === null || text === undefined) return undefined;
  if (!/^\\x([0-9a-f]{2})*$/.test(text)) throw malformedRule('its record is not shown in hexadecimal digits');
  const bytes = Uint8Array.from({ length: text.length / 2 - 1 }, (_, at) =>
    Number.parseInt(text.slice(2 + 2 * at, 4 + 2 * at), 16),
  );
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw malformedRule(error instanceof Error ? error.message : String(error));
  }
}
