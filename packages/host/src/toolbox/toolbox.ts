import { execFile, spawn } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { toolUnavailable } from './errors.ts';
import { toolRecipes, type Tool, type ToolName } from './tool.ts';
import { repositoryRoot, toolsFolder, type ToolsFolder } from './tools-folder.ts';

/** Told what happens while a program is fetched: short lines for people. */
export type OnProgress = (line: string) => void;

const versionMsMax = 10_000;

/**
 * The program by name: fetched before, else on the system in an acceptable version, else fetched now (a few seconds,
 * from the Debian archive). Safe to call from several processes at once.
 *
 * Rejects with PgError 58000 if it is not there and cannot be fetched. A new Debian suite does not replace what was
 * fetched before: remove its folder below `.tools` to get the newer one.
 */
export async function ensureTool(name: ToolName, onProgress: OnProgress = () => {}): Promise<Tool> {
  const folder = toolsFolder();
  const found = await findTool(name, folder);
  if (found !== undefined) return found;
  if (folder.reason !== undefined) onProgress(folder.reason);
  await fetchTool(name, folder, onProgress);
  const fetched = await fetchedTool(name, folder);
  if (fetched === undefined) throw toolUnavailable(name, 'The fetched program does not run on this machine.');
  onProgress(`${name} ${fetched.version} is ready`);
  return fetched;
}

/** As `ensureTool`, but without fetching: undefined if it is not there. */
export async function findTool(name: ToolName, folder: ToolsFolder = toolsFolder()): Promise<Tool | undefined> {
  return (await fetchedTool(name, folder)) ?? (await systemTool(name));
}

async function fetchedTool(name: ToolName, folder: ToolsFolder): Promise<Tool | undefined> {
  const { binWithin, program } = toolRecipes[name];
  const tree = path.join(folder.path, name);
  if (!isIntact(tree)) return undefined;
  return toolIn(path.join(tree, binWithin), program);
}

/** The programs hold the absolute path of their loader: a tree that was moved or copied has to be fetched again. */
function isIntact(tree: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(path.join(tree, 'manifest.json'), 'utf8'));
    return (
      typeof manifest === 'object' && manifest !== null && 'dir' in manifest && manifest.dir === realpathSync(tree)
    );
  } catch {
    return false;
  }
}

async function systemTool(name: ToolName): Promise<Tool | undefined> {
  const { program, systemFolders, accepts } = toolRecipes[name];
  const onPath = (process.env['PATH'] ?? '').split(':').filter((folder) => path.isAbsolute(folder));
  for (const folder of [...systemFolders, ...onPath]) {
    const tool = await toolIn(folder, program);
    if (tool !== undefined && accepts(tool.version.split('.').map(Number))) return tool;
  }
  return undefined;
}

/** Asks the program for its version: one that is missing or does not run is no tool. */
function toolIn(bin: string, program: string): Promise<Tool | undefined> {
  return new Promise((resolve) => {
    execFile(path.join(bin, program), ['--version'], { timeout: versionMsMax }, (error, stdout, stderr) => {
      const version = /\d+(?:\.\d+)+/.exec(stdout + stderr)?.[0];
      resolve(error === null && version !== undefined ? { bin, version } : undefined);
    });
  });
}

function fetchTool(name: ToolName, folder: ToolsFolder, onProgress: OnProgress): Promise<void> {
  const { suite, packages } = toolRecipes[name];
  const script = path.join(repositoryRoot, 'tools/debian-suite.mjs');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, suite, path.join(folder.path, name), ...packages], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // Node's fetch heeds http_proxy only when told to.
      env: { ...process.env, NODE_USE_ENV_PROXY: '1', NODE_OPTIONS: '' },
    });
    let last = 'It ended without a word.';
    createInterface(child.stderr).on('line', (line) => {
      last = line;
      onProgress(line);
    });
    child.on('error', (error) => reject(toolUnavailable(name, error.message, error)));
    child.on('close', (code) => (code === 0 ? resolve() : reject(toolUnavailable(name, last))));
  });
}
