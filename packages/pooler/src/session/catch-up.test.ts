import { quietWorld } from '@multigres/core/quiet';
import { expect, it } from 'vitest';
import { CatchUp } from './catch-up.ts';

it('who waits is told as soon as it is replayed, all by the same looks, or when it takes too long', async () => {
  const world = quietWorld();
  let [replayed, looks] = [100n, 0];
  const catchUp = new CatchUp(world.clock, async () => {
    looks += 1;
    return replayed;
  });
  const told: string[] = [];
  catchUp.wait(100n, () => told.push('at once'));
  catchUp.wait(150n, () => told.push('soon'));
  catchUp.wait(300n, () => told.push('never'));
  await world.settle();
  expect([told, looks]).toEqual([['at once'], 1]);
  replayed = 200n;
  await world.advance(10);
  expect([told, looks]).toEqual([['at once', 'soon'], 2]);
  await world.advance(89);
  expect(told).toHaveLength(2);
  await world.advance(1);
  expect(told).toEqual(['at once', 'soon', 'never']);
  const before = looks;
  await world.advance(1000);
  expect(looks).toBe(before);
});
