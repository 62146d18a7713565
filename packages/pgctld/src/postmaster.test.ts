import { describe, expect, test } from 'vitest';
import { judgeIdentity } from './postmaster-identity.ts';
import { parsePostmasterPid, withDeadPid } from './postmaster-pid.ts';

const file = '4711\n/pg/data\n1700000000\n5432\n/run\nlocalhost\n  5432001    196608\nready   \n';

describe('postmaster.pid', () => {
  test('is read whole', () => {
    expect(parsePostmasterPid(file)).toEqual({
      pid: 4711,
      dataDirectory: '/pg/data',
      startedAtS: 1_700_000_000,
      port: 5432,
      socketDirectory: '/run',
      listenAddress: 'localhost',
      sharedMemory: { key: 5_432_001, id: 196_608 },
      phase: 'ready',
    });
  });

  test('is a starting server while lines are missing', () => {
    expect(parsePostmasterPid('4711\n/pg/data\n1700000000\n5432\n')?.phase).toBe('starting');
  });

  test.each(['', '\n', 'x\n/pg\n1\n', '4711'])('%j is not one yet', (text) => {
    expect(parsePostmasterPid(text)).toBeUndefined();
  });

  test('of a single-user server has a negative pid', () => {
    expect(parsePostmasterPid(file.replace('4711', '-4711'))?.pid).toBe(4711);
  });

  test('can be made to name nobody, and nothing else changes', () => {
    expect(withDeadPid(file, 999)).toBe(file.replace('4711', '999'));
  });
});

describe('whether a process is our server', () => {
  test.each([
    ['/usr/bin/postgres\0-D\0/pg/data\0-c\0port=1\0', 'ours'],
    ['/usr/bin/postgres\0-D/pg/data/\0', 'ours'],
    ['/usr/bin/postgres\0-D\0/other/data\0', 'other'],
    ['postgres: checkpointer \0', 'other'],
    ['/usr/bin/nginx\0-D\0/pg/data\0', 'other'],
    ['/usr/bin/postgres\0', 'unsure'],
    ['/usr/bin/postgres\0-D\0data\0', 'unsure'],
    ['', 'unsure'],
  ])('%j is %s', (commandLine, identity) => {
    expect(judgeIdentity(commandLine, '/pg/data')).toBe(identity);
  });
});
