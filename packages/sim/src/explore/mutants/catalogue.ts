import type { Mutant } from '../mutation.ts';

/** Every planted bug. */
export const mutantCatalogue: readonly Mutant[] = [];
