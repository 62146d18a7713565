import { shape, type Fields } from './shape.ts';

/**
 * When a fault happens: at a time, or a while after the n-th occurrence of a named moment. With `withinMs` each seed draws how much later than that. Times count from
 * when the cluster stands.
 */
export type Trigger = (
  | { readonly atMs: number }
  | { readonly moment: string; readonly count: number; readonly delayMs: number }
) & { readonly withinMs?: number };

/**
 * What happens. Machines for the network, disks and clocks; nodes for processes. All of it ends after `forMs`. Where a cluster has such names, `leader`, `follower-1`
 * and the like stand for the machine that is it at that moment, also behind the `@` of a node.
 */
export type Action =
  | {
      readonly kind: 'cut';
      readonly from: readonly string[];
      readonly to: readonly string[];
      readonly oneWay: boolean;
      readonly forMs: number;
    }
  | {
      readonly kind: 'slow';
      readonly from: string;
      readonly to: string;
      readonly delayMs: number;
      readonly forMs: number;
    }
  | { readonly kind: 'reset'; readonly from: string; readonly to: string }
  | { readonly kind: 'kill'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'pause'; readonly node: string; readonly forMs: number }
  /** All processes of the machine at once; its disk is as the system has it, flushed or not. */
  | { readonly kind: 'killMachine'; readonly machine: string; readonly forMs: number }
  /** The whole machine stands still: a virtual machine that is moved. */
  | { readonly kind: 'pauseMachine'; readonly machine: string; readonly forMs: number }
  /** A copy of the disk is taken, as somebody's backup of the volume would be. */
  | { readonly kind: 'saveVolume'; readonly machine: string }
  /** Power goes, and comes back with an empty disk, or with the copy that was taken. */
  | { readonly kind: 'loseVolume'; readonly machine: string; readonly restored: boolean; readonly forMs: number }
  /** An operator asks an orchestrator to change the shard. */
  | { readonly kind: 'ask'; readonly what: OperatorWish; readonly machine: string }
  /** One machine after the other is cut off from everybody, then they come back in another order. */
  | { readonly kind: 'swizzle'; readonly machines: readonly string[]; readonly stepMs: number; readonly forMs: number }
  /** A member of an etcd answers reads by what it knew. */
  | { readonly kind: 'staleReads'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'lateLeases'; readonly store: string; readonly byMs: number; readonly forMs: number }
  | { readonly kind: 'cancelWatches'; readonly store: string }
  | { readonly kind: 'compact'; readonly store: string }
  | { readonly kind: 'powerOff'; readonly machines: readonly string[]; readonly forMs: number }
  | { readonly kind: 'slowDisk'; readonly machine: string; readonly slowness: number; readonly forMs: number }
  | { readonly kind: 'fullDisk'; readonly machine: string; readonly forMs: number }
  | { readonly kind: 'failingSync'; readonly machine: string; readonly share: number; readonly forMs: number }
  | { readonly kind: 'endBackend'; readonly node: string; readonly nth: number; readonly politely: boolean }
  | { readonly kind: 'pausePools'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'renewBackends'; readonly node: string }
  | { readonly kind: 'clockStep'; readonly machine: string; readonly byMs: number }
  /** The process is told to leave in peace within `deadlineMs`; when it has gone it stays away for `forMs`. */
  | { readonly kind: 'drain'; readonly node: string; readonly deadlineMs: number; readonly forMs: number };

/** `machine` is the successor, or the member in question. */
export type OperatorWish = 'switchover' | 'failover' | 'addMember' | 'removeMember';

export type ActionKind = Action['kind'];

export interface Fault {
  readonly when: Trigger;
  readonly do: Action;
}

/** All that goes wrong in a run, as data: it can be saved, edited, replayed and made smaller. */
export interface Plan {
  readonly faults: readonly Fault[];
  /** From then on nothing is wrong any more, whatever the faults say. */
  readonly healMs: number;
}

const names = shape.list(shape.text);

const actionShapes: Readonly<Record<ActionKind, Fields>> = {
  cut: { from: names, to: names, oneWay: shape.flag, forMs: shape.number },
  slow: { from: shape.text, to: shape.text, delayMs: shape.number, forMs: shape.number },
  reset: { from: shape.text, to: shape.text },
  kill: { node: shape.text, forMs: shape.number },
  pause: { node: shape.text, forMs: shape.number },
  killMachine: { machine: shape.text, forMs: shape.number },
  pauseMachine: { machine: shape.text, forMs: shape.number },
  saveVolume: { machine: shape.text },
  loseVolume: { machine: shape.text, restored: shape.flag, forMs: shape.number },
  ask: { what: shape.text, machine: shape.text },
  swizzle: { machines: names, stepMs: shape.number, forMs: shape.number },
  staleReads: { node: shape.text, forMs: shape.number },
  lateLeases: { store: shape.text, byMs: shape.number, forMs: shape.number },
  cancelWatches: { store: shape.text },
  compact: { store: shape.text },
  powerOff: { machines: names, forMs: shape.number },
  slowDisk: { machine: shape.text, slowness: shape.number, forMs: shape.number },
  fullDisk: { machine: shape.text, forMs: shape.number },
  failingSync: { machine: shape.text, share: shape.number, forMs: shape.number },
  endBackend: { node: shape.text, nth: shape.number, politely: shape.flag },
  pausePools: { node: shape.text, forMs: shape.number },
  renewBackends: { node: shape.text },
  clockStep: { machine: shape.text, byMs: shape.number },
  drain: { node: shape.text, deadlineMs: shape.number, forMs: shape.number },
};

/** A plan from the text of a file. Throws an Error that says what is wrong, and where. */
export function parsePlan(text: string): Plan {
  return checkedPlan(JSON.parse(text) as unknown);
}

export function checkedPlan(value: unknown): Plan {
  const plan = shape.object(value, 'the plan', { faults: shape.any, healMs: shape.number });
  const faults = plan['faults'];
  if (!Array.isArray(faults)) throw new Error('the plan: faults must be a list');
  faults.forEach((fault: unknown, i) => checkFault(fault, `fault ${i + 1}`));
  return plan as unknown as Plan;
}

function checkFault(fault: unknown, where: string): void {
  const { when, do: action } = shape.object(fault, where, { when: shape.any, do: shape.any });
  const byTime = typeof when === 'object' && when !== null && 'atMs' in when;
  shape.object(when, `${where}, when`, {
    ...(byTime ? { atMs: shape.number } : { moment: shape.text, count: shape.number, delayMs: shape.number }),
    ...(typeof when === 'object' && when !== null && 'withinMs' in when ? { withinMs: shape.number } : {}),
  });
  const kind = (action as { kind?: unknown } | null)?.kind;
  if (typeof kind !== 'string' || !Object.hasOwn(actionShapes, kind)) {
    throw new Error(`${where}: the kind must be one of ${Object.keys(actionShapes).join(', ')}`);
  }
  shape.object(action, `${where}, do`, { kind: shape.text, ...actionShapes[kind as ActionKind] });
}

/** The plan as a file: one fault per line, to be read and edited. */
export function formatPlan(plan: Plan): string {
  const faults = plan.faults.map((fault) => `    ${JSON.stringify(fault)}`).join(',\n');
  return `{\n  "healMs": ${plan.healMs},\n  "faults": [${faults === '' ? '' : `\n${faults}\n  `}]\n}\n`;
}
