import { expect, it } from 'vitest';
import { GroupTicks } from './group-ticks.ts';

it('gives the ticks back in the order in which they came, however many are under way', () => {
  const ticks = new GroupTicks();
  const given: (number | undefined)[] = [];
  let next = 10;
  for (const count of [1, 3, 0, 2]) {
    for (let i = 0; i < count; i++) ticks.asked(next++);
    given.push(ticks.answered(), ticks.answered());
  }
  expect(given).toEqual([10, undefined, 11, 12, 13, undefined, 14, 15]);
});

it('keeps what is watched with its group, whenever the watching began', () => {
  const ticks = new GroupTicks();
  const watched = { text: 'a', startMs: 0, trace: undefined, parentSpanId: undefined };
  ticks.asked(1);
  ticks.asked(2, watched);
  ticks.asked(3);
  const seen = [1, 2, 3].map(() => [ticks.answered(), ticks.watched]);
  expect(seen).toEqual([
    [1, undefined],
    [2, watched],
    [3, undefined],
  ]);
  ticks.asked(4);
  expect([ticks.answered(), ticks.watched]).toEqual([4, undefined]);
});
