import { expect, test } from 'vitest';
import { ownIdleTimeout } from './own-idle-timeout.ts';

test.each([
  [[], '', 0],
  [[['idle_session_timeout', '5s']], '', 5_000],
  [[['Idle_Session_Timeout', '300']], '', 300],
  [[], `SET "work_mem" TO '1MB';SET "idle_session_timeout" TO '2min'`, 120_000],
  [[], 'SET "idle_session_timeout" TO 250', 250],
  [[['idle_session_timeout', '5s']], 'SET "idle_session_timeout" TO 0', 0],
  [[['idle_session_timeout', '5s']], 'SET "idle_session_timeout" TO DEFAULT', 5_000],
  [[], `SELECT pg_catalog.set_config('idle_session_timeout', '1h', false)`, 3_600_000],
  [[], `SET "idle_in_transaction_session_timeout" TO '1s'`, 0],
] as const)('with %j and %s it is %i ms', (startup, settings, expected) => {
  expect(ownIdleTimeout(startup, settings)).toBe(expected);
});
