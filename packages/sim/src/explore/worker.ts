import type { FromWorker, RunSeed, SeedResult, Setup } from './messages.ts';

// A process that runs seeds. What it runs is imported only after a mutant, if there is one, has been planted.

function tell(message: FromWorker): void {
  process.send?.(message);
}

async function prepare(setup: Setup): Promise<(seed: number) => Promise<SeedResult>> {
  if (setup.mutant) (await import('./mutation.ts')).plant(setup.root, setup.mutant);
  const { assembleCluster, prepareModels } = await import('../assemble.ts');
  await prepareModels();
  const { runOnce } = await import('../run.ts');
  const { runTwice } = await import('./run-twice.ts');
  const { scenario, plan, twiceEvery } = setup;
  return async (seed) => {
    const again = twiceEvery > 0 && seed % twiceEvery === 0;
    const options = { scenario, seed, ...(plan ? { plan } : {}) };
    const full = await (again ? runTwice : runOnce)(assembleCluster, options);
    const { lines: _lines, windowLines: _window, lives: _lives, checkpoints: _checkpoints, ...result } = full;
    return result;
  };
}

let run: ((seed: number) => Promise<SeedResult>) | undefined;

async function handle(message: Setup | RunSeed): Promise<void> {
  try {
    if (message.kind === 'setup') {
      run = await prepare(message);
      tell({ kind: 'ready' });
    } else if (run) tell({ kind: 'result', result: await run(message.seed) });
  } catch (error) {
    tell({ kind: 'broken', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

process.on('message', (message) => void handle(message as Setup | RunSeed));
// The parent is gone: so are we.
process.on('disconnect', () => process.exit(0));
