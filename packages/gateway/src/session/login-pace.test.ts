import { quietWorld } from '@multigres/core/quiet';
import { expect, test } from 'vitest';
import { LoginPace, loginStepsPerTurn } from './login-pace.ts';

test('in one turn only so many steps are taken; the rest follows in order, turn by turn', async () => {
  const world = quietWorld();
  const pace = new LoginPace(world.clock);
  const taken: number[] = [];
  const perTurn: number[] = [];
  for (let i = 0; i < 3 * loginStepsPerTurn + 1; i++) {
    if (pace.admits()) taken.push(i);
    else pace.later(() => taken.push(i));
  }
  perTurn.push(taken.length);
  const look = (): void => {
    perTurn.push(taken.length);
    if (taken.length < 3 * loginStepsPerTurn + 1) world.clock.soon(look);
  };
  world.clock.soon(look);
  await world.settle();
  expect(taken).toEqual(Array.from({ length: 3 * loginStepsPerTurn + 1 }, (_, i) => i));
  expect(perTurn).toEqual([1, 2, 3, 3 + 1 / loginStepsPerTurn].map((turns) => turns * loginStepsPerTurn));
});

test('nobody overtakes who waits, and the next turn has room again', async () => {
  const world = quietWorld();
  const pace = new LoginPace(world.clock);
  for (let i = 0; i < loginStepsPerTurn; i++) expect(pace.admits()).toBe(true);
  expect(pace.admits()).toBe(false);
  await world.settle();
  expect(pace.admits()).toBe(true);
});
