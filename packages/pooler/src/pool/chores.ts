import type { Random } from '@multigres/core';

/** What of a backend tells whether something is to be done about it. Monotonic milliseconds. */
export interface Aged {
  readonly idleSinceMs: number;
  readonly checkedMs: number;
  readonly endsMs: number;
  readonly retired: boolean;
}

export interface AgeLimits {
  readonly idleMs: number;
  readonly checkMs: number;
  readonly warmBackends: number;
}

export interface Chores<B> {
  /** Idle for too long, to be closed. */
  readonly idle: readonly B[];
  /** Old, to be replaced when they are free. */
  readonly old: readonly B[];
  /** Idle for long, to be asked for a sign of life. */
  readonly check: readonly B[];
}

/** Backends that were opened together should not all end together: up to a tenth of the lifetime earlier. */
export function endOfLife(bornMs: number, lifetimeMs: number, random: Random): number {
  return lifetimeMs === Infinity ? Infinity : bornMs + lifetimeMs * (1 - random.fraction() / 10);
}

/** At most this part of a pool, but at least one, is replaced at a time. */
const oldShare = 0.1;

/** What is to be done about the backends of a pool. Nobody is in two lists, and nobody who is at work is in `idle` or `check`. */
export function chores<B extends Aged>(
  idle: readonly B[],
  all: readonly B[],
  nowMs: number,
  limits: AgeLimits,
): Chores<B> {
  const spare = Math.max(0, all.length - limits.warmBackends);
  const unused = idle.filter(({ idleSinceMs }) => nowMs - idleSinceMs > limits.idleMs).slice(0, spare);
  const gone = new Set(unused);
  const old = all
    .filter((backend) => nowMs > backend.endsMs && !backend.retired && !gone.has(backend))
    .toSorted((a, b) => a.endsMs - b.endsMs)
    .slice(0, Math.max(1, Math.ceil(all.length * oldShare)));
  for (const backend of old) gone.add(backend);
  const check = idle.filter(
    (backend) => !gone.has(backend) && nowMs - Math.max(backend.idleSinceMs, backend.checkedMs) > limits.checkMs,
  );
  return { idle: unused, old, check };
}
