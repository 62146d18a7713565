import { describe, expect, it } from 'vitest';
import { formatEndpoint, parseEndpoint } from './network.ts';

describe('endpoints as text', () => {
  it.each([
    ['127.0.0.1:5432', { kind: 'tcp', host: '127.0.0.1', port: 5432 }],
    ['db.example:1', { kind: 'tcp', host: 'db.example', port: 1 }],
    ['[::1]:5432', { kind: 'tcp', host: '::1', port: 5432 }],
    ['/run/mg/s', { kind: 'unix', path: '/run/mg/s' }],
  ] as const)('%s goes both ways', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
    expect(formatEndpoint(endpoint)).toBe(text);
  });

  it('a port alone is any interface', () => {
    expect(parseEndpoint(':5432')).toEqual({ kind: 'tcp', host: '0.0.0.0', port: 5432 });
  });

  it.each(['', 'host', 'host:', 'host:65536', 'host:-1', '::1:5432', '[]:1', 'a:b:1', 'relative/path'])(
    '%j is none',
    (text) => {
      expect(parseEndpoint(text)).toBe(undefined);
    },
  );
});
