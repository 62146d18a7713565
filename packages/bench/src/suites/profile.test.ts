import { expect, test } from 'vitest';
import { dearest } from './profile.ts';

const frame = (
  functionName: string,
  url: string,
  lineNumber: number,
): { functionName: string; url: string; lineNumber: number } => ({
  functionName,
  url,
  lineNumber,
});

const feed = frame('feed', 'file:///home/ada/mg/packages/relay/src/frame.ts', 203);
const profile = {
  nodes: [
    { id: 1, callFrame: frame('(root)', '', -1) },
    { id: 2, callFrame: frame('(idle)', '', -1) },
    { id: 3, callFrame: feed },
    { id: 4, callFrame: feed },
    { id: 5, callFrame: frame('writev', '', -1) },
  ],
  startTime: 10_000,
  samples: [2, 3, 4, 5, 3],
  timeDeltas: [5000, 1000, 2000, 500, 1000],
};

test('self times of one function called from several places are added up, and waiting is left out', () => {
  expect(dearest(profile, [0, 1e9])).toEqual({
    busyMs: 4.5,
    functions: [
      { name: 'feed', place: 'packages/relay/src/frame.ts:204', selfMs: 4 },
      { name: 'writev', place: '', selfMs: 0.5 },
    ],
  });
});

test('what was sampled before and after the load does not count', () => {
  expect(dearest(profile, [17_000, 18_500]).functions.map(({ name, selfMs }) => [name, selfMs])).toEqual([
    ['feed', 2],
    ['writev', 0.5],
  ]);
});
