/** What depends on the machine, the moment or the collector, and where to go instead. */
export const insteadOf: Readonly<Record<string, string>> = {
  ...each(['Date', 'performance'], 'time comes from World.clock (core/world/clock.ts)'),
  ...each(
    ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'],
    'timers come from World.clock (core/world/clock.ts)',
  ),
  ...each(['queueMicrotask'], 'work is started by a promise or by World.clock (core/world/clock.ts)'),
  'Math.random': 'dice come from World.random (core/world/random.ts)',
  crypto: 'dice come from World.random (core/world/random.ts), hashes from pgwire/auth',
  'AbortSignal.timeout': 'deadlines come from World.clock (core/world/clock.ts)',
  process: 'settings are handed in by the entry file (packages/cli), programs are run by World.processes',
  nextTick: 'work is started by a promise or by World.clock (core/world/clock.ts)',
  ...each(['Buffer'], 'bytes are Uint8Array: see core/base/bytes.ts'),
  ...each(['TextEncoder', 'TextDecoder'], 'use utf8, utf8Into and utf8Text of core/base/bytes.ts'),
  ...each(['WeakRef', 'FinalizationRegistry'], 'the collector has no seed; release what you hold by name'),
  ...each(
    ['Intl', 'localeCompare'],
    'the order of a locale differs by machine; compare with < or by bytes (core/base/bytes.ts)',
  ),
  toLocale: 'the text of a locale differs by machine; write the text yourself',
  'for in': "the order of inherited keys is nobody's promise; use for (const [key, value] of Object.entries(...))",
  console: 'logs go to World.telemetry (core/world/telemetry.ts)',
  ...each(
    ['Worker', 'SharedArrayBuffer', 'Atomics'],
    'one node of a cluster is one thread: only sim/explore starts workers',
  ),
  ...each(
    ['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'],
    'sockets come from World.network (core/world/network.ts)',
  ),
  ...each(['globalThis', 'global', 'navigator'], 'ask the World for what you need (core/world/world.ts)'),
  ...each(['eval', 'Function', 'require'], 'write the code itself; modules are imported by name'),
  'import.meta': "where a file lies is the machine's business; the entry file (packages/cli) hands paths in",
};

/** Names that are ambient wherever they stand free. */
export const ambientNames: ReadonlySet<string> = new Set(
  Object.keys(insteadOf).filter(
    (name) => /^\w+$/.test(name) && !['nextTick', 'localeCompare', 'toLocale'].includes(name),
  ),
);

/** Members of globals that are otherwise harmless. */
export const ambientMembers: ReadonlySet<string> = new Set(['Math.random', 'AbortSignal.timeout']);

/** Packages that are the real world, or an edge where people and machines arrive. */
export const realPackages: ReadonlySet<string> = new Set(['host', 'cli', 'bench']);

export interface Exception {
  readonly file: RegExp;
  readonly names: readonly string[] | 'all';
  readonly reason: string;
}

/** Each has a reason and a file; an exception that nothing needs any more is a finding itself. */
export const exceptions: readonly Exception[] = [
  {
    file: /^packages\/core\/src\/base\/bytes\.ts$/,
    names: ['TextEncoder', 'TextDecoder'],
    reason: 'the one place that turns text into bytes',
  },
  {
    file: /^packages\/core\/src\/world\/quiet\/kernel\.ts$/,
    names: ['SharedArrayBuffer', 'Atomics'],
    reason:
      'the quiet clock moves on when all promises have settled, and only the host can tell that; for unit tests only',
  },
  {
    file: /^packages\/sim\/src\/(main|explore\/worker[a-z-]*)\.ts$/,
    names: 'all',
    reason: 'the command and its worker processes stand outside of the simulation: people and machines arrive here',
  },
  {
    file: /^packages\/fuzz\/src\/(main|real\/[a-z-]*)\.ts$/,
    names: 'all',
    reason: 'the command, and the half of it that attacks real servers; what lives in memory must be replayable',
  },
  {
    file: /^packages\/sim\/src\/kernel\/drain\.ts$/,
    names: ['process', 'Function'],
    reason: 'drains the queue of promises, so that a step ends before the next one begins',
  },
  {
    file: /^packages\/sim\/src\/kernel\/kernel\.ts$/,
    names: ['process', 'setImmediate'],
    reason: 'lets the host breathe between slices of a run, and turns rejections that nobody handles into findings',
  },
  {
    file: /^packages\/sim\/src\/kernel\/poison\.ts$/,
    names: ['globalThis', 'Math.random', 'performance', 'process'],
    reason: 'replaces what is ambient by traps for as long as a simulation runs',
  },
];

function each(names: readonly string[], text: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, text]));
}
