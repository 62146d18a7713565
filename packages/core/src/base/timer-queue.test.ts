import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerQueue, type QueuedTimer } from './timer-queue.ts';

const nothing = (): void => undefined;

describe('a timer queue', () => {
  it('gives out what is due in the order of deadlines, then of making, whatever was cancelled in between', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), delay: fc.nat(20) }),
      fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(1000) }),
      fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(15) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new TimerQueue();
        let pending: { due: number; order: number; timer: QueuedTimer }[] = [];
        let now = 0;
        let made = 0;
        for (const next of steps) {
          if (next.kind === 'add') {
            pending.push({ due: now + next.delay, order: made++, timer: queue.add(now, next.delay, nothing) });
          } else if (next.kind === 'cancel') {
            const [gone] = pending.splice(next.which % Math.max(1, pending.length), 1);
            gone?.timer.cancel();
            gone?.timer.cancel();
          } else {
            now += next.ms;
            const due = pending
              .filter((entry) => entry.due <= now)
              .toSorted((a, b) => a.due - b.due || a.order - b.order);
            pending = pending.filter((entry) => entry.due > now);
            for (const entry of due) expect(queue.takeDue(now)).toBe(entry.timer);
            expect(queue.takeDue(now)).toBe(undefined);
          }
          expect(queue.length).toBe(pending.length);
          expect(queue.nextMs).toBe(pending.length === 0 ? undefined : Math.min(...pending.map((entry) => entry.due)));
        }
      }),
    );
  });

  it('fires a timer once, and not at all if it was cancelled after it was taken out', () => {
    const queue = new TimerQueue();
    const seen: string[] = [];
    queue.add(0, 1, () => seen.push('fired'));
    queue.add(0, 1, () => seen.push('cancelled'));
    const [first, second] = [queue.takeDue(1), queue.takeDue(1)];
    second?.cancel();
    for (const timer of [first, second, first]) timer?.fire();
    expect(seen).toEqual(['fired']);
  });

  it('tells when its last timer has left, by being due or cancelled', () => {
    let emptied = 0;
    const queue = new TimerQueue(() => (emptied += 1));
    const timers = [queue.add(0, 5, nothing), queue.add(0, 7, nothing)];
    timers[1]?.cancel();
    expect(emptied).toBe(0);
    timers[0]?.cancel();
    expect(emptied).toBe(1);
    queue.add(0, 5, nothing);
    queue.takeDue(5);
    expect(emptied).toBe(2);
  });
});
