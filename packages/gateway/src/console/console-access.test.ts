import { describe, expect, it } from 'vitest';
import { consoleAccess, isThisMachine } from './console-access.ts';
import { defaultConsoleConfig, type ConsoleConfig } from './console-config.ts';

const config: ConsoleConfig = { ...defaultConsoleConfig, users: ['admin'], statsUsers: ['watcher'] };

function verdict(user: string, isProven: boolean, remote: string, more: Partial<ConsoleConfig> = {}): string {
  const access = consoleAccess({ ...config, ...more }, { user, isProven, remote });
  return access.kind === 'refused' ? access.error.sqlstate : access.mayCommand ? 'commands' : 'looks';
}

describe('the admin console', () => {
  it('is open to those who are named, for what they are named for', () => {
    expect(verdict('admin', true, '10.0.0.1:4')).toBe('commands');
    expect(verdict('watcher', true, '10.0.0.1:4')).toBe('looks');
    expect(verdict('postgres', true, '127.0.0.1:4')).toBe('42501');
    expect(verdict('Admin', true, '127.0.0.1:4')).toBe('42501');
  });

  it('believes somebody who has proven nothing on its own machine only, unless told otherwise', () => {
    expect(verdict('admin', false, '127.0.0.1:4')).toBe('commands');
    expect(verdict('admin', false, '10.0.0.1:4')).toBe('28000');
    expect(verdict('admin', false, '10.0.0.1:4', { trustAnywhere: true })).toBe('commands');
    expect(verdict('nobody', false, '10.0.0.1:4', { trustAnywhere: true })).toBe('42501');
  });

  it.each([
    ['127.0.0.1:5432', true],
    ['127.9.8.7:1', true],
    ['[::1]:5432', true],
    ['::ffff:127.0.0.1:5432', true],
    ['/tmp/.s.PGSQL.6432', true],
    ['', true],
    ['10.127.0.0:5432', false],
    ['128.0.0.1:5432', false],
    ['[2001:db8::1]:5432', false],
    ['127.0.0.1.example.org:5432', false],
    ['localhost.example.org:1', false],
  ])('takes %s for its own machine: %s', (remote, own) => {
    expect(isThisMachine(remote)).toBe(own);
  });
});
