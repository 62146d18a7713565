/** What a client did with one key, and what it was told. Values are unique over all writes of a key. Times are the simulator's own. */
export type RegisterOp = RegisterWrite | RegisterRead;

interface RegisterWrite {
  readonly kind: 'write';
  readonly client: string;
  readonly value: string;
  readonly beganMs: number;
  /** When the answer came; Infinity if none ever did. */
  readonly endedMs: number;
  /** `failed`: an error that promises that nothing was written. */
  readonly outcome: 'ok' | 'failed' | 'unknown';
}

interface RegisterRead {
  readonly kind: 'read';
  readonly client: string;
  /** Undefined: there was no row. */
  readonly value: string | undefined;
  readonly beganMs: number;
  readonly endedMs: number;
}

/** What the key may hold, and which of the operations that are still under way have already taken effect. */
interface Possibility {
  readonly value: string | undefined;
  readonly done: ReadonlySet<number>;
}

/** Beyond it the history is not one that a workload makes; the answer would take for ever. */
const possibilitiesMax = 20_000;

/**
 * Is there one order of all operations, each between its beginning and its end, that explains every answer? A sentence about the first answer that
 * cannot be explained, or undefined. Follows all possible states from return to return ("just-in-time linearization": G. Lowe, Testing for
 * linearizability, 2017; the problem: Wing and Gong, 1993). A write of unknown outcome may take effect at any time, or never.
 */
export function explainRegister(key: string, history: readonly RegisterOp[]): string | undefined {
  const told = forbiddenRead(key, history);
  if (told !== undefined) return told;
  const ops = relevant(history);
  const moments = momentsOf(ops);
  const open = new Set<number>();
  let possible: Possibility[] = [{ value: undefined, done: new Set() }];
  for (const { op, begins } of moments) {
    if (begins) {
      open.add(op);
      continue;
    }
    const next = afterReturn(possible, op, open, ops);
    if (next === undefined) return `the history of ${key} is too tangled to be judged`;
    if (next.length === 0) return unexplained(key, ops[op] as RegisterOp, possible, history);
    possible = next;
    open.delete(op);
  }
  return undefined;
}

/** A value that nobody wrote, or that its writer was told is not written. */
function forbiddenRead(key: string, history: readonly RegisterOp[]): string | undefined {
  const writes = new Map<string, RegisterWrite>();
  for (const op of history) if (op.kind === 'write') writes.set(op.value, op);
  for (const op of history) {
    if (op.kind === 'write' || op.value === undefined) continue;
    const write = writes.get(op.value);
    if (write === undefined) return `${op.client} read ${op.value} at ${key}, which nobody wrote`;
    if (write.outcome === 'failed') {
      return `${op.client} read ${op.value} at ${key}, which ${write.client} was told is not written`;
    }
  }
  return undefined;
}

/** Without the writes that have no effect; who was read has taken effect before the first such read ended. */
function relevant(history: readonly RegisterOp[]): RegisterOp[] {
  const seenMs = new Map<string, number>();
  for (const op of history) {
    if (op.kind === 'read' && op.value !== undefined) {
      seenMs.set(op.value, Math.min(seenMs.get(op.value) ?? Number.POSITIVE_INFINITY, op.endedMs));
    }
  }
  return history.flatMap((op): RegisterOp[] => {
    if (op.kind === 'read' || op.outcome === 'ok') return [op];
    const endedMs = seenMs.get(op.value);
    return op.outcome === 'failed' || endedMs === undefined ? [] : [{ ...op, endedMs }];
  });
}

interface Moment {
  readonly op: number;
  readonly begins: boolean;
  readonly atMs: number;
}

function momentsOf(ops: readonly RegisterOp[]): Moment[] {
  const moments = ops.flatMap((op, i): Moment[] => [
    { op: i, begins: true, atMs: op.beganMs },
    { op: i, begins: false, atMs: op.endedMs },
  ]);
  // What begins when another ends may have overlapped it: the benefit of the doubt.
  return moments.toSorted((a, b) => a.atMs - b.atMs || Number(b.begins) - Number(a.begins) || a.op - b.op);
}

/** All that is possible once this operation has taken effect; undefined if that is too much. */
function afterReturn(
  possible: readonly Possibility[],
  returned: number,
  open: ReadonlySet<number>,
  ops: readonly RegisterOp[],
): Possibility[] | undefined {
  const seen = new Set<string>();
  const good = new Map<string, Possibility>();
  const work = [...possible];
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    const name = nameOf(at);
    if (seen.has(name)) continue;
    seen.add(name);
    if (seen.size > possibilitiesMax) return undefined;
    if (at.done.has(returned)) {
      const left = { value: at.value, done: new Set([...at.done].filter((op) => op !== returned)) };
      good.set(nameOf(left), left);
      continue;
    }
    for (const op of open) {
      if (at.done.has(op)) continue;
      const { kind, value } = ops[op] as RegisterOp;
      if (kind === 'write' || value === at.value) work.push({ value, done: new Set([...at.done, op]) });
    }
  }
  return [...good.values()];
}

function nameOf({ value, done }: Possibility): string {
  return `${value ?? ''}|${value === undefined}|${[...done].toSorted((a, b) => a - b).join()}`;
}

function unexplained(
  key: string,
  op: RegisterOp,
  possible: readonly Possibility[],
  all: readonly RegisterOp[],
): string {
  const values = [...new Set(possible.map(({ value }) => value ?? 'nothing'))].join(' or ');
  const near = all
    .filter(({ beganMs, endedMs }) => endedMs > op.beganMs - 3000 && beganMs < op.endedMs)
    .slice(-8)
    .map(describe);
  return `${describe(op)} at ${key}, where ${values} was; around it: ${near.join('; ')}`;
}

function describe(op: RegisterOp): string {
  const times = `[${op.beganMs.toFixed(1)}, ${op.endedMs.toFixed(1)}]`;
  if (op.kind === 'read') return `${op.client} read ${op.value ?? 'nothing'} ${times}`;
  return `${op.client} wrote ${op.value} (${op.outcome}) ${times}`;
}
