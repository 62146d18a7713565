import { describe, expect, it } from 'vitest';
import { WriteLedger } from './write-ledger.ts';

function ledgerOf(...outcomes: readonly ('ok' | 'failed' | 'unknown' | 'owed')[]): WriteLedger {
  const ledger = new WriteLedger();
  for (const outcome of outcomes) {
    const number = ledger.take();
    if (outcome !== 'owed') ledger.note(number, outcome);
  }
  return ledger;
}

describe('the ledger of writes', () => {
  it('misses an acknowledged row that is not there', () => {
    expect(ledgerOf('ok', 'ok', 'ok').judge([0, 2])).toMatchObject({ acknowledged: 3, lost: [1], ghosts: [] });
  });

  it('wonders at a row whose writer was told that it is not there, and at one that nobody wrote', () => {
    expect(ledgerOf('failed', 'ok').judge([0, 1, 7])).toMatchObject({ failed: 1, lost: [], ghosts: [0, 7] });
  });

  it('allows a row of unknown outcome, and one whose answer is owed, to be there or not', () => {
    const outcomes = ['unknown', 'unknown', 'owed', 'owed'] as const;
    expect(ledgerOf(...outcomes).judge([0, 2])).toMatchObject({ unknown: 2, lost: [], ghosts: [] });
  });

  it('remembers many', () => {
    const ledger = ledgerOf(...Array.from({ length: 5000 }, () => 'ok' as const));
    const present = Array.from({ length: 5000 }, (_, number) => number).filter((number) => number !== 4321);
    expect(ledger.judge(present).lost).toEqual([4321]);
  });
});
