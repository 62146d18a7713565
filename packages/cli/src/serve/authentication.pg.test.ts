import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { OwnProxy } from '../testing/own-proxy.ts';
import { SqlClient } from '../testing/sql-client.ts';

const run = promisify(execFile);

/** The rules of the server, and of a proxy in front of it. */
const rules = [
  'host all postgres 127.0.0.1/32 trust',
  'host all joe,"odd ""name""",gone,empty,expired,barred 127.0.0.1/32 scram-sha-256',
  'host all old,modern,nobody_md5 127.0.0.1/32 md5',
  'host all clear,oldclear,nobody_clear 127.0.0.1/32 password',
  'host all /^reject 127.0.0.1/32 reject',
  'host sameuser picky 127.0.0.1/32 scram-sha-256',
  'host all far 10.0.0.0/8 trust',
];

const roles = `
  create role joe login password 'secret';
  create role "odd ""name""" login password 'secret';
  create role empty login;
  create role expired login password 'secret' valid until '2020-01-01';
  create role barred nologin password 'secret';
  create role modern login password 'secret';
  create role clear login password 'pass word ü';
  create role picky login password 'secret';
  create role changing login password 'first';
  set password_encryption = md5;
  create role old login password 'secret';
  create role oldclear login password 'secret';
  create database picky;
`;

interface Who {
  readonly user: string;
  readonly password?: string;
  readonly database?: string;
}

describe('logging in with psql', () => {
  let postgres: OwnPostgres;
  let folder: string;
  const proxies: OwnProxy[] = [];

  beforeAll(async () => {
    postgres = await OwnPostgres.make([], [...rules, 'host all changing 127.0.0.1/32 scram-sha-256']);
    folder = mkdtempSync('/tmp/multigres-test-');
    const admin = await SqlClient.connect({ port: postgres.endpoint.port });
    for (const statement of roles.split(';\n')) await admin.query(statement);
    await admin.end();
  });

  afterAll(async () => {
    for (const started of proxies) await started.stop();
    await postgres?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function file(name: string, lines: readonly string[]): string {
    const made = path.join(folder, name);
    writeFileSync(made, `${lines.join('\n')}\n`);
    return made;
  }

  async function proxy(...args: readonly string[]): Promise<number> {
    const started = await OwnProxy.start(postgres.endpoint, args);
    proxies.push(started);
    return started.port;
  }

  /** What psql prints: who it is on the server, or why it could not get in. */
  async function psql(port: number, { user, password, database = 'postgres' }: Who): Promise<string> {
    const env = {
      PGPASSWORD: password,
      PGPASSFILE: '/nowhere',
      PGSSLMODE: 'disable',
      PGGSSENCMODE: 'disable',
      PGUSER: user,
      PGDATABASE: database,
    };
    const args = ['-X', '-w', '-At', '-h', '127.0.0.1', '-p', String(port), '-c', 'select session_user'];
    try {
      return (await run(path.join(postgres.bin, 'psql'), args, { env })).stdout.trim();
    } catch (error) {
      const { stderr } = error as { readonly stderr: string };
      return stderr
        .replace(/^.*failed: /, '')
        .replace(/\nDETAIL: {2}The rules of the gateway.*/, '')
        .trim();
    }
  }

  describe('says what it says at the server itself, where both have the same rules', () => {
    let port: number;
    beforeAll(async () => {
      port = await proxy('--hba-file', file('pg_hba.conf', rules), '--admin-user', 'postgres');
    });

    it.each<readonly [string, Who, string]>([
      ['trust', { user: 'postgres' }, 'postgres'],
      ['SCRAM', { user: 'joe', password: 'secret' }, 'joe'],
      [
        'SCRAM, a wrong password',
        { user: 'joe', password: 'wrong' },
        'FATAL:  password authentication failed for user "joe"',
      ],
      ['SCRAM, no password', { user: 'joe' }, 'fe_sendauth: no password supplied'],
      ['SCRAM, an odd name', { user: 'odd "name"', password: 'secret' }, 'odd "name"'],
      [
        'SCRAM, no such role',
        { user: 'gone', password: 'secret' },
        'FATAL:  password authentication failed for user "gone"',
      ],
      [
        'SCRAM, a role without password',
        { user: 'empty', password: 'secret' },
        'FATAL:  password authentication failed for user "empty"',
      ],
      [
        'SCRAM, an expired password',
        { user: 'expired', password: 'secret' },
        'FATAL:  password authentication failed for user "expired"',
      ],
      [
        'SCRAM, a role that may not log in',
        { user: 'barred', password: 'secret' },
        'FATAL:  role "barred" is not permitted to log in',
      ],
      ['md5', { user: 'old', password: 'secret' }, 'old'],
      [
        'md5, a wrong password',
        { user: 'old', password: 'wrong' },
        'FATAL:  password authentication failed for user "old"',
      ],
      ['md5 with a SCRAM secret', { user: 'modern', password: 'secret' }, 'modern'],
      [
        'md5 with a SCRAM secret, a wrong password',
        { user: 'modern', password: 'wrong' },
        'FATAL:  password authentication failed for user "modern"',
      ],
      [
        'md5, no such role',
        { user: 'nobody_md5', password: 'x' },
        'FATAL:  password authentication failed for user "nobody_md5"',
      ],
      ['a clear password', { user: 'clear', password: 'pass word ü' }, 'clear'],
      [
        'a clear password, wrong',
        { user: 'clear', password: 'pass word' },
        'FATAL:  password authentication failed for user "clear"',
      ],
      ['a clear password with an md5 secret', { user: 'oldclear', password: 'secret' }, 'oldclear'],
      [
        'a clear password, no such role',
        { user: 'nobody_clear', password: 'x' },
        'FATAL:  password authentication failed for user "nobody_clear"',
      ],
      [
        'reject by a pattern',
        { user: 'rejected', password: 'x' },
        'FATAL:  pg_hba.conf rejects connection for host "127.0.0.1", user "rejected", database "postgres", no encryption',
      ],
      ['sameuser', { user: 'picky', password: 'secret', database: 'picky' }, 'picky'],
      [
        'another database than sameuser',
        { user: 'picky', password: 'secret' },
        'FATAL:  no pg_hba.conf entry for host "127.0.0.1", user "picky", database "postgres", no encryption',
      ],
      [
        'another network',
        { user: 'far' },
        'FATAL:  no pg_hba.conf entry for host "127.0.0.1", user "far", database "postgres", no encryption',
      ],
      [
        'no such database',
        { user: 'joe', password: 'secret', database: 'nowhere' },
        'FATAL:  database "nowhere" does not exist',
      ],
    ])('%s', async (_what, who, expected) => {
      const direct = await psql(postgres.endpoint.port, who);
      expect(direct).toBe(expected);
      expect(await psql(port, who)).toBe(direct);
      // Again: now a pool of the user may be open.
      expect(await psql(port, who)).toBe(direct);
    });
  });

  it('takes secrets of all kinds from a file of users, and logs in at the server with what it has', async () => {
    const md5 = 'md5' + '0'.repeat(32);
    const admin = await SqlClient.connect({ port: postgres.endpoint.port });
    const verifier = await admin.value("select rolpassword from pg_authid where rolname = 'modern'");
    const oldVerifier = await admin.value("select rolpassword from pg_authid where rolname = 'old'");
    await admin.end();
    const users = file('users.txt', [
      '"joe" "secret"',
      `"modern" "${verifier}"`,
      `"old" "${oldVerifier}"`,
      `"oldclear" "${md5}"`,
      '"clear" "pass word ü"',
    ]);
    const hba = file('users_hba.conf', [
      'host all clear all trust',
      'host all old,oldclear all md5',
      'host all all all scram-sha-256',
    ]);
    const port = await proxy('--auth-file', users, '--hba-file', hba);
    const said: string[] = [];
    for (const who of [
      { user: 'joe', password: 'secret' },
      { user: 'joe', password: 'wrong' },
      { user: 'modern', password: 'secret' },
      { user: 'old', password: 'secret' },
      { user: 'oldclear', password: 'secret' },
      { user: 'clear' },
      { user: 'picky', password: 'secret' },
    ])
      said.push(await psql(port, who));
    expect(said).toEqual([
      'joe',
      'FATAL:  password authentication failed for user "joe"',
      'modern',
      'old',
      'FATAL:  password authentication failed for user "oldclear"',
      'clear',
      'FATAL:  password authentication failed for user "picky"',
    ]);
  });

  it('says what is missing where nothing that is known of the user is what the server asks for', async () => {
    const hba = file('mixed_hba.conf', ['host all postgres,joe all trust', 'host all clear all scram-sha-256']);
    const port = await proxy('--hba-file', hba, '--admin-user', 'postgres');
    expect(await psql(port, { user: 'joe' })).toMatch(
      /^FATAL: {2}server asks for a password, and none is known for user "joe"\nHINT: {2}Let clients prove a password/,
    );
    expect(await psql(port, { user: 'clear', password: 'pass word ü' })).toMatch(
      /^FATAL: {2}server asks for the password of user "clear" itself, and only SCRAM keys are known\nHINT: {2}Let the server ask for scram/,
    );
  });

  it('asks for a new password as soon as it was changed, while sessions with the old one go on', async () => {
    const hba = file('changing_hba.conf', ['host all postgres all trust', 'host all changing all scram-sha-256']);
    const port = await proxy('--hba-file', hba, '--admin-user', 'postgres');
    const admin = await SqlClient.connect({ port });
    const before = await SqlClient.connect({ port, user: 'changing', password: 'first' });
    expect(await before.value('select session_user')).toBe('changing');
    await admin.query("alter role changing password 'second'");
    expect(await psql(port, { user: 'changing', password: 'first' })).toBe(
      'FATAL:  password authentication failed for user "changing"',
    );
    expect(await psql(port, { user: 'changing', password: 'second' })).toBe('changing');
    expect(await before.value('select session_user')).toBe('changing');
    await before.end();
    await admin.end();
  });
});
