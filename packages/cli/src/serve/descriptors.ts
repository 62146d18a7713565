/** For those who are only logging in or being turned away, the way to the pooler, listeners, logs and metrics. */
const reserved = 200;

/**
 * How many sessions there may be at most: out of file descriptors the system would close connections without a word, and nobody could be told why.
 * `descriptors`: what the process may have open, NaN if nobody knows; `backendsMax` of them may be a pooler's in the same process.
 */
export function sessionsThatFit(wanted: number, descriptors: number, backendsMax: number): number {
  if (Number.isNaN(descriptors)) return wanted;
  return Math.max(1, Math.min(wanted, descriptors - reserved - backendsMax));
}
