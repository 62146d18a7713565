import { describe, expect, it } from 'vitest';
import { classify } from './classify.ts';
import { Trait } from './trait.ts';

const lowers = (text: string): boolean => (classify(text).traits & Trait.lowersDurability) !== 0;

describe('a text may let commits be acknowledged too early', () => {
  it.each([
    'SET synchronous_commit = off',
    'SET LOCAL synchronous_commit TO local',
    "set session Synchronous_Commit = 'remote_write'",
    'SET "synchronous_commit" TO off',
    'SET synchronous_commit FROM CURRENT; SET synchronous_commit = 0',
    "SELECT set_config('synchronous_commit', 'off', false)",
    "SELECT pg_catalog.set_config('synchronous_commit', $1, true)",
    "SELECT set_config('synchronous_' || 'commit', 'off', false), 'synchronous_commit'",
    "UPDATE pg_settings SET setting = 'off' WHERE name = 'synchronous_commit'",
    'ALTER ROLE app SET synchronous_commit = off',
    'ALTER DATABASE d SET synchronous_commit TO local',
    'ALTER SYSTEM SET synchronous_commit = off',
    "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN SET LOCAL synchronous_commit = off; END'",
    'DO $$ BEGIN SET LOCAL synchronous_commit = off; END $$',
    'BEGIN; SET LOCAL synchronous_commit = off; INSERT INTO t VALUES (1); COMMIT',
  ])('%s', (text) => expect(lowers(text)).toBe(true));
});

describe('a text leaves commits as they are', () => {
  it.each([
    'SET synchronous_commit = on',
    'SET synchronous_commit = remote_apply',
    "SELECT set_config('synchronous_commit', 'on', false)",
    'SET synchronous_commit TO DEFAULT',
    'RESET synchronous_commit',
    'SHOW synchronous_commit',
    "SELECT current_setting('synchronous_commit')",
    "SELECT setting FROM pg_settings WHERE name = 'synchronous_commit'",
    "INSERT INTO notes VALUES ('about synchronous_commit = off')",
    'SET work_mem = 1',
    'SET "synchronous_commit may not be lowered in this shard" = 1',
    'BEGIN; SET LOCAL synchronous_commit = on; COMMIT',
  ])('%s', (text) => expect(lowers(text)).toBe(false));
});
