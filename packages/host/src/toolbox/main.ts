import { PgError } from '@multigres/core';
import { isToolName, toolNames } from './tool.ts';
import { ensureTool } from './toolbox.ts';

/** `./mg tools NAME...`: fetches programs ahead of their use and prints where they are, one line each. */
async function main(names: readonly string[]): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  if (names.length === 0 || names.some((name) => !isToolName(name))) {
    say(`usage: mg tools NAME...\nNAME is one of: ${toolNames.join(', ')}`);
    return names.includes('--help') ? 0 : 2;
  }
  try {
    for (const name of names.filter(isToolName)) {
      const { bin, version } = await ensureTool(name, say);
      process.stdout.write(`${name}\t${version}\t${bin}\n`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    say(`mg tools: ${error.message}`);
    if (error.report.detail !== undefined) say(`  ${error.report.detail}`);
    if (error.report.hint !== undefined) say(`hint: ${error.report.hint}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
