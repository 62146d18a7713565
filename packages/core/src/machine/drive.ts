import type { Machine } from './machine.ts';

/**
 * The one loop of the control plane: all waiting happens here, no deciding does. `start` must not block: results return as events.
 * Ends when `events` ends; throws what the machine throws (a broken invariant).
 */
export async function drive<S, E, F>(
  machine: Machine<S, E, F>,
  events: AsyncIterable<E>,
  start: (effect: F) => void,
): Promise<S> {
  let state = machine.initial;
  for await (const event of events) {
    const [next, effects] = machine.step(state, event);
    state = next;
    for (const effect of effects) start(effect);
  }
  return state;
}
