const hint = 'ask the World that was handed in (clock, random, network, disk, processes)';

function refusal(name: string): () => never {
  return () => {
    throw new Error(`${name} was called inside the simulation: simulated code must not touch ambient things; ${hint}`);
  };
}

interface Spot {
  readonly owner: object;
  readonly key: string;
  readonly name: string;
}

const globals: readonly string[] = ['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'WebSocket', 'EventSource'];

function spots(): Spot[] {
  const found: Spot[] = globals
    .filter((key) => key in globalThis)
    .map((key) => ({ owner: globalThis, key, name: key }));
  found.push({ owner: Math, key: 'random', name: 'Math.random' });
  found.push({ owner: performance, key: 'now', name: 'performance.now' });
  for (const key of ['getRandomValues', 'randomUUID']) {
    found.push({ owner: globalThis.crypto, key, name: `crypto.${key}` });
  }
  for (const key of ['hrtime', 'uptime', 'nextTick', 'cpuUsage', 'memoryUsage']) {
    found.push({ owner: process, key, name: `process.${key}` });
  }
  return found;
}

function poisonedDate(real: DateConstructor): DateConstructor {
  const now = refusal('Date.now');
  return new Proxy(real, {
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
    apply: refusal('Date()'),
    construct(target, args: unknown[], newTarget) {
      if (args.length === 0) refusal('new Date()')();
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
}

/** Replaces clocks, dice, timers and sockets of the runtime by functions that refuse; answers the antidote. */
export function poisonGlobals(): () => void {
  const undo: (() => void)[] = [];
  for (const { owner, key, name } of spots()) {
    const own = Object.getOwnPropertyDescriptor(owner, key);
    Object.defineProperty(owner, key, { value: refusal(name), configurable: true, writable: true, enumerable: true });
    undo.push(() => {
      if (own) Object.defineProperty(owner, key, own);
      else Reflect.deleteProperty(owner, key);
    });
  }
  const realDate = globalThis.Date;
  globalThis.Date = poisonedDate(realDate);
  undo.push(() => {
    globalThis.Date = realDate;
  });
  return () => {
    for (const step of undo) step();
  };
}
