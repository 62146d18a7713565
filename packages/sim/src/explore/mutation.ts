import { registerHooks } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** A planted bug: one place in the product's source, replaced when it is loaded. The product itself holds nothing of it. */
export interface Mutant {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Source text that must stand there exactly once, or the catalogue is stale. */
  readonly find: string;
  readonly replace: string;
  /** What the bug would do to users. */
  readonly why: string;
  /** The weather in which it is hunted, if not in the usual one. */
  readonly scenario?: string;
}

/** Why a mutant cannot be planted any more; undefined if it can. */
export function staleness(root: string, mutant: Mutant): string | undefined {
  let source: string;
  try {
    source = readFileSync(`${root}/${mutant.file}`, 'utf8');
  } catch {
    return `${mutant.file} is not there any more`;
  }
  const places = source.split(mutant.find).length - 1;
  if (places === 1) return undefined;
  return `its text stands ${places} times in ${mutant.file}, it must stand there once: ${JSON.stringify(mutant.find)}`;
}

/** From now on this process loads the file with the bug in it. Must be called before anything imports the file. */
export function plant(root: string, mutant: Mutant): void {
  const stale = staleness(root, mutant);
  if (stale !== undefined) throw new Error(`mutant ${mutant.name} is stale: ${stale}`);
  const url = pathToFileURL(`${root}/${mutant.file}`).href;
  registerHooks({
    load(loaded, context, nextLoad) {
      const result = nextLoad(loaded, context);
      if (loaded !== url) return result;
      // Before types are stripped: the catalogue quotes the source as people read it.
      return { ...result, source: readFileSync(new URL(url), 'utf8').replace(mutant.find, () => mutant.replace) };
    },
  });
}
