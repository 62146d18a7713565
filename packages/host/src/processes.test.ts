import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HostClock } from './clock.ts';
import { HostProcesses } from './processes.ts';

const processes = new HostProcesses(new HostClock());
const limits = { timeoutMs: 10_000 };
const shell = (script: string) => ({ program: 'sh', args: ['-c', script] }) as const;

describe('the processes of this machine', () => {
  it('does not wait for a daemon that keeps the output of a program open', async () => {
    const result = await processes.run(shell('sleep 60 & echo $!'), limits);
    expect(result.timedOut).toBe(false);
    const pid = Number(result.stdout);
    expect(processes.isAlive(pid)).toBe(true);
    processes.signal(pid, 'SIGKILL');
  });

  it('takes a process that is dead but unburied for dead', async () => {
    // The shell starts a child, replaces itself with sleep, and so never asks for the child's exit.
    const child = await processes.spawn(shell('sleep 0.1 & echo $!; exec sleep 60'));
    const pid = Number(await new Promise<string>((resolve) => child.onLine(resolve)));
    const clock = new HostClock();
    for (let i = 0; i < 500 && processes.isAlive(pid); i++) await clock.sleep(5);
    expect(processes.isAlive(pid)).toBe(false);
    expect(processes.isAlive(child.pid)).toBe(true);
    child.signal('SIGKILL');
    await child.exited;
  });

  it('refuses a program that may not be run, and a directory that is not there', async () => {
    await expect(processes.run({ program: '/etc/passwd', args: [] }, limits)).rejects.toMatchObject({ code: 'denied' });
    const nowhere = { ...shell('pwd'), directory: '/nowhere' };
    await expect(processes.run(nowhere, limits)).rejects.toMatchObject({ code: 'notFound' });
  });

  it('runs in the directory, and never detaches what it would have to listen to', async () => {
    expect((await processes.run({ ...shell('pwd'), directory: '/usr' }, limits)).stdout).toBe('/usr\n');
    await expect(processes.spawn({ ...shell('true'), detached: true })).rejects.toThrow('writes to a file');
  });

  it.runIf(process.getuid?.() === 0)('runs as another user and group, without our other groups', async () => {
    const result = await processes.run(
      { ...shell('id -u; id -g; id -G'), runAs: { uid: 65_534, gid: 65_533 } },
      limits,
    );
    expect(result.stdout).toBe('65534\n65533\n65533\n');
  });

  it('a detached program leads a session of its own', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mg-'));
    const outputFile = join(directory, 'log');
    const child = await processes.spawn({ ...shell('exec sleep 60'), detached: true, outputFile });
    const stat = await processes.run({ program: 'ps', args: ['-o', 'sid=', '-p', `${child.pid}`] }, limits);
    expect(Number(stat.stdout)).toBe(child.pid);
    child.signal('SIGKILL');
    await child.exited;
    await rm(directory, { recursive: true });
  });
});
