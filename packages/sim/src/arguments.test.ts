import { describe, expect, it } from 'vitest';
import { BadUsage, parseArguments } from './arguments.ts';

const parse = (line: string): unknown => parseArguments(line.split(' ').filter(Boolean), 2);

describe('the command line', () => {
  it('asks for one seed, many seeds or the planted bugs', () => {
    expect(parse('--seed 7')).toEqual({ kind: 'one', seed: 7, scenario: 'pooling/weather', json: false, show: false });
    expect(parse('--seeds=1..3 --jobs 4 --json')).toEqual({
      kind: 'many',
      seeds: [1, 2, 3],
      scenario: 'pooling/weather',
      json: true,
      jobs: 4,
    });
    expect(parse('mutants --only a/b --seeds-max 9')).toMatchObject({
      kind: 'mutants',
      only: 'a/b',
      seedsMax: 9,
      jobs: 2,
    });
    expect(parse('--help')).toEqual({ kind: 'help' });
  });

  it.each([
    ['', 'give either'],
    ['--seed 1 --seeds 1..2', 'give either'],
    ['--seed -1', 'whole number'],
    ['--seed 1.5', 'whole number'],
    ['--seed', 'needs a value'],
    ['--seed 1 --seed 2', 'given twice'],
    ['--seeds 5..1', 'is empty'],
    ['--seeds 1-5', 'must look like'],
    ['--seeds 0..99999999', 'too many'],
    ['--seeds 1..2 --jobs 0', 'above 0'],
    ['--seeds 1..2 --show lanes', 'goes with --seed'],
    ['--seed 1 --jobs 2', 'goes with --seeds'],
    ['--seed 1 --show html', 'knows "lanes"'],
    ['--seed 1 --json=yes', 'takes no value'],
    ['--seed 1 --patch x.diff', 'not built yet'],
    ['--sed 1', 'unknown argument'],
    ['mutants --seed 1', 'unknown argument'],
    ['minimise --seed 1', 'not built yet'],
    ['everything', 'unknown command'],
  ])('refuses "%s" in one line', (line, words) => {
    expect(() => parse(line)).toThrow(BadUsage);
    expect(() => parse(line)).toThrow(words);
  });
});
