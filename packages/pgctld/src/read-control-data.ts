import type { World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import { parseControlData, type ControlData } from './control-data.ts';
import { programUnusable } from './errors.ts';

/** Asks pg_controldata about a data directory. Rejects with 58000 if it cannot read it. */
export async function readControlData(world: World, config: PgctldConfig, directory: string): Promise<ControlData> {
  const program = `${config.binDirectory}/pg_controldata`;
  const command = {
    program,
    args: ['-D', directory],
    env: { LC_ALL: 'C' },
    directory: '/',
    ...(config.runAs === undefined ? {} : { runAs: config.runAs }),
  };
  const result = await world.processes.run(command, { timeoutMs: 10_000 });
  const data = parseControlData(result.stdout);
  if (data === undefined) throw programUnusable(program, `${result.stdout}\n${result.stderr}`.trim());
  return data;
}
