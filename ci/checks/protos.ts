// The definitions of services: well-formed, and the generated code is what they generate.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Finding } from '../finding.ts';
import { runCommand } from '../run-command.ts';
import { filesBelow, repositoryRoot } from '../source/files.ts';
import { at, orWhole } from './tools.ts';

const templates = ['buf.gen.yaml', 'packages/host/buf.gen.yaml'];

export async function protos(): Promise<Finding[]> {
  const { code, stdout, stderr } = await runCommand('buf', ['lint']);
  const found = [...stdout.matchAll(/^([^\s:]+):(\d+):\d+:(.*)$/gm)];
  const lint = found.map(([, file, line, text]) => at(file, line, 'protos', text));
  if (code !== 0) return orWhole('protos', stdout + stderr, lint);
  const present = templates.filter((template) => existsSync(path.join(repositoryRoot, template)));
  return (await Promise.all(present.map(staleCode))).flat();
}

/** Generates anew into a scratch folder and compares. */
async function staleCode(template: string): Promise<Finding[]> {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'mg-protos-'));
  try {
    const { code, stdout, stderr } = await runCommand('buf', ['generate', '--template', template, '--output', scratch]);
    if (code !== 0) return orWhole('protos', stdout + stderr, []);
    return filesBelow(scratch)
      .filter((file) => textOf(path.join(scratch, file)) !== textOf(path.join(repositoryRoot, file)))
      .map((file) =>
        at(file, 0, 'protos', `is not what ${template} generates; run pnpm --filter @multigres/rpc generate`),
      );
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
