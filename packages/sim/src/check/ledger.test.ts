import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { LockOracle } from './lock-oracle.ts';
import { SessionModel } from './session-model.ts';

describe('the ledger', () => {
  function ledger(): Ledger {
    const made = new Ledger();
    for (const key of ['acknowledged', 'refused', 'unknown', 'pending']) made.intend(key, 'user-1');
    made.settle('acknowledged', 'acknowledged');
    made.settle('refused', 'refused');
    made.settle('unknown', 'unknown');
    return made;
  }

  it.each([[['acknowledged']], [['acknowledged', 'unknown', 'pending']]])('has nothing against %j', (found) => {
    expect(ledger().verify(found, 'the store')).toEqual([]);
  });

  it.each([
    [[], 'does not have acknowledged'],
    [['acknowledged', 'refused'], 'has refused, which user-1 was told is not written'],
    [['acknowledged', 'acknowledged'], '2 times'],
    [['acknowledged', 'unknown', 'unknown'], 'has unknown of user-1 2 times'],
    [['acknowledged', 'stranger'], 'has stranger, which nobody wrote'],
  ])('sees what is wrong with %j', (found, sentence) => {
    expect(ledger().verify(found, 'the store').join()).toContain(sentence);
  });
});

describe('the lock oracle', () => {
  it('lets certain intervals of one session or of different times pass, and no others', () => {
    const oracle = new LockOracle();
    expect(oracle.confirm(1, 'a', 0, 10)).toBeUndefined();
    expect(oracle.confirm(1, 'a', 5, 15)).toBeUndefined();
    expect(oracle.confirm(1, 'b', 15, 20)).toBeUndefined();
    expect(oracle.confirm(2, 'b', 0, 20)).toBeUndefined();
    expect(oracle.confirm(1, 'c', 8, 12)).toContain('at the same time');
  });
});

describe('the session model', () => {
  it('undoes with the transaction what was set in it, and ends SET LOCAL with it', () => {
    const model = new SessionModel(new Map([['name', 'start']]));
    model.set('name', 'one');
    model.begin();
    model.set('name', 'two');
    model.setLocal('name', 'three');
    expect(model.expected('name')).toBe('three');
    model.rollback();
    expect(model.expected('name')).toBe('one');
    model.begin();
    model.setLocal('name', 'four');
    model.set('name', 'five');
    expect(model.expected('name')).toBe('five');
    model.commit();
    expect(model.expected('name')).toBe('five');
    model.reset('name');
    expect(model.expected('name')).toBe('start');
  });

  it('knows when it cannot know', () => {
    const model = new SessionModel(new Map([['name', 'start']]));
    model.set('name', undefined);
    expect(model.expected('name')).toBeUndefined();
    model.resetAll();
    expect(model.expected('name')).toBe('start');
  });
});
