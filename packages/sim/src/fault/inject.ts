import { eventKind } from '../kernel/kernel.ts';
import type { Weather } from '../world/weather.ts';
import type { Action, Fault, Plan } from './plan.ts';

/** Carries a plan out. Whatever it broke is whole again at `healMs`. */
export class Injector {
  /** How many faults have struck. */
  struck = 0;
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

  start(): void {
    const { kernel, moments } = this.#weather;
    const waiting: Fault[] = [];
    for (const fault of this.#plan.faults) {
      const { when } = fault;
      if ('atMs' in when) kernel.at(when.atMs * 1000, eventKind.fault, kernel.god, () => this.#strike(fault.do));
      else waiting.push(fault);
    }
    moments.on((id) => {
      const count = (this.#seen.get(id) ?? 0) + 1;
      this.#seen.set(id, count);
      for (const { when, do: action } of waiting) {
        if ('atMs' in when || when.moment !== id || when.count !== count) continue;
        kernel.in(when.delayMs * 1000, eventKind.fault, kernel.god, () => this.#strike(action));
      }
    });
    kernel.at(this.#plan.healMs * 1000, eventKind.fault, kernel.god, () => this.#heal());
  }

  #checkNames(action: Action): void {
    const { machines, nodes } = this.#weather;
    const missing = machinesOf(action).find((name) => !machines.has(name));
    if (missing !== undefined) throw new Error(`the plan names machine ${missing}, which this scenario does not have`);
    if ('node' in action && !nodes.has(action.node)) {
      throw new Error(`the plan names node ${action.node}, which this scenario does not have`);
    }
  }

  #strike(action: Action): void {
    if (this.#healed) return;
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

function machinesOf(action: Action): readonly string[] {
  switch (action.kind) {
    case 'cut':
      return [...action.from, ...action.to];
    case 'slow':
    case 'reset':
      return [action.from, action.to];
    case 'powerOff':
      return action.machines;
    case 'kill':
    case 'pause':
    case 'endBackend':
    case 'drain':
    case 'pausePools':
    case 'renewBackends':
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
