import type { CutWay } from './fault-proxy.ts';

/** What stands beside one Postgres, Postgres included. */
export type NodePart = 'postgres' | 'pooler' | 'pgctld';

/** Whom an injury hits. The leader is whoever leads when it happens. */
export type Target =
  | { readonly kind: 'node'; readonly node: number | 'leader'; readonly part: NodePart }
  | { readonly kind: 'orch' | 'gateway' | 'etcd'; readonly index: number };

/** One thing that is done to a cluster. Whoever is killed is started again after `forMs`, as an init system would. */
export type Injury =
  | { readonly kind: 'kill'; readonly targets: readonly Target[]; readonly forMs: number }
  | { readonly kind: 'freeze'; readonly targets: readonly Target[]; readonly forMs: number }
  /** Nothing gets through to or from a node, or neither, or only late. */
  | { readonly kind: 'cut'; readonly node: number | 'leader'; readonly way: CutWay; readonly forMs: number }
  | { readonly kind: 'delay'; readonly node: number | 'leader'; readonly delayMs: number; readonly forMs: number }
  /** Of the node whose disk is small enough. */
  | { readonly kind: 'fillDisk'; readonly forMs: number }
  /** The orchestrator starts again with a wall clock that is wrong. */
  | { readonly kind: 'clockJump'; readonly orch: number; readonly byMs: number }
  | { readonly kind: 'switchover' }
  | { readonly kind: 'rollingRestart' };

/** Injuries that begin together or shortly one after the other; then the cluster must heal, and rests. */
export interface Round {
  readonly acts: readonly { readonly afterMs: number; readonly injury: Injury }[];
  readonly restMs: number;
}

const wayText: Readonly<Record<CutWay, string>> = { in: 'to', out: 'from', both: 'of' };
const nodeText = (node: number | 'leader'): string => (node === 'leader' ? 'the leader' : `node ${node + 1}`);

export function targetText(target: Target): string {
  if (target.kind !== 'node') return `${target.kind} ${target.index + 1}`;
  return target.node === 'leader' ? `the leader's ${target.part}` : `${target.part} ${target.node + 1}`;
}

const secondsText = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** A sentence without a verb form: `SIGKILL of pooler 2, back after 0.5 s`. */
export function injuryText(injury: Injury): string {
  switch (injury.kind) {
    case 'kill':
      return `SIGKILL of ${injury.targets.map(targetText).join(', ')}; back after ${secondsText(injury.forMs)}`;
    case 'freeze':
      return `SIGSTOP of ${injury.targets.map(targetText).join(', ')} for ${secondsText(injury.forMs)}`;
    case 'cut':
      return `links ${wayText[injury.way]} ${nodeText(injury.node)} cut for ${secondsText(injury.forMs)}`;
    case 'delay':
      return `links of ${nodeText(injury.node)} late by ${injury.delayMs} ms for ${secondsText(injury.forMs)}`;
    case 'fillDisk':
      return `disk of the last node full for ${secondsText(injury.forMs)}`;
    case 'clockJump':
      return `clock of orch ${injury.orch + 1} wrong by ${secondsText(injury.byMs)}`;
    case 'switchover':
      return 'planned switchover';
    case 'rollingRestart':
      return 'rolling restart of everything';
  }
}
