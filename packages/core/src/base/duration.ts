const unitMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * `"250ms"`, `"2s"`, `"5min"` to milliseconds, with the units of PostgreSQL's configuration ("Parameter Names and Values").
 * A bare number is milliseconds. Undefined if the text is no duration.
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*$/.exec(text);
  if (!match) return undefined;
  return Number(match[1]) * (unitMs[match[2] ?? 'ms'] as number);
}
