import { Dice } from './dice.ts';
import type { CutWay } from './fault-proxy.ts';
import type { Injury, NodePart, Round, Target } from './injury.ts';

/** How many there are of what. */
export interface ClusterSize {
  readonly nodes: number;
  readonly orchestrators: number;
  readonly gateways: number;
  readonly etcds: number;
}

/** Rounds without end; the same for the same seed and size, however long they take to be carried out. */
export function* injuryPlan(seed: number, size: ClusterSize): Generator<Round, never> {
  const dice = new Dice(seed);
  for (;;) {
    const count = dice.weighted([
      [6, 1],
      [3, 2],
      [1, 3],
    ]);
    yield {
      acts: Array.from({ length: count }, (_, i) => ({
        afterMs: i === 0 ? 0 : dice.between(0, 3000),
        injury: drawInjury(dice, size, i),
      })),
      restMs: dice.between(500, 6000),
    };
  }
}

type Draw = (dice: Dice, size: ClusterSize) => Injury;

const parts: readonly NodePart[] = ['postgres', 'pooler', 'pgctld'];

/** The leader is hit more often than its share, because that is what hurts. */
const drawNode = (dice: Dice, { nodes }: ClusterSize): number | 'leader' =>
  dice.fraction() < 0.5 ? 'leader' : dice.between(0, nodes - 1);

const drawTarget = (dice: Dice, size: ClusterSize): Target =>
  dice.weighted<() => Target>([
    [6, () => ({ kind: 'node', node: drawNode(dice, size), part: dice.pick(parts) })],
    [2, () => ({ kind: 'orch', index: dice.between(0, size.orchestrators - 1) })],
    [1, () => ({ kind: 'gateway', index: dice.between(0, size.gateways - 1) })],
    [1, () => ({ kind: 'etcd', index: dice.between(0, size.etcds - 1) })],
  ])();

function wholeNode(node: number | 'leader'): readonly Target[] {
  return parts.map((part) => ({ kind: 'node', node, part }));
}

const everyEtcd = ({ etcds }: ClusterSize): readonly Target[] =>
  Array.from({ length: etcds }, (_, index) => ({ kind: 'etcd', index }));

const single: readonly (readonly [number, Draw])[] = [
  [30, (dice, size) => ({ kind: 'kill', targets: [drawTarget(dice, size)], forMs: dice.between(100, 4000) })],
  [12, (dice, size) => ({ kind: 'kill', targets: wholeNode(drawNode(dice, size)), forMs: dice.between(200, 8000) })],
  [18, (dice, size) => ({ kind: 'freeze', targets: [drawTarget(dice, size)], forMs: dice.between(300, 8000) })],
  [5, (dice, size) => ({ kind: 'freeze', targets: wholeNode(drawNode(dice, size)), forMs: dice.between(500, 8000) })],
  [3, (dice, size) => ({ kind: 'kill', targets: everyEtcd(size), forMs: dice.between(1000, 12_000) })],
  [
    12,
    (dice, size) => ({
      kind: 'cut',
      node: drawNode(dice, size),
      way: dice.pick<CutWay>(['both', 'both', 'in', 'out']),
      forMs: dice.between(300, 8000),
    }),
  ],
  [
    6,
    (dice, size) => ({
      kind: 'delay',
      node: drawNode(dice, size),
      delayMs: dice.between(20, 400),
      forMs: dice.between(1000, 8000),
    }),
  ],
  [4, (dice) => ({ kind: 'fillDisk', forMs: dice.between(1000, 8000) })],
  [
    3,
    (dice, size) => ({
      kind: 'clockJump',
      orch: dice.between(0, size.orchestrators - 1),
      byMs: dice.pick([-1, 1]) * dice.between(1000, 86_400_000),
    }),
  ],
  [7, () => ({ kind: 'switchover' })],
];

/** Restarting everything in turn is a round of its own. */
function drawInjury(dice: Dice, size: ClusterSize, position: number): Injury {
  if (position === 0 && dice.fraction() < 0.03) return { kind: 'rollingRestart' };
  return dice.weighted(single)(dice, size);
}
