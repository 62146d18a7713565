import { describe, expect, it } from 'vitest';
import { PgError } from './pg-error.ts';
import { sqlstate } from './sqlstate.ts';

describe('a PgError', () => {
  it('is an ERROR of work that was not applied, unless it says otherwise', () => {
    const error = new PgError({ sqlstate: '53300', message: 'sorry, too many clients already' });
    expect([error.sqlstate, error.message, error.fate]).toEqual([
      '53300',
      'sorry, too many clients already',
      'notApplied',
    ]);
    expect(error.report).toEqual({
      severity: 'ERROR',
      sqlstate: '53300',
      message: 'sorry, too many clients already',
    });
  });

  it('keeps every field and its cause, and the fate is no field of the report', () => {
    const cause = new Error('reset');
    const error = new PgError(
      { severity: 'FATAL', fate: 'unknown', sqlstate: '08006', message: 'lost', hint: 'Retry.' },
      cause,
    );
    expect(error.report).toEqual({ severity: 'FATAL', sqlstate: '08006', message: 'lost', hint: 'Retry.' });
    expect([error.fate, error.cause]).toEqual(['unknown', cause]);
  });

  it('every SQLSTATE has five characters of digits and capitals, and no two conditions share one', () => {
    const all = Object.values(sqlstate);
    for (const code of all) expect(code).toMatch(/^[0-9A-Z]{5}$/);
    expect(new Set(all).size).toBe(all.length);
  });
});
