import { beforeAll, describe, expect, it } from 'vitest';
import { assembleCluster, prepareModels } from './assemble.ts';
import type { AssembleCluster } from './cluster.ts';
import { firstDifferentBlock, runTwice } from './explore/run-twice.ts';
import { runOnce } from './run.ts';
import type { Scenario } from './scenario.ts';

const scenario: Scenario = {
  name: 'test/direct',
  title: 'a short life',
  cluster: { kind: 'direct', gateways: 0 },
  users: [2, 2],
  faults: ['kill', 'cut', 'pause'],
  fromMs: 500,
  healMs: 2000,
  endMs: 2500,
};

beforeAll(prepareModels);

describe('a run', () => {
  it('is the same to the last event when it is repeated, and another with another seed', async () => {
    const one = await runOnce(assembleCluster, { scenario, seed: 1 });
    const again = await runOnce(assembleCluster, { scenario, seed: 1 });
    const other = await runOnce(assembleCluster, { scenario, seed: 2 });
    expect(one.failures).toEqual([]);
    expect(one.events).toBeGreaterThan(500);
    expect([again.hash, again.events, again.clusterSeconds]).toEqual([one.hash, one.events, one.clusterSeconds]);
    expect(other.hash).not.toBe(one.hash);
  });

  it('does not depend on whether somebody looks', async () => {
    const plain = await runOnce(assembleCluster, { scenario, seed: 3 });
    const watched = await runOnce(assembleCluster, { scenario, seed: 3, trace: { keepLines: true } });
    expect(watched.hash).toBe(plain.hash);
    expect(watched.lines.length).toBeGreaterThan(100);
  });

  it('says in which event two runs begin to differ', async () => {
    let runs = 0;
    const moody: AssembleCluster = (weather, spec, checks) => {
      runs += 1;
      // Something that is not part of the simulation: every other run is a little different, late in its life.
      const extra = runs % 2;
      weather.kernel.in(1_500_000, 9, weather.kernel.god, () => weather.kernel.trace.note(extra));
      return assembleCluster(weather, spec, checks);
    };
    const result = await runTwice(moody, { scenario, seed: 4 });
    expect(result.verdict).toBe('failed');
    expect(result.failures[0]?.oracle).toBe('determinism');
    expect(result.failures[0]?.sentence).toMatch(/first "event \d+ at 1[45]\d{5} us/);
  });

  it('fails when simulated code looks at the real clock', async () => {
    const curious: AssembleCluster = (weather, spec, checks) => {
      const cluster = assembleCluster(weather, spec, checks);
      return {
        ...cluster,
        start: async () => {
          await cluster.start();
          Date.now();
        },
      };
    };
    const result = await runOnce(curious, { scenario, seed: 5 });
    expect(result.failures[0]?.sentence).toContain('Date.now was called inside the simulation');
  });

  it('finds the first differing checkpoint', () => {
    expect(firstDifferentBlock(['a', 'b', 'c'], ['a', 'b', 'c'])).toBe(3);
    expect(firstDifferentBlock(['a', 'b', 'c'], ['a', 'x', 'y'])).toBe(1);
    expect(firstDifferentBlock(['a'], ['x'])).toBe(0);
  });
});
