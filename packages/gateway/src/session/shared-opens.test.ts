import { describe, expect, it } from 'vitest';
import { SharedOpens } from './shared-opens.ts';

const none = { kind: 'none' } as const;

describe('what sessions open with', () => {
  it('is one object for those who open alike, and another for every difference', () => {
    const opens = new SharedOpens();
    const first = opens.share('a', 'd', [['application_name', 'x']], none);
    expect(opens.share('a', 'd', [['application_name', 'x']], none)).toBe(first);
    const others = [
      opens.share('a', 'd', [], none),
      opens.share('a', 'd2', [['application_name', 'x']], none),
      opens.share('b', 'd', [['application_name', 'x']], none),
      opens.share('a', 'd', [['application_name', 'y']], none),
      opens.share('a', 'd', [['application_namex', '']], none),
    ];
    expect(new Set([first, ...others]).size).toBe(6);
  });

  it('never lends the credentials of one to another', () => {
    const opens = new SharedOpens();
    const secret = opens.share('a', 'd', [], { kind: 'password', password: 'secret' });
    expect(opens.share('a', 'd', [], none).credentials).toEqual(none);
    expect(secret.credentials).toEqual({ kind: 'password', password: 'secret' });
  });
});
