import { PgError } from '@multigres/core';
import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { BodyReader } from './body.ts';
import { bodyBytesMax } from './frame.ts';
import {
  decodeDefine,
  decodeError,
  decodeHello,
  decodeOpen,
  decodeOpened,
  decodeResult,
  encodeDefine,
  encodeError,
  encodeHello,
  encodeOpen,
  encodeOpened,
  encodeResult,
} from './messages.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 50 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const pairs = fc.array(fc.tuple(text, text), { maxLength: 5 });
const keys = fc.record({ clientKey: fc.uint8Array({ maxLength: 32 }), serverKey: fc.uint8Array({ maxLength: 32 }) });
const credentials = fc.oneof(
  fc.record({ kind: fc.constant('md5' as const), verifier: text }),
  fc.constant({ kind: 'none' } as const),
  fc.record({ kind: fc.constant('password' as const), password: text }),
  fc.record({ kind: fc.constant('scramKeys' as const), keys }),
);

const replication = fc.constantFrom('none' as const, 'physical' as const, 'logical' as const);

function through<T>(value: T, encode: (value: T) => Uint8Array, decode: (reader: BodyReader) => T): T {
  const bytes = encode(value);
  return decode(new BodyReader(bytes, 0, bytes.length));
}

describe('the bodies of rare frames', () => {
  test.prop([fc.record({ version: u32, id: text })])('hello', (hello) => {
    expect(through(hello, encodeHello, decodeHello)).toEqual(hello);
  });
  test.prop([
    fc.record({
      user: text,
      database: text,
      settings: pairs,
      credentials,
      replication,
      at: fc.constantFrom('leader' as const, 'follower' as const),
    }),
  ])('open', (open) => {
    expect(through(open, encodeOpen, decodeOpen)).toEqual(open);
  });
  test.prop([fc.record({ id: u32, query: text, parameterTypes: fc.array(u32, { maxLength: 9 }) })])(
    'define',
    (define) => {
      expect(through(define, encodeDefine, decodeDefine)).toEqual(define);
    },
  );
  test.prop([fc.record({ id: u32, result: fc.uint8Array({ maxLength: 40 }) })])('result', (told) => {
    expect(through(told, encodeResult, decodeResult)).toEqual(told);
  });
  test.prop([fc.record({ parameters: pairs })])('opened', (opened) => {
    expect(through(opened, encodeOpened, decodeOpened)).toEqual(opened);
  });
  test.prop([
    fc.record({
      sqlstate: fc.constantFrom('08007', '57P01'),
      message: text,
      severity: fc.constantFrom('ERROR', 'FATAL', 'PANIC'),
      fate: fc.constantFrom('notApplied', 'applied', 'unknown'),
      detail: text,
      hint: text,
    }),
  ])('error', (init) => {
    const { report, fate } = through(new PgError(init), encodeError, decodeError);
    expect({ ...report, fate }).toEqual(init);
  });

  test.prop([fc.uint8Array({ maxLength: 40 })])('of random bytes are read or refused with 08P01', (bytes) => {
    for (const decode of [decodeHello, decodeOpen, decodeDefine, decodeResult, decodeOpened, decodeError]) {
      try {
        decode(new BodyReader(bytes, 0, bytes.length));
      } catch (error) {
        expect(error).toMatchObject({ sqlstate: '08P01' });
      }
    }
  });

  it('cut an error that no frame could hold', () => {
    const long = '€'.repeat(100_000);
    const error = new PgError({
      sqlstate: '22P02',
      message: long,
      detail: long,
      hint: long,
      where: long,
      schema: long,
    });
    const bytes = encodeError(error);
    expect(bytes.length).toBeLessThan(bodyBytesMax);
    expect(decodeError(new BodyReader(bytes, 0, bytes.length)).message).toMatch(/^€{4000}\.\.\.$/);
  });
});
