import type { Clock, Connection } from '@multigres/core';

/** A client that was told that its session is over hangs up within this long, or is cut off. */
export const goodbyeMs = 5_000;

/** Who waits for it that all are said. */
export interface GoodbyeEnvironment {
  readonly clock: Clock;
  goodbyeBegun(): void;
  goodbyeOver(): void;
}

/**
 * Ends the connection to a client: what was written is sent, what still comes is dropped. A client that neither reads nor hangs up
 * must not keep the connection.
 */
export function sayGoodbye(connection: Connection, environment: GoodbyeEnvironment): void {
  const timer = environment.clock.after(goodbyeMs, () => connection.destroy());
  environment.goodbyeBegun();
  connection.attach({
    data: () => {},
    end: () => {},
    drain: () => {},
    closed: () => {
      timer.cancel();
      environment.goodbyeOver();
    },
  });
  connection.end();
  // While it is paused, its end would never be noticed.
  connection.resume();
}
