import { eventKind } from '../kernel/kernel.ts';
import { digestText } from '../kernel/trace.ts';
import type { Weather } from '../world/weather.ts';
import type { Action, Fault, Plan } from './plan.ts';

/** Carries a plan out. Whatever it broke is whole again at `healMs`. */
export class Injector {
  /** How many faults have struck. */
  struck = 0;
  #startMs = 0;
  readonly #weather: Weather;
  readonly #plan: Plan;
  readonly #seen = new Map<string, number>();
  #healed = false;

  constructor(weather: Weather, plan: Plan) {
    this.#weather = weather;
    this.#plan = plan;
  }

  /** Throws an Error if the plan names machines or nodes that are not there. */
  checkNames(): void {
    for (const fault of this.#plan.faults) this.#checkNames(fault.do);
  }

  /** The plan's times count from `startMs`. */
  start(startMs: number): void {
    const { kernel, moments } = this.#weather;
    this.#startMs = startMs;
    const waiting: Fault[] = [];
    const random = kernel.random.fork('trigger');
    for (const fault of this.#plan.faults) {
      const { when } = fault;
      const laterMs = when.withinMs === undefined ? 0 : random.between(0, when.withinMs);
      if ('atMs' in when) {
        const atMs = startMs + when.atMs + laterMs;
        kernel.at(atMs * 1000, eventKind.fault, kernel.god, () => this.#strike(fault.do));
      } else waiting.push({ ...fault, when: { ...when, delayMs: when.delayMs + laterMs } });
    }
    moments.on((id) => {
      const count = (this.#seen.get(id) ?? 0) + 1;
      this.#seen.set(id, count);
      for (const { when, do: action } of waiting) {
        if ('atMs' in when || when.moment !== id || when.count !== count) continue;
        kernel.in(when.delayMs * 1000, eventKind.fault, kernel.god, () => this.#strike(action));
      }
    });
    kernel.at((this.#startMs + this.#plan.healMs) * 1000, eventKind.fault, kernel.god, () => this.#heal());
  }

  #checkNames(action: Action): void {
    const { machines, nodes, aliases, stores } = this.#weather;
    const missing = machinesOf(action).find((name) => !machines.has(name) && !aliases.has(name));
    if (missing !== undefined) throw new Error(`the plan names machine ${missing}, which this scenario does not have`);
    if ('node' in action && !nodes.has(action.node) && !aliases.has(action.node.split('@').at(-1) ?? '')) {
      throw new Error(`the plan names node ${action.node}, which this scenario does not have`);
    }
    if ('store' in action && !stores.has(action.store)) {
      throw new Error(`the plan names store ${action.store}, which this scenario does not have`);
    }
  }

  #strike(planned: Action): void {
    if (this.#healed) return;
    const action = resolved(planned, (name) => this.#weather.resolve(name));
    if (action === undefined) return;
    this.struck += 1;
    const { kernel } = this.#weather;
    kernel.trace.noteText(action.kind);
    kernel.trace.line(kernel.nowUs, 0, () => `fault: ${describeAction(action)}`);
    const undo = this.#do(action);
    if (undo && 'forMs' in action) {
      kernel.in(action.forMs * 1000, eventKind.fault, kernel.god, () => {
        if (!this.#healed) undo();
      });
    }
  }

  /** Whole because it is one exhaustive switch: each action with what undoes it. */
  #do(action: Action): (() => void) | undefined {
    const weather = this.#weather;
    const { links } = weather.network;
    switch (action.kind) {
      case 'cut': {
        const pairs = action.from.flatMap((from) => action.to.map((to) => [from, to] as const));
        const both = action.oneWay ? pairs : [...pairs, ...pairs.map(([from, to]) => [to, from] as const)];
        for (const [from, to] of both) links.cut(from, to);
        return () => both.forEach(([from, to]) => links.heal(from, to));
      }
      case 'slow': {
        const link = links.between(action.from, action.to);
        link.slowUs = action.delayMs * 1000;
        return () => {
          link.slowUs = 0;
        };
      }
      case 'reset':
        weather.network.resetBetween(action.from, action.to);
        return undefined;
      case 'kill': {
        const node = weather.nodes.get(action.node);
        node?.kill();
        return () => node?.start();
      }
      case 'pause':
        weather.nodes.get(action.node)?.pause(action.forMs);
        return undefined;
      case 'killMachine': {
        weather.killMachine(action.machine);
        const there = [...weather.nodes.values()].filter(({ machine }) => machine.name === action.machine);
        return () => there.forEach((node) => node.start());
      }
      case 'pauseMachine':
        weather.pauseMachine(action.machine, action.forMs);
        return undefined;
      case 'saveVolume':
        weather.machine(action.machine).disk.saveVolume();
        return undefined;
      case 'loseVolume':
        weather.powerOff(action.machine);
        weather.machine(action.machine).disk.loseVolume(action.restored);
        return () => weather.powerOn(action.machine);
      case 'ask':
        weather.asked.forEach((ask) => ask(action.what, action.machine));
        return undefined;
      case 'swizzle':
        return this.#swizzle(action);
      case 'staleReads':
        return this.#stale(action.node);
      case 'lateLeases': {
        const store = weather.stores.get(action.store);
        if (store) store.leasesLateMs = action.byMs;
        return () => {
          if (store) store.leasesLateMs = 0;
        };
      }
      case 'cancelWatches':
        weather.stores.get(action.store)?.cancelWatches();
        return undefined;
      case 'compact':
        weather.stores.get(action.store)?.compact();
        return undefined;
      case 'powerOff':
        for (const machine of action.machines) weather.powerOff(machine);
        return () => action.machines.forEach((machine) => weather.powerOn(machine));
      case 'slowDisk':
      case 'fullDisk':
      case 'failingSync':
        return this.#disk(action);
      case 'endBackend':
        weather.backendEnds.get(action.node)?.(action.nth, action.politely);
        return undefined;
      case 'drain':
        weather.drains.get(action.node)?.(action.deadlineMs, action.forMs);
        return undefined;
      case 'pausePools':
        return weather.operators.get(action.node)?.pause();
      case 'renewBackends':
        weather.operators.get(action.node)?.reconnect();
        return undefined;
      case 'clockStep':
        weather.machine(action.machine).clock.wallOriginMs += action.byMs;
        return undefined;
    }
  }

  #swizzle({ machines, stepMs }: Extract<Action, { kind: 'swizzle' }>): () => void {
    const { kernel, network } = this.#weather;
    const others = [...network.machines.keys()];
    const pairs = (machine: string): (readonly [string, string])[] =>
      others.flatMap((other) => [
        [machine, other],
        [other, machine],
      ]);
    machines.forEach((machine, i) => {
      kernel.in(i * stepMs * 1000, eventKind.fault, kernel.god, () => {
        if (!this.#healed) for (const [from, to] of pairs(machine)) network.links.cut(from, to);
      });
    });
    // Whoever went in the middle comes back first.
    const order = machines.toSorted((a, b) => (digestText(a) < digestText(b) ? -1 : 1));
    return () => {
      order.forEach((machine, i) => {
        kernel.in(i * stepMs * 1000, eventKind.fault, kernel.god, () => {
          for (const [from, to] of pairs(machine)) network.links.heal(from, to);
        });
      });
    };
  }

  #stale(node: string): () => void {
    const stores = [...this.#weather.stores.values()];
    for (const store of stores) store.freezeNode(node, true);
    return () => {
      for (const store of stores) store.freezeNode(node, false);
    };
  }

  #disk(action: Extract<Action, { kind: 'slowDisk' | 'fullDisk' | 'failingSync' }>): () => void {
    const { fault } = this.#weather.machine(action.machine).disk;
    if (action.kind === 'slowDisk') fault.slowness = action.slowness;
    else if (action.kind === 'fullDisk') fault.full = true;
    else fault.syncFailShare = action.share;
    return () => this.#healDisk(action.machine);
  }

  #healDisk(machine: string): void {
    Object.assign(this.#weather.machine(machine).disk.fault, { slowness: 1, full: false, syncFailShare: 0 });
  }

  #heal(): void {
    this.#healed = true;
    const weather = this.#weather;
    const { kernel } = weather;
    kernel.trace.line(kernel.nowUs, 0, () => 'all faults heal');
    weather.network.links.healAll();
    for (const operator of weather.operators.values()) operator.resume();
    for (const store of weather.stores.values()) {
      store.leasesLateMs = 0;
      for (const node of weather.nodes.keys()) store.freezeNode(node, false);
    }
    for (const name of weather.machines.keys()) {
      if (!weather.hasPower(name)) weather.powerOn(name);
      this.#healDisk(name);
    }
    for (const node of weather.nodes.values()) {
      if (node.life?.alive) kernel.resume(node.life);
      else node.start();
    }
  }
}

/** The same action with names in place of aliases; undefined if nobody is what it names. */
function resolved(action: Action, resolve: (name: string) => string | undefined): Action | undefined {
  const entries: [string, unknown][] = [];
  for (const [field, value] of Object.entries(action) as [string, unknown][]) {
    if (!named.has(field)) {
      entries.push([field, value]);
      continue;
    }
    const names = (Array.isArray(value) ? (value as string[]) : [String(value)]).map(resolve);
    if (names.some((name) => name === undefined)) return undefined;
    entries.push([field, Array.isArray(value) ? names : names[0]]);
  }
  return Object.fromEntries(entries) as unknown as Action;
}

/** Fields that hold names of machines or nodes. */
const named: ReadonlySet<string> = new Set(['from', 'to', 'node', 'machine', 'machines']);

function machinesOf(action: Action): readonly string[] {
  switch (action.kind) {
    case 'cut':
      return [...action.from, ...action.to];
    case 'slow':
    case 'reset':
      return [action.from, action.to];
    case 'powerOff':
    case 'swizzle':
      return action.machines;
    case 'kill':
    case 'pause':
    case 'endBackend':
    case 'drain':
    case 'pausePools':
    case 'renewBackends':
    case 'staleReads':
    case 'lateLeases':
    case 'cancelWatches':
    case 'compact':
      return [];
    default:
      return [action.machine];
  }
}

/** A fault in a few words, for stories. */
export function describeAction(action: Action): string {
  const { kind, ...rest } = action;
  const words = Object.entries(rest).map(
    ([name, value]) => `${name}=${Array.isArray(value) ? value.join('+') : String(value)}`,
  );
  return `${kind} ${words.join(' ')}`;
}
