/**
 * Something that a backend waits for: a lock, a timer, a flush, the client. The server starts it, and wakes the backend when it calls
 * `wake`; when the backend is interrupted first (cancel, timeout, termination, crash) the server calls `cancel` and throws into the task.
 */
export interface Wait {
  /** Named as in pg_stat_activity's wait_event, for the god's-eye view. */
  readonly event: string;
  start(wake: () => void): void;
  /** After this `wake` is not called any more. Cancelling what has ended does nothing. */
  cancel(): void;
  /** The wait ends by itself soon and must not be interrupted: a flush, inside which a commit is neither here nor there. */
  readonly holdsOff?: boolean;
}

/**
 * Work that may wait. Generators instead of promises: they are deterministic, cheap, and an interrupt is an exception thrown exactly at
 * the wait, which is where Postgres looks for interrupts too.
 */
export type Task<T> = Generator<Wait, T, void>;
