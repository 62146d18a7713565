import { expect, it } from 'vitest';
import { quietWorld } from '../world/quiet/quiet.ts';
import { laterTick, ticksMs, TurnClock } from './turn-clock.ts';

it('a turn has one time, the next turn another', async () => {
  const world = quietWorld();
  let reads = 0;
  const turns = new TurnClock({
    ...world.clock,
    nowMs: () => {
      reads += 1;
      return world.clock.nowMs();
    },
    soon: (run) => world.clock.soon(run),
  });
  const first = turns.tick;
  expect([turns.tick, turns.msSince(first), reads]).toEqual([first, 0, 1]);
  await world.advance(2.5);
  expect([turns.msSince(first), reads]).toEqual([2.5, 2]);
});

it('ticks may wrap between the two ends of a duration', () => {
  const hour = 3_600_000;
  const wrapMs = 2 ** 32 / 64;
  for (const startMs of [0, wrapMs / 2 - hour, wrapMs - hour, 7 * wrapMs - 1]) {
    const [from, to] = [(startMs * 64) | 0, ((startMs + 9 * hour) * 64) | 0];
    expect(ticksMs(from, to)).toBe(9 * hour);
    expect([laterTick(from, to), laterTick(to, from)]).toEqual([to, to]);
  }
});
