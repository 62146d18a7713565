import { describe, expect, it } from 'vitest';
import { drive } from './drive.ts';
import type { Machine } from './machine.ts';

const counter: Machine<number, 'up' | 'broken', string> = {
  initial: 0,
  step(state, event) {
    if (event === 'broken') throw new Error('impossible');
    return [state + 1, [`say ${state + 1}`, `again ${state + 1}`]];
  },
};

async function* eventsOf(...events: ('up' | 'broken')[]): AsyncGenerator<'up' | 'broken'> {
  yield* events;
}

describe('drive', () => {
  it('starts the effects of each step in order and answers the last state', async () => {
    const effects: string[] = [];
    expect(await drive(counter, eventsOf('up', 'up'), (effect) => effects.push(effect))).toBe(2);
    expect(effects).toEqual(['say 1', 'again 1', 'say 2', 'again 2']);
  });

  it('throws what the machine throws', async () => {
    await expect(drive(counter, eventsOf('up', 'broken', 'up'), () => undefined)).rejects.toThrow('impossible');
  });
});
