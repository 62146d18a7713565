import { fc, it } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { hasDiverged, hasForked, historyHash, isPrefix, mayRewind, type OwnHistory } from './history.ts';
import { ballot, leadership } from './testing/words.ts';

const first = leadership(1, 1, 0);
const second = leadership(2, 2, 100);
const rival = leadership(3, 2, 90);
const third = leadership(4, 3, 200);

function own(leaderships: OwnHistory['leaderships'], more: Partial<OwnHistory> = {}): OwnHistory {
  return { leaderships, attempts: [], flushedLsn: 50n, timeline: leaderships.at(-1)?.timeline ?? 0, ...more };
}

describe('histories', () => {
  const some = fc.array(fc.constantFrom(first, second, rival, third), { maxLength: 4 });
  it.prop([some, some])('have forked if they differ where both have something', (a, b) => {
    const both = Math.min(a.length, b.length);
    const differ = Array.from({ length: both }).some((_, at) => a[at] !== b[at]);
    expect(hasForked(a, b)).toBe(differ);
    expect(historyHash(a) === historyHash(b)).toBe(isPrefix(a, b) && isPrefix(b, a));
    expect(historyHash(a)).toMatch(/^[0-9a-f]{16}$/);
  });

  it('of the same timelines under different ballots have forked', () => {
    expect(hasForked([first, second], [first, leadership(2, 2, 100, 'f')])).toBe(true);
  });
});

describe('a log', () => {
  it.each([
    ['the same', own([first]), [first], false],
    ['the beginning', own([first]), [first, second], false],
    ['the beginning, exactly up to the fork', own([first], { flushedLsn: 100n }), [first, second], false],
    ['longer than where the next timeline began', own([first], { flushedLsn: 101n }), [first, second], true],
    ['already on the next timeline', own([first], { flushedLsn: 150n, timeline: 2 }), [first, second], false],
    ['on a rival of the same number', own([first, rival]), [first, second], true],
    ['ahead of the leader', own([first, second]), [first], true],
    ['without the row of its own promotion', own([first], { attempts: [ballot(9)] }), [first, second], true],
    ['with a promotion that the leader knows', own([first, second], { attempts: [ballot(2)] }), [first, second], false],
  ] as const)('that is %s', (_what, mine, leaders, expected) => {
    expect(hasDiverged(mine, leaders)).toBe(expected);
  });
});

describe('a rewind is right', () => {
  it.each([
    ['past the fork on a common timeline', own([first], { flushedLsn: 150n }), [first, second], true],
    ['from a timeline of its own number', own([first, rival]), [first, third], true],
    ['not where the number means another ballot', own([first, rival]), [first, second], false],
    ['not where the ballot began elsewhere', own([first, second]), [first, leadership(2, 2, 101)], false],
    ['not after a promotion without its row', own([first], { attempts: [ballot(9)] }), [first, second], false],
    ['after a promotion with its row', own([first, rival], { attempts: [ballot(3)] }), [first, third], true],
    ['not on a timeline whose leader nobody knows', own([first], { timeline: 2 }), [first, second], false],
    ['not without any history', own([]), [first], false],
  ] as const)('%s', (_what, mine, leaders, expected) => {
    expect(mayRewind(mine, leaders)).toBe(expected);
  });
});
