import { describe, expect, it } from 'vitest';
import { overdue, type SessionActivity, type SessionTimeouts } from './session-timeout.ts';

const limits: SessionTimeouts = {
  idleSessionMs: 100,
  idleInTransactionMs: 200,
  statementMs: 300,
  transactionMs: 1_000,
};
const none: SessionTimeouts = { idleSessionMs: 0, idleInTransactionMs: 0, statementMs: 0, transactionMs: 0 };

/** `end 57P05`, `cancel 57014` or undefined. */
function verdict(activity: SessionActivity, nowMs: number, of: SessionTimeouts = limits): string | undefined {
  const late = overdue(activity, nowMs, of);
  return late && `${late.act} ${late.error.sqlstate}`;
}

describe('a session is overdue', () => {
  it.each([
    ['idle', undefined, 99, undefined],
    ['idle', undefined, 100, 'end 57P05'],
    ['idleInTransaction', 0, 199, undefined],
    ['idleInTransaction', 0, 200, 'end 25P03'],
    ['active', 0, 299, undefined],
    ['active', 0, 300, 'cancel 57014'],
    ['active', -700, 300, 'cancel 25P04'],
    ['idleInTransaction', -900, 100, 'end 25P04'],
    ['betweenMessages', 0, 999, undefined],
    ['betweenMessages', 0, 1_000, 'end 25P04'],
  ] as const)('%s, in a transaction since %s, at %i: %s', (state, transactionSinceMs, nowMs, expected) => {
    const activity = { state, sinceMs: 0, transactionSinceMs };
    expect(verdict(activity, nowMs)).toBe(expected);
    expect(verdict(activity, nowMs, none)).toBeUndefined();
  });
});
