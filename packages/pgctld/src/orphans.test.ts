import { describe, expect, test } from 'vitest';
import { attachedTo, mapsSegment } from './orphans.ts';

const segment = { key: 10_161_586, id: 3_571_760 };

const listing = `       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid
  10161586    3571760   600                    56 18170 18170      6 65534 65534 65534 65534
         0    3571761  1600                    64     1     1      2     0     0     0     0
`;

describe('the processes of a dead postmaster', () => {
  test('are counted by the shared memory that they have mapped', () => {
    expect([attachedTo(listing, segment), attachedTo(listing, { key: 1, id: 2 })]).toEqual([6, undefined]);
  });

  test.each([
    ['7f2c4a000000-7f2c4a001000 rw-s 00000000 00:01 3571760    /SYSV009b0db2 (deleted)', true],
    ['7f2c4a000000-7f2c4a001000 rw-s 00000000 00:01 3571761    /SYSV009b0db2 (deleted)', false],
    ['7f2c4a000000-7f2c4a001000 rw-s 00000000 00:01 3571760    /SYSV009b0db3 (deleted)', false],
    ['7f2c4a000000-7f2c4a001000 rw-s 00000000 00:01 3571760    /dev/zero (deleted)', false],
    ['7f2c4a000000-7f2c4a001000 rw-p 00000000 00:00 0', false],
  ])('%s: %s', (line, holds) => {
    expect(mapsSegment(`55d0-55d1 r--p 00000000 fe:00 12   /usr/bin/postgres\n${line}\n`, segment)).toBe(holds);
  });
});
