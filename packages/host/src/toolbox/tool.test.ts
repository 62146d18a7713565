import { expect, test } from 'vitest';
import { toolRecipes } from './tool.ts';

test('a Postgres of another major version is not taken: data folders belong to one', () => {
  const { accepts } = toolRecipes['postgres-17'];
  expect([accepts([16, 4]), accepts([17, 11]), accepts([18, 0])]).toEqual([false, true, false]);
});

test('an etcd of the system is taken from 3.5 on', () => {
  const { accepts } = toolRecipes.etcd;
  expect([accepts([3, 4, 23]), accepts([3, 5, 16]), accepts([3, 10]), accepts([4, 0])]).toEqual([
    false,
    true,
    true,
    true,
  ]);
});
