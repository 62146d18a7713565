const units: readonly [name: string, seconds: number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
];

/** How long ago, roughly, for people: `3 min`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [name, size] = units.find(([, candidate]) => seconds >= candidate) ?? ['s', 1];
  return `${Math.floor(seconds / size)} ${name}`;
}
