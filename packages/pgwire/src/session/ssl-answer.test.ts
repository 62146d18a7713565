import { utf8 } from '@multigres/core';
import { expect, it } from 'vitest';
import { judgeSslAnswer } from './ssl-answer.ts';

it.each([
  ['S', true, 'startTls'],
  ['S', false, 'startTls'],
  ['N', false, 'goOnInClear'],
  ['N', true, '08001 server does not support TLS, but TLS was required'],
  ['E', false, '08001 server does not support TLS, but TLS was required'],
  ['x', false, '08P01 unexpected message from server during startup'],
  ['SR', false, '08P01 received unencrypted data after SSL request'],
  ['NR', false, '08P01 received unencrypted data after SSL request'],
])('after %s, where TLS is required: %s, comes %s', (answer, required, expected) => {
  const judged = judgeSslAnswer(utf8(answer), required);
  expect(judged.kind === 'refused' ? `${judged.error.sqlstate} ${judged.error.message}` : judged.kind).toBe(expected);
});
