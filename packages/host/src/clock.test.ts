import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { HostClock } from './clock.ts';

function run(program: string): { readonly output: string; readonly tookMs: number } {
  const startMs = performance.now();
  const args = ['--conditions=@multigres/source', '--input-type=module', '-e', program];
  const { stdout } = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' });
  return { output: stdout, tookMs: performance.now() - startMs };
}

describe('the clock of this machine', () => {
  it('fires timers in the order of their deadlines even when the loop was busy past all of them', async () => {
    const clock = new HostClock();
    const seen: string[] = [];
    // Far enough apart that no pause of a busy machine between these lines changes which deadline comes first.
    clock.after(400, () => seen.push('400'));
    const busyUntil = clock.nowMs() + 3;
    while (clock.nowMs() < busyUntil);
    clock.after(100, () => seen.push('3 + 100'));
    const last = new Promise<void>((resolve) => clock.after(400, resolve)).then(() => seen.push('3 + 400'));
    const lateUntil = clock.nowMs() + 600;
    while (clock.nowMs() < lateUntil);
    await last;
    expect(seen).toEqual(['3 + 100', '400', '3 + 400']);
  });

  it('lets a process end when its last timer was cancelled, and keeps it for one that is pending', () => {
    const program = `
      import { HostClock } from './clock.ts';
      const clock = new HostClock();
      clock.after(60_000, () => undefined).cancel();
      clock.after(1, () => console.log('fired')).cancel();
      clock.after(20, () => console.log('kept'));
      clock.after(30_000, () => undefined).cancel();`;
    const { output, tookMs } = run(program);
    expect(output).toBe('kept\n');
    expect(tookMs).toBeLessThan(20_000);
  });

  it('waits for months without Node’s timers noticing how long', () => {
    const program = `
      import { HostClock } from './clock.ts';
      process.on('warning', (warning) => console.log(warning.name));
      const clock = new HostClock();
      for (const delayMs of [1e12, Infinity]) clock.after(delayMs, () => console.log('fired'));
      setTimeout(() => process.exit(), 50);`;
    expect(run(program).output).toBe('');
  });

  it('keeps nobody alive when asked not to', () => {
    const program = `
      import { HostClock } from './clock.ts';
      const clock = new HostClock({ timersKeepAlive: false });
      clock.after(60_000, () => undefined);
      clock.after(30_000, () => undefined);
      process.on('exit', () => console.log('over'));`;
    expect(run(program).output).toBe('over\n');
  });
});
