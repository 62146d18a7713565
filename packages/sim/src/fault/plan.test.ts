import { describe, expect, it } from 'vitest';
import { RandomStream } from '../kernel/random-stream.ts';
import { generatePlan, type FaultMenu } from './generate.ts';
import { formatPlan, parsePlan } from './plan.ts';

const menu: FaultMenu = {
  kinds: [
    'cut',
    'slow',
    'reset',
    'kill',
    'pause',
    'powerOff',
    'slowDisk',
    'fullDisk',
    'failingSync',
    'endBackend',
    'clockStep',
    'drain',
    'killMachine',
    'swizzle',
    'pauseMachine',
    'saveVolume',
    'loseVolume',
    'ask',
    'staleReads',
    'lateLeases',
    'cancelWatches',
    'compact',
  ],
  nodes: [
    { node: 'a', machine: 'ma' },
    { node: 'b', machine: 'mb' },
  ],
  links: [['ma', 'mb']],
  disks: ['mb'],
  servers: ['b'],
  drainable: ['a'],
  poolers: ['b'],
  stores: [{ store: 'global', nodes: ['c'] }],
  moments: ['something happened'],
  fromMs: 100,
  healMs: 5000,
};

describe('fault plans', () => {
  it('are a function of the dice, survive a file, and differ from seed to seed', () => {
    const texts = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const plan = generatePlan(new RandomStream(`plan ${seed}`), menu);
      const text = formatPlan(plan);
      expect(parsePlan(text)).toEqual(plan);
      expect(formatPlan(generatePlan(new RandomStream(`plan ${seed}`), menu))).toBe(text);
      texts.add(text);
    }
    expect(texts.size).toBeGreaterThan(150);
  });

  it.each([
    ['nonsense', 'JSON'],
    ['{"faults": []}', 'healMs'],
    ['{"healMs": 1, "faults": 3}', 'must be a list'],
    ['{"healMs": 1, "faults": [{"when": {"atMs": 1}, "do": {"kind": "explode"}}]}', 'fault 1: the kind must be one of'],
    [
      '{"healMs": 1, "faults": [{"when": {"atMs": "soon"}, "do": {"kind": "kill", "node": "a", "forMs": 1}}]}',
      'atMs must be a finite number',
    ],
    ['{"healMs": 1, "faults": [{"when": {"atMs": 1}, "do": {"kind": "kill", "forMs": 1}}]}', 'node must be a text'],
    [
      '{"healMs": 1, "faults": [{"when": {"atMs": 1}, "do": {"kind": "kill", "node": "a", "forMs": 1, "loud": true}}]}',
      'unknown field loud',
    ],
  ])('refuse %s', (text, words) => {
    expect(() => parsePlan(text)).toThrow(words);
  });
});
