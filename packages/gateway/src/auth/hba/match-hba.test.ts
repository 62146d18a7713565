import { describe, expect, it } from 'vitest';
import { hostOf, matchHba, type HbaClient } from './match-hba.ts';
import { parseHba } from './parse-hba.ts';

/** The line that decides, or none. */
function line(text: string, client: Partial<HbaClient>): number | undefined {
  const parsed = parseHba(text, 'hba');
  if (parsed.kind === 'refused') throw new Error(parsed.problems.join('\n'));
  const someone = {
    user: 'joe',
    database: 'app',
    replication: 'none',
    encrypted: false,
    remote: '10.1.2.3:4567',
  } as const;
  const where = matchHba(parsed.rules, { ...someone, ...client })?.where;
  return where === undefined ? undefined : Number(where.slice('hba:'.length));
}

describe('the rule for a client', () => {
  it('is the first that fits, and there may be none', () => {
    const text = 'host app ann all trust\nhost app joe 10.0.0.0/8 reject\nhost all all all trust';
    expect(line(text, {})).toBe(2);
    expect(line(text, { user: 'ann' })).toBe(1);
    expect(line(text, { remote: '11.1.2.3:4567' })).toBe(3);
    expect(line('host app ann all trust', {})).toBeUndefined();
  });

  it('looks at how the client is connected', () => {
    const text = 'local all all trust\nhostssl all all all trust\nhostnossl all all all trust';
    expect(line(text, { remote: '/tmp/.s.PGSQL.5432' })).toBe(1);
    expect(line(text, { encrypted: true })).toBe(2);
    expect(line(text, {})).toBe(3);
    expect(line('host all all all trust', { remote: '/tmp/.s.PGSQL.5432' })).toBeUndefined();
    expect(line('local all all trust', {})).toBeUndefined();
  });

  it.each([
    ['10.1.2.3/32', '10.1.2.3:1', true],
    ['10.1.2.3/32', '10.1.2.4:1', false],
    ['10.1.2.0/23', '10.1.3.255:1', true],
    ['10.1.2.0/23', '10.1.4.0:1', false],
    ['0.0.0.0/0', '1.2.3.4:1', true],
    ['0.0.0.0/0', '[::1]:1', false],
    ['::/0', '1.2.3.4:1', false],
    ['::1/128', '[::1]:1', true],
    ['fe80::/10', '[fe80::1%eth0]:1', true],
    ['10.0.0.0/8', '[::ffff:10.9.9.9]:1', true],
    ['10.0.0.0/8', 'a-host:1', false],
    ['all', 'a-host:1', true],
  ])('compares addresses: %s and %s', (network, remote, fits) => {
    expect(line(`host all all ${network} trust`, { remote })).toBe(fits ? 1 : undefined);
  });

  it('knows databases by name, pattern and the own name of the user', () => {
    expect(line('host sameuser all all trust', { database: 'joe' })).toBe(1);
    expect(line('host sameuser all all trust', {})).toBeUndefined();
    expect(line('host /^a.p$ all all trust', {})).toBe(1);
    expect(line('host /^db /oe all trust', {})).toBeUndefined();
    expect(line('host "sameuser" all all trust', { database: 'sameuser' })).toBe(1);
  });

  it('lets replication in by its word only, and nothing else by that word', () => {
    expect(line('host all all all trust', { replication: 'physical' })).toBeUndefined();
    expect(line('host replication all all trust', { replication: 'physical' })).toBe(1);
    expect(line('host replication all all trust', {})).toBeUndefined();
    expect(line('host replication all all trust', { replication: 'logical' })).toBeUndefined();
    expect(line('host all all all trust', { replication: 'logical' })).toBe(1);
  });

  it('asks where the client is only if a rule fits otherwise', () => {
    const client = {
      get remote(): string {
        throw new Error('asked');
      },
    };
    const parsed = parseHba('host other all all trust\nhost all other all trust', 'hba');
    if (parsed.kind !== 'rules') throw new Error('refused');
    const blind = Object.defineProperties(
      { user: 'joe', database: 'app', replication: 'none', encrypted: false },
      Object.getOwnPropertyDescriptors(client),
    ) as HbaClient;
    expect(matchHba(parsed.rules, blind)).toBeUndefined();
  });
});

it.each([
  ['127.0.0.1:41234', '127.0.0.1'],
  ['[::1]:41234', '::1'],
  ['[::ffff:1.2.3.4]:1', '1.2.3.4'],
  ['/tmp/.s.PGSQL.5432', '[local]'],
])('the host of %s is shown as %s', (remote, host) => {
  expect(hostOf(remote)).toBe(host);
});
