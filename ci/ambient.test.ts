import { expect, test } from 'vitest';
import { places } from './arrow-table.ts';
import { ambient } from './ambient.ts';
import { formatFinding } from './finding.ts';

/** What the check says of one file with this text, without regard to exceptions. */
const verdict = (text: string, path = 'packages/pooler/src/planted.ts'): string[] =>
  ambient([{ path, text }], []).map(formatFinding);

const pure = Object.keys(places).filter((name) => !['host', 'cli', 'bench'].includes(name));

test.each(pure)('a raw clock in %s is refused, with the place to go to instead', (name) => {
  const path = `packages/${name}/src/planted.ts`;
  expect(verdict('const a = 1;\nexport const at = Date.now();\n', path)).toEqual([
    `${path}:2: ambient: Date.now; time comes from World.clock (core/world/clock.ts)`,
  ]);
});

test.each(['host', 'cli', 'bench'])('%s is the real world and may', (name) => {
  expect(verdict('export const at = Date.now();', `packages/${name}/src/x.ts`)).toEqual([]);
});

test.each([
  'new Date()',
  'performance.now()',
  'Math.random()',
  'Math["random"]()',
  'const { random } = Math;',
  'crypto.randomUUID()',
  'setTimeout(() => {}, 1)',
  'setInterval(() => {}, 1)',
  'setImmediate(() => {})',
  'queueMicrotask(() => {})',
  'process.env.HOME',
  'tick.nextTick(() => {})',
  'Buffer.alloc(1)',
  'new TextEncoder()',
  'new TextDecoder()',
  'new WeakRef({})',
  'new FinalizationRegistry(() => {})',
  'new Intl.Collator()',
  'a.localeCompare(b)',
  '(1).toLocaleString()',
  'for (const key in {}) key;',
  'console.log(1)',
  'new Worker("x")',
  'fetch("x")',
  'AbortSignal.timeout(1)',
  'globalThis.Date',
  'import.meta.dirname',
  '`${Date.now()}`',
  'class A { at = Date.now(); }',
  '({ Date })',
  'const f = (at = Date.now()) => at;',
  'const at = Date as unknown as number;',
  '{ const process = 1; } process.exit()',
])('refused: %s', (text) => {
  expect(verdict(text)).toHaveLength(1);
});

test.each([
  '// Date.now()',
  'const text = "Date.now() setTimeout";',
  'const text = `process.env ${1} Date`;',
  'const pattern = /Date.now()/;',
  'const at = clock.Date; const o = { Date: 1, process: 2 };',
  'function run(process: { pid: number }) { return process.pid; }',
  'import { process } from "./own.ts"; process.start();',
  'interface Weather { readonly Date: Date; setTimeout(): void }',
  'type At = Date;',
  'class A { process() { return this.process; } }',
  'const random = Math.floor(1.5) + Math.max(1, 2);',
  'for (const key of Object.keys({})) key;',
])('allowed: %s', (text) => {
  expect(verdict(text)).toEqual([]);
});

test('an exception covers its file and names alone, and an unused one is itself a finding', () => {
  const exceptions = [{ file: /a\.ts$/, names: ['Date', 'process'], reason: 'a test' }];
  const said = ambient([{ path: 'packages/sim/src/a.ts', text: 'Date.now(); fetch();' }], exceptions).map(
    formatFinding,
  );
  expect(said).toHaveLength(2);
  expect(said[0]).toContain('packages/sim/src/a.ts:1: ambient: fetch');
  expect(said[1]).toContain('nothing in');
});
