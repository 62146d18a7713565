import { PgError } from '@multigres/core';
import { expect, test } from 'vitest';
import { CliError } from './errors.ts';
import { failureReport } from './failure-report.ts';

test('a failure is one line, what shows it, and what to do', () => {
  const error = new CliError('it is broken', { quoted: ['log line'], hint: 'Mend it.', exitCode: 3 });
  expect(failureReport(error)).toEqual({
    lines: ['multigres: it is broken', '  | log line', 'hint: Mend it.'],
    exitCode: 3,
  });
});

test('a PgError keeps its SQLSTATE', () => {
  const error = new PgError({ sqlstate: '53100', message: 'disk full', detail: 'a\nb', hint: 'Free space.' });
  expect(failureReport(error).lines).toEqual([
    'multigres: disk full (SQLSTATE 53100)',
    '  | a',
    '  | b',
    'hint: Free space.',
  ]);
});

test('what the operating system has against a file is no bug', () => {
  const denied = Object.assign(new Error('EACCES: permission denied, open x'), { code: 'EACCES', syscall: 'open' });
  expect(failureReport(denied).lines[0]).toBe('multigres: EACCES: permission denied, open x');
});

test('a bug keeps its stack', () => {
  expect(failureReport(new TypeError('x is not a function')).lines[0]).toMatch(
    /internal error: TypeError: x is not a function[\s\S]*failure-report\.test/,
  );
});
