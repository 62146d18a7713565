import { describe, expect, it } from 'vitest';
import { injuryPlan } from './injury-plan.ts';
import { injuryText, type Injury, type Round } from './injury.ts';

const size = { nodes: 3, orchestrators: 3, gateways: 2, etcds: 4 };

function rounds(seed: number, count: number): readonly Round[] {
  const plan = injuryPlan(seed, size);
  return Array.from({ length: count }, () => plan.next().value);
}

const injuries = (seed: number, count: number): readonly Injury[] =>
  rounds(seed, count).flatMap(({ acts }) => acts.map(({ injury }) => injury));

describe('the plan of injuries', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(rounds(7, 50)).toEqual(rounds(7, 50));
    expect(rounds(7, 50)).not.toEqual(rounds(8, 50));
  });

  it('has all kinds before long', () => {
    const kinds = new Set(injuries(1, 300).map(({ kind }) => kind));
    expect([...kinds].toSorted()).toEqual(
      ['clockJump', 'cut', 'delay', 'fillDisk', 'freeze', 'kill', 'rollingRestart', 'switchover'].toSorted(),
    );
  });

  it('hits everybody, and nobody who is not there', () => {
    const hit = new Set<string>();
    for (const injury of injuries(2, 500)) {
      if (injury.kind !== 'kill' && injury.kind !== 'freeze') continue;
      for (const target of injury.targets) {
        hit.add(target.kind === 'node' ? `${target.part} ${target.node}` : `${target.kind} ${target.index}`);
      }
    }
    const nodes = ['leader', 0, 1, 2].flatMap((node) =>
      ['postgres', 'pooler', 'pgctld'].map((part) => `${part} ${node}`),
    );
    const others = [0, 1, 2]
      .map((i) => `orch ${i}`)
      .concat(
        [0, 1].map((i) => `gateway ${i}`),
        [0, 1, 2, 3].map((i) => `etcd ${i}`),
      );
    expect([...hit].toSorted()).toEqual([...nodes, ...others].toSorted());
  });

  it.each<readonly [string, Injury]>([
    [
      "SIGKILL of the leader's postgres, orch 2; back after 0.5 s",
      {
        kind: 'kill',
        targets: [
          { kind: 'node', node: 'leader', part: 'postgres' },
          { kind: 'orch', index: 1 },
        ],
        forMs: 500,
      },
    ],
    ['links to node 1 cut for 0.4 s', { kind: 'cut', node: 0, way: 'in', forMs: 400 }],
    ['links of node 3 late by 40 ms for 2.0 s', { kind: 'delay', node: 2, delayMs: 40, forMs: 2000 }],
    ['clock of orch 1 wrong by -3.0 s', { kind: 'clockJump', orch: 0, byMs: -3000 }],
  ])('reads: %s', (text, injury) => {
    expect(injuryText(injury)).toBe(text);
  });
});
