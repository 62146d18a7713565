import { expect, test } from 'vitest';
import { startTrouble } from './start-trouble.ts';

const at = '2026-11-21 12:00:00.000 UTC';
const evidence = (collectedLog: string, startupLog = ''): Parameters<typeof startTrouble>[0] => ({
  collectedLog,
  startupLog,
  pid: 42,
  exit: 'exit code 1',
});

test.each([
  ['could not bind IPv4 address "127.0.0.1": Address already in use', '58000', 'its address 127.0.0.1 is in use'],
  ['could not write to file "pg_wal/x": No space left on device', '53100', 'the disk is full'],
  ['lock file "postmaster.pid" already exists', '55000', 'another server may be using the data directory'],
  [
    'lock file "/run/.s.PGSQL.5432.lock" already exists',
    '58000',
    'socket is in use (lock file "/run/.s.PGSQL.5432.lock")',
  ],
  ['pre-existing shared memory block (key 1, ID 2) is still in use', '55000', 'processes of an earlier server'],
  ['could not map anonymous shared memory: Cannot allocate memory', '53200', 'too little memory'],
  ['configuration file "/etc/x.conf" contains errors', '22023', 'the configuration file "/etc/x.conf" contains errors'],
  ['could not locate a valid checkpoint record', '58000', 'could not locate a valid checkpoint record'],
])('%s', (line, sqlstate, words) => {
  const trouble = startTrouble(evidence(`${at} [42] FATAL:  ${line}\n`));
  expect([trouble.sqlstate, trouble.message]).toEqual([sqlstate, expect.stringContaining(words)]);
  expect(trouble.detail).toContain(line);
});

test('names both versions when the data is of another one', () => {
  const log = [
    `${at} [42] FATAL:  database files are incompatible with server`,
    `${at} [42] DETAIL:  The data directory was initialized by PostgreSQL version 15, which is not compatible with this version 17.5 (Debian 17.5-1).`,
  ].join('\n');
  expect(startTrouble(evidence(log)).message).toBe(
    'Postgres cannot start: the data directory was made by PostgreSQL 15, the programs are 17.5',
  );
});

test('does not blame this start for what an earlier one said', () => {
  const log = `${at} [41] FATAL:  lock file "postmaster.pid" already exists\n${at} [42] LOG:  starting\n${at} [43] PANIC:  bad WAL\n`;
  const trouble = startTrouble(evidence(log));
  expect(trouble.message).toBe('Postgres cannot start: bad WAL');
  expect(trouble.detail).not.toContain('[41]');
});

test('says how the process ended when it said nothing', () => {
  expect(startTrouble(evidence('')).message).toBe('Postgres ended while starting (exit code 1)');
});
