import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue } from './bounded-queue.ts';

describe('a bounded queue', () => {
  it('behaves as a list that is refused more than its items', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant('offer' as const) },
      { weight: 2, arbitrary: fc.constant('take' as const) },
      { weight: 1, arbitrary: fc.constant('remove' as const) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(step, { maxLength: 200 }), (itemsMax, steps) => {
        const queue = new BoundedQueue<number>(itemsMax);
        let model: number[] = [];
        let next = 0;
        for (const what of steps) {
          if (what === 'offer') {
            expect(queue.offer(next)).toBe(model.length < itemsMax ? 'queued' : 'full');
            if (model.length < itemsMax) model.push(next);
            next += 1;
          } else if (what === 'take') expect(queue.take()).toBe(model.shift());
          else {
            expect(queue.remove((item) => item % 3 === 0)).toEqual(model.filter((item) => item % 3 === 0));
            model = model.filter((item) => item % 3 !== 0);
          }
          expect([queue.length, queue.peek(), [...queue]]).toEqual([model.length, model[0], model]);
        }
      }),
    );
  });

  it('holds at least one item', () => {
    expect(() => new BoundedQueue(0)).toThrow('at least one');
  });
});
