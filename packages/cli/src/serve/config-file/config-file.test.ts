import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { CliError } from '../../errors.ts';
import { changesBetween, loadConfigFile, noConfigFile, readConfig } from './config-file.ts';

const example = new URL('../../../../../docs/multigres.example.toml', import.meta.url).pathname;

/** What is wrong with a file, line by line. */
function complaints(content: string): string[] {
  try {
    readConfig(content, '/etc/multigres.toml');
    return [];
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [error.message, ...error.quoted];
  }
}

test('the example is valid', () => {
  expect(loadConfigFile(example).pool.size).toBe(20);
});

test('the example shows every section and every setting', () => {
  const shown = readFileSync(example, 'utf8').replaceAll(/^# (?=\w+ = )/gm, '');
  // An unknown key makes the reader list what there is.
  for (const section of Object.keys(noConfigFile)) {
    expect(shown).toMatch(new RegExp(`^\\[${section}\\b`, 'm'));
    const [complaint] = complaints(`[${section}]\nqqqqqqqqqq = 1`);
    const names = complaint?.split('there are ')[1]?.split(', ');
    if (names !== undefined) for (const name of names) expect(shown).toMatch(new RegExp(`^${name} = `, 'm'));
  }
});

test('what the file does not mention is absent', () => {
  expect(readConfig('', 'x')).toEqual(noConfigFile);
  expect(readConfig('[limits]\nsessions_max = 7', 'x').limits).toEqual({ sessionsMax: 7 });
});

describe('a setting is read', () => {
  it.each([
    ['[timeouts]\nlogin_timeout = "1500ms"', { timeouts: { loginTimeout: 1500 } }],
    ['[timeouts]\nlogin_timeout = "2 min"', { timeouts: { loginTimeout: 120_000 } }],
    ['[timeouts]\nbackend_idle_timeout = 0', { timeouts: { backendIdleTimeout: 0 } }],
    ['[limits]\nwhole_message_bytes_max = "64MB"', { limits: { wholeMessageBytesMax: 64 * 1024 * 1024 } }],
    ['[auth]\nusers_file = "users.txt"', { auth: { usersFile: '/etc/users.txt' } }],
    ['[auth]\nusers_file = "/srv/users.txt"', { auth: { usersFile: '/srv/users.txt' } }],
    ['[gateway]\nlisten = "6432"', { gateway: { listen: { kind: 'tcp', host: '127.0.0.1', port: 6432 } } }],
    ['[postgres]\naddress = "/tmp"', { postgres: { address: { kind: 'unix', path: '/tmp/.s.PGSQL.5432' } } }],
  ])('%s', (content, expected) => {
    expect(readConfig(content, '/etc/multigres.toml')).toMatchObject(expected);
  });
});

describe('a mistake is named with its place and what is allowed', () => {
  it.each([
    ['[limit]\nsessions_max = 1', 'limit: unknown; did you mean [limits]?'],
    [
      'colour = 1',
      'colour: unknown; there are gateway, postgres, tls, postgres_tls, relay_tls, auth, limits, timeouts, pool, log, telemetry, console, users, databases',
    ],
    ['[limits]\nsession_max = 1', 'limits.session_max: unknown; did you mean limits.sessions_max?'],
    ['[limits]\nsessionsMax = 1', 'limits.sessionsMax: unknown; did you mean limits.sessions_max?'],
    ['[limits]\nsessions_max = "many"', 'limits.sessions_max: must be a whole number from 1 to 1000000, not "many"'],
    ['[limits]\nsessions_max = 0', 'limits.sessions_max: must be a whole number from 1 to 1000000, not 0'],
    ['[limits]\nsessions_max = 1.5', 'limits.sessions_max: must be a whole number from 1 to 1000000, not 1.5'],
    [
      '[limits]\nsessions_max = 9223372036854775807',
      'limits.sessions_max: must be a whole number from 1 to 1000000, not 9223372036854775807',
    ],
    [
      '[timeouts]\nlogin_timeout = 60',
      'timeouts.login_timeout: must be a duration from "100ms" to "1h" (units: us, ms, s, min, h, d), not 60',
    ],
    [
      '[timeouts]\nlogin_timeout = "60"',
      'timeouts.login_timeout: must be a duration from "100ms" to "1h" (units: us, ms, s, min, h, d), not "60"',
    ],
    [
      '[timeouts]\nbackend_idle_timeout = "90d"',
      'timeouts.backend_idle_timeout: must be a duration from "1ms" to "30d" (units: us, ms, s, min, h, d), or 0 for none, not "90d"',
    ],
    ['[log]\nlevel = "loud"', 'log.level: must be one of "debug", "info", "warn", "error", not "loud"'],
    ['[users.joe]\nsession_max = 1', 'users.joe.session_max: unknown; did you mean users.joe.sessions_max?'],
    ['[databases."a b"]\nuser = "x"', 'databases."a b".user: unknown; there are database, sessions_max, backends_max'],
    ['users = 3', 'users: must be sections: write [users.NAME], then its settings'],
    ['limits = 3', 'limits: must be a section: write [limits], then its settings'],
  ])('%s', (content, expected) => {
    expect(complaints(content)).toEqual([`/etc/multigres.toml: ${expected}`]);
  });

  it('all of them at once', () => {
    expect(complaints('[limits]\nsessions_max = 0\n[pool]\nsize = -1')).toEqual([
      '/etc/multigres.toml: limits.sessions_max: must be a whole number from 1 to 1000000, not 0',
      'pool.size: must be a whole number from 1 to 10000, not -1',
    ]);
  });

  it('what is no TOML with its line and column', () => {
    expect(complaints('[limits]\nsessions_max = = 1')[0]).toMatch(/^\/etc\/multigres\.toml:2:16: /);
    expect(complaints('[limits]\n[limits]')[0]).toMatch(/^\/etc\/multigres\.toml:2:/);
    expect(complaints('__proto__.x = 1')[0]).toMatch(/^\/etc\/multigres\.toml:1:/);
  });

  it('a file that is not there', () => {
    expect(() => loadConfigFile('/nowhere/at/all.toml')).toThrow(
      /^cannot read the configuration file \/nowhere\/at\/all\.toml: ENOENT/,
    );
  });
});

test('changes are named, and those that wait for a restart are marked', () => {
  const before = readConfig('[limits]\nsessions_max = 1\n[gateway]\nlisten = "1"\n[pool]\nsize = 4', 'x');
  const after = readConfig('[limits]\nsessions_max = 2\n[gateway]\nlisten = "2"\n[pool]\nsize = 4', 'x');
  expect(changesBetween(before, before)).toEqual([]);
  expect(changesBetween(before, after)).toEqual([
    { name: 'gateway.listen', needsRestart: true },
    { name: 'limits.sessions_max', needsRestart: false },
  ]);
  const users = readConfig('[users.joe]\nsessions_max = 1\n[users."a b"]\nbackends_max = 2', 'x');
  expect(changesBetween(noConfigFile, users).map(({ name }) => name)).toEqual([
    'users.joe.sessions_max',
    'users."a b".backends_max',
  ]);
  expect(changesBetween(users, noConfigFile)).toHaveLength(2);
});
