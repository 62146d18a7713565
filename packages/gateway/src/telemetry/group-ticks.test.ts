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
