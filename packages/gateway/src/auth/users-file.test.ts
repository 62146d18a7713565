import { describe, expect, it } from 'vitest';
import { parseUsers } from './users-file.ts';

const scram =
  'SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

describe('a file of users', () => {
  it('holds passwords in clear, md5 and SCRAM verifiers', () => {
    const text = `; users\n"joe" "secret"\n\n"ann" "md5${'0'.repeat(32)}" anything\n"bob" "${scram}"\n"say ""hi""" "a ""b"""\n`;
    expect(parseUsers(text, 'users')).toMatchObject({
      kind: 'users',
      users: new Map<string, object>([
        ['joe', { kind: 'password', password: 'secret' }],
        ['ann', { kind: 'md5', verifier: `md5${'0'.repeat(32)}` }],
        ['bob', { kind: 'scram', verifier: { iterations: 4096 } }],
        ['say "hi"', { kind: 'password', password: 'a "b"' }],
      ]),
    });
  });

  it('takes for a password what only looks like a verifier, and nobody has an empty one', () => {
    expect(parseUsers('"joe" "md5"\n"ann" ""', 'users')).toEqual({
      kind: 'users',
      users: new Map([['joe', { kind: 'password', password: 'md5' }]]),
    });
  });

  it('names bad lines without repeating them', () => {
    expect(parseUsers('"joe" "secret"\njoe secret\n"joe" "secret', 'users')).toEqual({
      kind: 'refused',
      problems: ['users:2: expected "user" "password or verifier"', 'users:3: expected "user" "password or verifier"'],
    });
  });
});
