import type { RandomStream } from '../kernel/random-stream.ts';
import type { Action, ActionKind, Fault, Plan, Trigger } from './plan.ts';

/** What a scenario lets go wrong. */
export interface FaultMenu {
  readonly kinds: readonly ActionKind[];
  /** Nodes that can be killed and paused, each on the machine given. */
  readonly nodes: readonly { readonly node: string; readonly machine: string }[];
  /** Pairs of machines that talk to each other. */
  readonly links: readonly (readonly [a: string, b: string])[];
  /** Machines whose disk matters. */
  readonly disks: readonly string[];
  /** Nodes that are Postgres servers, whose backends can be ended one by one. */
  readonly servers: readonly string[];
  /** Nodes that can leave in peace. */
  readonly drainable: readonly string[];
  /** Etcd clusters by name, each with the nodes of its members. */
  readonly stores: readonly { readonly store: string; readonly nodes: readonly string[] }[];
  /** Nodes of poolers, whose pools an operator can pause. */
  readonly poolers: readonly string[];
  /** Named moments that faults can wait for. */
  readonly moments: readonly string[];
  readonly fromMs: number;
  readonly healMs: number;
}

/**
 * Faults that belong together find more than faults that fall anywhere: each run switches half of the menu off, picks one or two victims
 * and strikes them in bursts, a few related faults within half a second, at a time or at a moment that matters.
 */
export function generatePlan(random: RandomStream, menu: FaultMenu): Plan {
  if (random.chance(0.1)) return { faults: [], healMs: menu.healMs };
  const kinds = menu.kinds.filter(() => random.chance(0.5));
  if (kinds.length === 0) kinds.push(random.pick(menu.kinds));
  const victims = [random.pick(menu.nodes), random.pick(menu.nodes)];
  const faults: Fault[] = [];
  for (let burst = 1 + random.below(5); burst > 0; burst--) {
    const start = trigger(random, menu);
    const victim = random.pick(random.chance(0.75) ? victims : menu.nodes);
    for (let strike = 1 + random.below(3); strike > 0; strike--) {
      const action = makeAction(random, random.pick(kinds), victim, menu);
      if (action) faults.push({ when: later(start, Math.floor(random.skewed(200))), do: action });
    }
  }
  return { faults, healMs: menu.healMs };
}

function trigger(random: RandomStream, menu: FaultMenu): Trigger {
  if (menu.moments.length > 0 && random.chance(0.5)) {
    // Shortly after the moment: what it began is still under way.
    return { moment: random.pick(menu.moments), count: 1 + random.below(40), delayMs: random.below(20) / 10 };
  }
  return { atMs: Math.floor(random.between(menu.fromMs, menu.healMs * 0.8)) };
}

function later(start: Trigger, byMs: number): Trigger {
  return 'atMs' in start ? { atMs: start.atMs + byMs } : { ...start, delayMs: start.delayMs + byMs };
}

type Maker = (
  random: RandomStream,
  victim: FaultMenu['nodes'][number],
  links: FaultMenu['links'],
  menu: FaultMenu,
) => Action | undefined;

const durationMs = (random: RandomStream): number => 20 + Math.floor(random.skewed(1500));

const makers: Readonly<Record<ActionKind, Maker>> = {
  cut: (random, victim, links) => {
    const oneWay = random.chance(0.4);
    const forMs = durationMs(random);
    if (random.chance(0.3)) {
      const others = [...new Set(links.flat())].filter((machine) => machine !== victim.machine);
      return { kind: 'cut', from: [victim.machine], to: others, oneWay, forMs };
    }
    const [a, b] = direction(random, links);
    return { kind: 'cut', from: [a], to: [b], oneWay, forMs };
  },
  slow: (random, _victim, links) => {
    const [from, to] = direction(random, links);
    return { kind: 'slow', from, to, delayMs: 1 + random.below(500), forMs: durationMs(random) };
  },
  reset: (random, _victim, links) => {
    const [from, to] = direction(random, links);
    return { kind: 'reset', from, to };
  },
  kill: (random, { node }) => ({ kind: 'kill', node, forMs: durationMs(random) }),
  pause: (random, { node }) => ({ kind: 'pause', node, forMs: durationMs(random) }),
  powerOff: (random, { machine }, links) => {
    const neighbours = [...new Set(links.flat())].filter((name) => name !== machine);
    const machines = random.chance(0.3) ? [machine, random.pick(neighbours)] : [machine];
    return { kind: 'powerOff', machines, forMs: 200 + durationMs(random) };
  },
  killMachine: (random, { machine }) => ({ kind: 'killMachine', machine, forMs: durationMs(random) }),
  pauseMachine: (random, { machine }) => ({ kind: 'pauseMachine', machine, forMs: durationMs(random) }),
  saveVolume: (_random, { machine }) => ({ kind: 'saveVolume', machine }),
  loseVolume: (random, { machine }) => {
    return { kind: 'loseVolume', machine, restored: random.chance(0.3), forMs: 200 + durationMs(random) };
  },
  ask: (random, { machine }) => ({
    kind: 'ask',
    what: random.pick(['switchover', 'switchover', 'failover', 'removeMember', 'addMember'] as const),
    machine,
  }),
  swizzle: (random, _victim, _links, { links }) => {
    const machines = [...new Set(links.flat())].filter(() => random.chance(0.5));
    const stepMs = 20 + random.below(400);
    return { kind: 'swizzle', machines, stepMs, forMs: machines.length * stepMs + durationMs(random) };
  },
  staleReads: (random, _victim, _links, { stores }) => {
    const nodes = stores.flatMap((store) => store.nodes);
    if (nodes.length === 0) return undefined;
    return { kind: 'staleReads', node: random.pick(nodes), forMs: durationMs(random) };
  },
  lateLeases: (random, _victim, _links, { stores }) =>
    stores.length === 0
      ? undefined
      : {
          kind: 'lateLeases',
          store: random.pick(stores).store,
          byMs: 1000 + random.below(60_000),
          forMs: durationMs(random),
        },
  cancelWatches: (random, _victim, _links, { stores }) =>
    stores.length === 0 ? undefined : { kind: 'cancelWatches', store: random.pick(stores).store },
  compact: (random, _victim, _links, { stores }) =>
    stores.length === 0 ? undefined : { kind: 'compact', store: random.pick(stores).store },
  slowDisk: (random, _victim, _links, { disks }) =>
    disks.length === 0
      ? undefined
      : { kind: 'slowDisk', machine: random.pick(disks), slowness: 1 + random.below(100), forMs: durationMs(random) },
  fullDisk: (random, _victim, _links, { disks }) =>
    disks.length === 0 ? undefined : { kind: 'fullDisk', machine: random.pick(disks), forMs: durationMs(random) },
  failingSync: (random, _victim, _links, { disks }) =>
    disks.length === 0
      ? undefined
      : { kind: 'failingSync', machine: random.pick(disks), share: 0.3, forMs: durationMs(random) },
  endBackend: (random, _victim, _links, { servers }) =>
    servers.length === 0
      ? undefined
      : { kind: 'endBackend', node: random.pick(servers), nth: random.below(8), politely: random.chance(0.3) },
  drain: (random, _victim, _links, { drainable }) =>
    drainable.length === 0
      ? undefined
      : { kind: 'drain', node: random.pick(drainable), deadlineMs: drainDeadlineMs, forMs: durationMs(random) },
  pausePools: (random, _victim, _links, { poolers }) =>
    poolers.length === 0 ? undefined : { kind: 'pausePools', node: random.pick(poolers), forMs: durationMs(random) },
  renewBackends: (random, _victim, _links, { poolers }) =>
    poolers.length === 0 ? undefined : { kind: 'renewBackends', node: random.pick(poolers) },
  clockStep: (random, { machine }) => ({
    kind: 'clockStep',
    machine,
    byMs: Math.floor(random.between(-3_600_000, 3_600_000)),
  }),
};

/** Longer than any transaction of a user takes: nobody is cut off. */
const drainDeadlineMs = 30_000;

function direction(random: RandomStream, links: FaultMenu['links']): readonly [from: string, to: string] {
  const [a, b] = random.pick(links);
  return random.chance(0.5) ? [a, b] : [b, a];
}

function makeAction(
  random: RandomStream,
  kind: ActionKind,
  victim: FaultMenu['nodes'][number],
  menu: FaultMenu,
): Action | undefined {
  const near = menu.links.filter((link) => link.includes(victim.machine));
  return makers[kind](random, victim, near.length > 0 ? near : menu.links, menu);
}
