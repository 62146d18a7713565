import { setFlagsFromString } from 'node:v8';

/** Runs every promise reaction that is ready, and those that they make ready, before it returns. */
export type Drain = () => void;

/** A promise chain so deep that a drain which only awaits "a few turns" does not reach its end. */
async function deep(levels: number, reached: () => void): Promise<void> {
  if (levels === 0) reached();
  else await deep(levels - 1, reached);
  await undefined;
}

/** A drain is good if a chain of 64 nested awaits ends within one call of it. Must be called from a macrotask. */
function works(drain: Drain): boolean {
  let reached = 0;
  const before = async (): Promise<void> => {
    for (let i = 0; i < 64; i++) await undefined;
    await deep(64, () => {
      reached += 1;
    });
    reached += 1;
  };
  void before();
  try {
    drain();
  } catch {
    return false;
  }
  return reached === 2;
}

function tickCallback(): Drain | undefined {
  const tick = (process as unknown as { _tickCallback?: unknown })._tickCallback;
  if (typeof tick !== 'function') return undefined;
  return () => {
    (tick as () => void).call(process);
  };
}

function microtaskCheckpoint(): Drain | undefined {
  try {
    setFlagsFromString('--allow-natives-syntax');
    // oxlint-disable-next-line no-new-func -- the only spelling of a V8 intrinsic that does not need a flag at start-up
    return new Function('%PerformMicrotaskCheckpoint()') as Drain;
  } catch {
    return undefined;
  }
}

let chosen: Drain | 'none' | undefined;

/**
 * The fastest drain that passes its test on this runtime, or `none`: then the kernel lets the real event loop turn after each event.
 * Must be called from a macrotask (inside a promise reaction nothing can drain reactions).
 */
export function chooseDrain(): Drain | 'none' {
  if (chosen !== undefined) return chosen;
  for (const make of [tickCallback, microtaskCheckpoint]) {
    const drain = make();
    if (drain && works(drain)) {
      chosen = drain;
      return drain;
    }
  }
  chosen = 'none';
  return chosen;
}
