import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../../../..');
const buf = path.join(root, 'node_modules/.bin/buf');
const env = { ...process.env, PATH: `${path.join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` };

async function treeOf(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return new Map(files.map((file, i) => [path.relative(folder, file), texts[i] as string]));
}

describe('the generated code', () => {
  it.each([
    ['buf.gen.yaml', 'packages/rpc/src/gen'],
    ['packages/host/buf.gen.yaml', 'packages/host/src/topology/gen'],
  ])('of %s is what generating it anew gives', { timeout: 60_000 }, async (template, folder) => {
    const scratch = await mkdtemp(path.join(tmpdir(), 'mg-gen-'));
    try {
      await run(buf, ['generate', '--template', template, '-o', scratch], { cwd: root, env });
      expect(await treeOf(path.join(root, folder))).toEqual(await treeOf(path.join(scratch, folder)));
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });

  it('comes from definitions that follow the rules', { timeout: 60_000 }, async () => {
    await run(buf, ['lint'], { cwd: root, env });
  });
});
