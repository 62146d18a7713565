import type { Clock, Connection } from '@multigres/core';

/** A client that was told that its session is over hangs up within this long, or is cut off. */
export const goodbyeMs = 5_000;

/**
 * Ends the connection to a client: what was written is sent, what still comes is dropped. A client that neither reads nor hangs up
 * must not keep the connection.
 */
export function sayGoodbye(connection: Connection, clock: Clock): void {
  const timer = clock.after(goodbyeMs, () => connection.destroy());
  connection.attach({
    data: () => {},
    end: () => {},
    drain: () => {},
    closed: () => timer.cancel(),
  });
  connection.end();
  // While it is paused, its end would never be noticed.
  connection.resume();
}
