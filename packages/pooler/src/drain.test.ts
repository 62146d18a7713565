import { expect, it } from 'vitest';
import { house } from './testing/house.ts';

it('a pooler that drains ends who is between transactions, lets the others finish, and waits for nobody longer than it may', async () => {
  const { world, gateway, pooler } = await house();
  const [idle, working, stubborn] = [await gateway.session(), await gateway.session(), await gateway.session()];
  for (const session of [working, stubborn]) session.query('begin');
  await world.settle();
  const over = pooler.drain(5_000);
  await world.settle();
  expect([idle, working, stubborn].map(({ ended }) => ended?.sqlstate)).toEqual(['57P01', undefined, undefined]);
  working.query('one');
  working.query('commit');
  await world.advance(100);
  expect(working.heard()).toBe('C:BEGIN Z:T C:DONE Z:T C:COMMIT Z:I');
  expect([working, stubborn].map(({ ended }) => ended?.sqlstate)).toEqual(['57P01', undefined]);
  await world.advance(5_000);
  expect(stubborn.ended?.sqlstate).toBe('57P01');
  await world.until(over);
  expect(gateway.isClosed).toBe(true);
});
