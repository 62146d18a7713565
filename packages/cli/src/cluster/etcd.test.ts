import { expect, test } from 'vitest';
import { etcdTrouble } from './etcd.ts';

const line = (fields: object): string => JSON.stringify({ level: 'fatal', ts: 'now', ...fields });

test.each([
  ['write /d/member/wal/0.tmp: no space left on device', 'etcd cannot write: the disk is full'],
  ['listen tcp 127.0.0.1:1: bind: address already in use', 'etcd cannot listen: its port is in use'],
  ['open /d/member: permission denied', 'etcd may not use its data directory'],
])('%s', (error, message) => {
  const trouble = etcdTrouble([line({ msg: 'failed', error, stacktrace: 'main.go:1' }), '\tmain.go:31 +0x28']);
  expect([trouble.message, trouble.quoted]).toEqual([message, [`fatal: failed: ${error}`]]);
});

test('what nobody knows is quoted without stack traces', () => {
  const log = ['panic: something', 'goroutine 1 [running]:', '\tmain.go:31 +0x28', line({ msg: 'goodbye' })];
  expect(etcdTrouble(log)).toEqual({ quoted: ['panic: something', 'fatal: goodbye'] });
});
