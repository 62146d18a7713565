import { describe, expect, it } from 'vitest';
import { parseHba } from './parse-hba.ts';

function rulesOf(text: string): readonly object[] {
  const parsed = parseHba(text, 'hba');
  if (parsed.kind === 'refused') throw new Error(parsed.problems.join('\n'));
  return parsed.rules;
}

function problemsOf(text: string): readonly string[] {
  const parsed = parseHba(text, 'hba');
  return parsed.kind === 'refused' ? parsed.problems : [];
}

describe('rules in the format of pg_hba.conf', () => {
  it('are read line by line, without comments', () => {
    expect(rulesOf('# who\nlocal all all trust # here\n\n  host\tapp\tjoe\t10.0.0.0/8\tscram-sha-256\r\n')).toEqual([
      {
        type: 'local',
        databases: [{ kind: 'all' }],
        users: [{ kind: 'all' }],
        method: 'trust',
        clientCertificate: 'none',
        where: 'hba:2',
      },
      {
        type: 'host',
        databases: [{ kind: 'is', name: 'app' }],
        users: [{ kind: 'is', name: 'joe' }],
        network: { address: Uint8Array.of(10, 0, 0, 0), mask: Uint8Array.of(255, 0, 0, 0) },
        method: 'scram-sha-256',
        clientCertificate: 'none',
        where: 'hba:4',
      },
    ]);
  });

  it('know lists, also behind white space, and quotes that take away a special meaning', () => {
    const [rule] = rulesOf('host a,b, "all" all all reject');
    expect(rule).toMatchObject({
      databases: [
        { kind: 'is', name: 'a' },
        { kind: 'is', name: 'b' },
        { kind: 'is', name: 'all' },
      ],
    });
    expect(rulesOf('host "x y","say ""hi""","with,comma","#" all all reject')[0]).toMatchObject({
      databases: ['x y', 'say "hi"', 'with,comma', '#'].map((name) => ({ kind: 'is', name })),
    });
    expect(rulesOf('host sameuser,replication "+staff","@x" all reject')[0]).toMatchObject({
      databases: [{ kind: 'sameUser' }, { kind: 'replication' }],
      users: [
        { kind: 'is', name: '+staff' },
        { kind: 'is', name: '@x' },
      ],
    });
  });

  it('go on behind a backslash at the end of a line, and keep the number of the first', () => {
    expect(rulesOf('\nhost all \\\n all all \\\ntrust\nlocal all all trust')).toMatchObject([
      { where: 'hba:2', method: 'trust' },
      { where: 'hba:5' },
    ]);
  });

  it('take a mask in a field of its own, and IPv6', () => {
    expect(
      rulesOf(
        'host all all 192.168.0.0 255.255.0.0 md5\nhost all all ::1/128 password\nhost all all fe80:: ffc0:: md5',
      ),
    ).toMatchObject([
      { network: { mask: Uint8Array.of(255, 255, 0, 0) } },
      { network: { mask: new Uint8Array(16).fill(255) } },
      { network: { mask: Uint8Array.of(255, 192, ...Array.from({ length: 14 }, () => 0)) } },
    ]);
  });

  it('say what a certificate has to be', () => {
    const text =
      'hostssl all all all cert\nhostssl all all all trust clientcert=verify-ca\nhostssl all all all md5 clientcert=verify-full clientname=CN';
    expect(rulesOf(text)).toMatchObject([
      { clientCertificate: 'ofUser' },
      { clientCertificate: 'trusted' },
      { clientCertificate: 'ofUser' },
    ]);
  });

  it.each([
    ['hosts all all all trust', 'invalid connection type "hosts"'],
    ['host', 'end-of-line before database specification'],
    ['host all', 'end-of-line before user specification'],
    ['host all all', 'end-of-line before IP address specification'],
    ['host all all 10.0.0.0', 'end-of-line before netmask specification'],
    ['host all all all', 'end-of-line before authentication method specification'],
    ['host all all 10.0.0.0/33 trust', 'invalid CIDR mask in address "10.0.0.0/33"'],
    ['host all all 10.0.0.0/ trust', 'invalid CIDR mask in address "10.0.0.0/"'],
    ['host all all 10.0.0/8 trust', 'invalid IP address "10.0.0"'],
    ['host all all 1::2::3/128 trust', 'invalid IP address "1::2::3"'],
    ['host all all 10.0.0.0 trust', 'invalid IP mask "trust"'],
    ['host all all 10.0.0.0 ffff:: trust', 'IP address and mask do not match'],
    ['host all all a.example trust', 'host name "a.example" is not supported: write its addresses'],
    ['host all all samehost trust', 'samehost is not supported: write the addresses themselves'],
    ['host all +staff all trust', '+staff is not supported: the gateway does not know who is a member of which role'],
    [
      'host samerole all all trust',
      'samerole is not supported: the gateway does not know who is a member of which role',
    ],
    ['host @dbs all all trust', '@dbs is not supported: write the names into the line'],
    ['host all all all ldap', 'authentication method "ldap" is not supported by the gateway'],
    ['host all all all scram', 'invalid authentication method "scram"'],
    ['host all all all cert', 'cert authentication is only supported on hostssl connections'],
    ['hostssl all all all cert map=m', 'map is not supported: certificates must bear the names of the users'],
    [
      'hostssl all all all cert clientcert=verify-ca',
      'clientcert only accepts "verify-full" when using "cert" authentication',
    ],
    ['host all all all trust clientcert=verify-ca', 'clientcert can only be configured for "hostssl" rows'],
    ['hostssl all all all trust clientcert=1', 'invalid value for clientcert: "1"'],
    ['host all all all trust x', 'authentication option not in name=value format: x'],
    ['host all all all trust x=1', 'unrecognized authentication option name: "x"'],
    ['host all all all trust,md5', 'multiple values specified for authentication method'],
    ['host "a all all trust', 'a quote is not closed'],
    ['host /[[:alpha:]] all all trust', 'bracket classes as in "/[[:alpha:]]" are not supported'],
    ['host /(?i)x all all trust', 'invalid or unsupported regular expression "(?i)x"'],
    ['include other.conf', 'include is not supported: write all rules into one file'],
    ['hostgssenc all all all trust', 'hostgssenc cannot match: GSSAPI encryption is not supported'],
  ])('are refused where they are wrong or not built: %s', (line, problem) => {
    expect(problemsOf(line)).toEqual([`hba:1: ${problem}`]);
  });

  it('are refused all together with every bad line', () => {
    expect(problemsOf('host all all all trust\nbad\n\nworse')).toEqual([
      'hba:2: invalid connection type "bad"',
      'hba:4: invalid connection type "worse"',
    ]);
    expect(problemsOf('# nothing')).toEqual(['hba: has no rule, so nobody could log in']);
  });
});
