import { expect, it } from 'vitest';
import { classify, pinNames } from './index.ts';

const at = (scope: 'session' | 'local', form: string, name: string, value?: string, literal?: string): object => ({
  scope,
  form,
  name,
  value,
  literal,
});

it.each([
  ["SET a.B = 'it''s'", at('session', 'plain', 'a.b', "'it''s'", "it's")],
  ['SET LOCAL "Work_Mem" TO 64', at('local', 'plain', 'work_mem', '64', '64')],
  ['set session x to On', at('session', 'plain', 'x', 'On', 'on')],
  ['SET x = -1', at('session', 'plain', 'x', '-1', '-1')],
  ['SET search_path TO \'a\', "B" -- end', at('session', 'plain', 'search_path', '\'a\', "B"')],
  ["SET x TO E'a\\n'", at('session', 'plain', 'x', "E'a\\n'")],
  ['SET x TO DEFAULT', at('session', 'plain', 'x')],
  ['SET x FROM CURRENT', at('session', 'fromCurrent', 'x')],
  ['SET local.x = 1', at('session', 'plain', 'local.x', '1', '1')],
  ['SET session.x = 1', at('session', 'plain', 'session.x', '1', '1')],
  ["SET TIME ZONE 'UTC'", at('session', 'timeZone', 'timezone', "'UTC'", 'UTC')],
  ['SET LOCAL TIME ZONE LOCAL', at('local', 'timeZone', 'timezone')],
  ["SET TIME ZONE INTERVAL '-8' HOUR", at('session', 'timeZone', 'timezone', "INTERVAL '-8' HOUR")],
  ["SET NAMES 'UTF8'", at('session', 'plain', 'client_encoding', "'UTF8'", 'UTF8')],
  ['SET NAMES', at('session', 'plain', 'client_encoding')],
  ["SET SCHEMA 's'", at('session', 'plain', 'search_path', "'s'", 's')],
  ['SET LOCAL ROLE "R"', at('local', 'plain', 'role', '"R"', 'R')],
  ['SET ROLE NONE', at('session', 'plain', 'role', 'NONE', 'none')],
  ["SET SESSION AUTHORIZATION 'u'", at('session', 'plain', 'session_authorization', "'u'", 'u')],
  ['SET LOCAL SESSION AUTHORIZATION u', at('local', 'plain', 'session_authorization', 'u', 'u')],
  ['SET SESSION SESSION AUTHORIZATION DEFAULT', at('session', 'plain', 'session_authorization')],
  ['SET XML OPTION DOCUMENT', at('session', 'plain', 'xmloption', 'DOCUMENT', 'document')],
  ['SET TRANSACTION READ ONLY, DEFERRABLE', at('local', 'transaction', '', 'READ ONLY, DEFERRABLE')],
  ["SET TRANSACTION SNAPSHOT 'x'", at('local', 'transaction', '', "SNAPSHOT 'x'")],
  ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', at('session', 'characteristics', '', 'READ ONLY')],
  ['RESET TIME ZONE', at('session', 'plain', 'timezone')],
  ['RESET SESSION AUTHORIZATION', at('session', 'plain', 'session_authorization')],
  ['RESET TRANSACTION ISOLATION LEVEL', at('session', 'plain', 'transaction_isolation')],
  ['RESET A.B', at('session', 'plain', 'a.b')],
  ['RESET ALL', at('session', 'all', '')],
  ["SELECT set_config('A', 'it''s', false)", at('session', 'function', 'a', "'it''s'", "it's")],
  ["SELECT pg_catalog.set_config('a', '', TRUE) AS x;", at('local', 'function', 'a', "''", '')],
])('reads %s', (text, setting) => {
  expect(classify(text).setting).toEqual(setting);
});

it.each([
  'SET',
  'SET x',
  'SET x TO',
  'SET CONSTRAINTS ALL DEFERRED',
  "SELECT set_config('a', $1, false)",
  "SELECT set_config('a', 'b', false), 1",
  "SELECT set_config('a', 'b', false) FROM t",
  "SET x TO 'unfinished",
  'SET a TO 1; SET b TO 2',
  `SET ${'x'.repeat(64)} TO 1`,
  'SELECT 1',
])('finds no single setting in %s', (text) => {
  expect(classify(text).setting).toBeUndefined();
});

it.each([
  ['SET LOCAL x TO 1', []],
  ['SET TRANSACTION READ ONLY', []],
  ['SET CONSTRAINTS ALL DEFERRED', []],
  ["SELECT set_config('x', '1', true)", []],
  ["SELECT set_config('x', '1', false)", ['settings']],
  ["SELECT set_config('role', 'x', false)", ['role']],
  ['SET LOCAL seed TO 0.5', ['setseed']],
  ['SET SESSION AUTHORIZATION DEFAULT', ['role']],
  ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', ['settings']],
  ['SET nonsense here', ['settings', 'role']],
])('pins for %s only what outlives the transaction', (text, pins) => {
  expect(pinNames(classify(text).pins)).toEqual(pins);
});
