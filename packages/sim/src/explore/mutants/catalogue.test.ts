import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { staleness } from '../mutation.ts';
import { mutantCatalogue } from './catalogue.ts';

const root = fileURLToPath(new URL('../../../../../', import.meta.url)).replace(/\/$/, '');

describe('the catalogue of planted bugs', () => {
  it('has a name of its own for each', () => {
    const names = mutantCatalogue.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(mutantCatalogue.map((mutant) => ({ name: mutant.name, mutant })))('can still plant $name', ({ mutant }) => {
    expect(staleness(root, mutant)).toBeUndefined();
    expect(mutant.replace).not.toBe(mutant.find);
  });
});
