import { fc, it } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { HbaRule } from './hba-rule.ts';
import { matchHba } from './match-hba.ts';
import { parseHba } from './parse-hba.ts';
import { maskOfBits, parseIp, sameNetwork } from './ip-address.ts';

/** Any name, in quotes. */
const name = fc.string({ minLength: 1, unit: 'grapheme-ascii' }).filter((text) => !text.startsWith('/'));
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const octets = fc.uint8Array({ minLength: 4, maxLength: 4 });
const dotted = (bytes: Uint8Array): string => bytes.join('.');

describe('rules', () => {
  it.prop([fc.array(name, { minLength: 1, maxLength: 4 }), name, octets, fc.nat(32)])(
    'read back what was written, whatever the names',
    (databases, user, address, bits) => {
      const text = `host ${databases.map(quoted).join(',')} ${quoted(user)} ${dotted(address)}/${bits} md5`;
      const parsed = parseHba(text, 'hba');
      expect(parsed).toMatchObject({
        kind: 'rules',
        rules: [
          {
            databases: databases.map((database) => ({ kind: 'is', name: database })),
            users: [{ kind: 'is', name: user }],
            network: { address, mask: maskOfBits(bits, 4) },
          },
        ],
      });
    },
  );

  it.prop([fc.string({ unit: 'binary' })])('are rules or problems, never anything else', (text) => {
    const parsed = parseHba(text, 'hba');
    if (parsed.kind === 'refused') expect(parsed.problems.length).toBeGreaterThan(0);
    else expect(parsed.rules.length).toBeGreaterThan(0);
  });

  it.prop([octets, octets, fc.nat(32)])('fit a network as the arithmetic of numbers has it', (a, b, bits) => {
    const number = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    const size = 2 ** (32 - bits);
    expect(sameNetwork(a, b, maskOfBits(bits, 4))).toBe(Math.floor(number(a) / size) === Math.floor(number(b) / size));
  });

  it.prop([fc.ipV6()])('know every way to write an IPv6 address', (text) => {
    const address = parseIp(text);
    expect([4, 16]).toContain(address?.length);
    const full = parseIp(new URL(`http://[${text}]/`).hostname.slice(1, -1));
    expect(address).toEqual(full);
  });

  it.prop([fc.array(fc.tuple(fc.constantFrom('joe', 'ann', 'all'), fc.constantFrom('app', 'all')), { minLength: 1 })])(
    'decide by the first that fits on its own',
    (pairs) => {
      const text = pairs.map(([user, database]) => `host ${database} ${user} all trust`).join('\n');
      const parsed = parseHba(text, 'hba');
      if (parsed.kind === 'refused') throw new Error('refused');
      const client = {
        user: 'joe',
        database: 'app',
        replication: 'none',
        encrypted: false,
        remote: '1.2.3.4:5',
      } as const;
      const alone = (rule: HbaRule): boolean => matchHba([rule], client) !== undefined;
      expect(matchHba(parsed.rules, client)).toBe(parsed.rules.find(alone));
    },
  );
});
