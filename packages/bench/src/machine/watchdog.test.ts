import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const watchdog = new URL('./watchdog.ts', import.meta.url).href;
let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'multigres-watchdog-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process that keeps a watchdog, starts two sleepers in groups of their own, drops the second one, and waits. */
async function keeper(): Promise<{ keeper: ChildProcess; sleepers: readonly number[] }> {
  const code = `
    import { spawn } from 'node:child_process';
    const { Watchdog } = await import('${watchdog}');
    const dog = new Watchdog('${folder}');
    const sleepers = [1, 2, 3].map(() => spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).pid);
    for (const pid of sleepers) dog.add(pid);
    dog.drop(sleepers[1]);
    process.on('message', () => { dog.done(); process.exit(0); });
    process.send(sleepers);`;
  const child = spawn(process.execPath, ['--conditions=@multigres/source', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const sleepers = await new Promise<number[]>((resolve) => child.once('message', (pids) => resolve(pids as number[])));
  return { keeper: child, sleepers };
}

/** A zombie that nobody has waited for is not alive. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z';
  } catch {
    return false;
  }
}

test('when we are killed, it ends what we had started and removes the folder, and leaves alone what had ended before', async () => {
  const { keeper: child, sleepers } = await keeper();
  child.kill('SIGKILL');
  await vi.waitFor(
    () => expect([existsSync(folder), ...sleepers.map(isAlive)]).toEqual([false, false, true, false]),
    30_000,
  );
  process.kill(sleepers[1] as number, 'SIGKILL');
});

test('when we end in good order, it does nothing', async () => {
  const { keeper: child, sleepers } = await keeper();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.send('end');
  await ended;
  expect([existsSync(folder), ...sleepers.map(isAlive)]).toEqual([true, true, true, true]);
  for (const pid of sleepers) process.kill(pid, 'SIGKILL');
});
