import { expect, test } from 'vitest';
import { parseRewindReport } from './rewind-report.ts';

test('pg_rewind tells where the histories parted', () => {
  const lines = [
    'pg_rewind: connected to server',
    'pg_rewind: servers diverged at WAL location 1F/AB0000D8 on timeline 12',
    'pg_rewind: rewinding from last common checkpoint at 1F/AA000028 on timeline 12',
    'pg_rewind: Done!',
  ];
  expect(parseRewindReport(lines)).toEqual({
    divergence: { timeline: 12, lsn: 0x1f_ab00_00d8n },
    unchanged: false,
    begun: true,
  });
});

test('pg_rewind tells that there is nothing to do, with or without a place where the histories parted', () => {
  const nothing = { unchanged: true, begun: false };
  expect(parseRewindReport(['pg_rewind: no rewind required'])).toMatchObject({ ...nothing, divergence: undefined });
  const forked = 'pg_rewind: servers diverged at WAL location 0/3000148 on timeline 1';
  expect(parseRewindReport([forked, 'pg_rewind: no rewind required'])).toMatchObject(nothing);
});

test('pg_rewind that fails early has not begun', () => {
  const lines = ['pg_rewind: error: source and target clusters are from different systems'];
  expect(parseRewindReport(lines)).toEqual({ divergence: undefined, unchanged: false, begun: false });
});
