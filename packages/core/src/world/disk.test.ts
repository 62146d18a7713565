import { describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { writeDurably, type Disk } from './disk.ts';
import { quietWorld } from './quiet/quiet.ts';

/** A disk that notes which calls were made. */
function noting(disk: Disk, calls: string[]): Disk {
  return new Proxy(disk, {
    get: (target, name: keyof Disk) => {
      return (...args: [string, never]): unknown => {
        calls.push(`${name} ${args[0]}`);
        return (target[name] as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

describe('writeDurably', () => {
  it('makes the content durable before the name, and the name before it resolves', async () => {
    const calls: string[] = [];
    await writeDurably(noting(quietWorld().disk, calls), '/tmp/promise', utf8('1'));
    expect(calls).toEqual([
      'write /tmp/promise.tmp',
      'sync /tmp/promise.tmp',
      'rename /tmp/promise.tmp',
      'syncDirectory /tmp',
    ]);
  });

  it('knows the directory of a name in the root', async () => {
    const calls: string[] = [];
    await writeDurably(noting(quietWorld().disk, calls), '/promise', utf8('1'));
    expect(calls.at(-1)).toBe('syncDirectory /');
  });
});
