/** The middle one, or the mean of the two; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** `12,345`. */
export function whole(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** With so many digits behind the point. */
export const fixed = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : '-');

/** Microseconds, as people like them: `94 us`, `1.24 ms`, `1,240 ms`. */
export function duration(us: number): string {
  if (!Number.isFinite(us)) return '-';
  if (us < 1000) return `${Math.round(us)} us`;
  return us < 100_000 ? `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms` : `${whole(us / 1000)} ms`;
}

/** Half of the way from the least to the greatest, as a share of the median: `±4 %`. */
export function spread(values: readonly number[]): string {
  if (values.length < 2) return '';
  const half = (Math.max(...values) - Math.min(...values)) / 2;
  return `±${Math.round((100 * half) / median(values))} %`;
}
