/** The next state and what must now be done, in this order. */
export type Step<S, F> = readonly [state: S, effects: readonly F[]];

/**
 * A decision: a pure state machine. Events are past ("voteReceived"), effects imperative ("persistCommit"). It imports values
 * only: no World, no promise; time arrives inside the events. Control-plane machines return fresh states; data-plane machines may
 * change themselves for speed, but own no socket either.
 */
export interface Machine<S, E, F> {
  readonly initial: S;
  step(state: S, event: E): Step<S, F>;
}
