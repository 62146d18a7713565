import { describe, expect, it } from 'vitest';
import { traceParentOf } from './trace-parent.ts';

const traceId = '5bd66ef5095369c7b0d1f8f4bd33716a';
const spanId = 'c532cb4098ac3dd2';
const comment = (flags: string): string =>
  `/*action='x',traceparent='00-${traceId}-${spanId}-${flags}',tracestate='a%3Db'*/`;

describe('the trace in the comment of a statement', () => {
  it.each([
    `select 1 ${comment('01')}`,
    `select 1 ${comment('03')};`,
    `${comment('01')} select ${'1, '.repeat(5000)} 1`,
  ])('is found at either end', (text) => {
    expect(traceParentOf(text)).toEqual({ traceId, spanId, sampled: true });
  });

  it('may say that nobody records it', () => {
    expect(traceParentOf(`select 1 ${comment('00')}`)?.sampled).toBe(false);
  });

  it.each([
    'select 1',
    `select 1 /*traceparent='00-${traceId}-${spanId}'*/`,
    `select 1 /*traceparent='00-${'0'.repeat(32)}-${spanId}-01'*/`,
    `select 1 /*traceparent='00-${traceId}-${'0'.repeat(16)}-01'*/`,
    `select 1 /*traceparent='00-${traceId.toUpperCase()}-${spanId}-01'*/`,
  ])('is not there, or means nothing: %s', (text) => {
    expect(traceParentOf(text)).toBe(undefined);
  });
});
