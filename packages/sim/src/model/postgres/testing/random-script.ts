import * as fc from 'fast-check';

import { copyIn, extended, prepared, query, type Step } from './script.ts';

const key = fc.integer({ min: 1, max: 4 });
const session = fc.constantFrom('a', 'b');
const word = fc.constantFrom('x', 'y', 'zz');
const setting = fc.constantFrom('application_name', 'my.setting', 'search_path', 'statement_timeout', 'TimeZone');

function valueOf(name: string, choice: number): string {
  if (name === 'statement_timeout') return String(10_000 * (choice + 1));
  if (name === 'TimeZone') return choice === 0 ? "'UTC'" : "'Asia/Tokyo'";
  if (name === 'search_path') return choice === 0 ? 'public' : 'public, other';
  return `'v${choice}'`;
}

/** Texts of one statement or a few, over one table, one sequence of settings and a few locks. */
const statement = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('begin', 'commit', 'rollback', 'savepoint s', 'rollback to s', 'release s') },
  { weight: 4, arbitrary: fc.tuple(key, word).map(([k, w]) => `insert into t values (${k}, '${w}')`) },
  { weight: 2, arbitrary: key.map((k) => `insert into t values (${k}, 'c') on conflict do nothing returning a`) },
  {
    weight: 2,
    arbitrary: fc.tuple(key, word).map(([k, w]) => `update t set b = b || '${w}' where a = ${k} returning *`),
  },
  { weight: 1, arbitrary: fc.tuple(key, key).map(([k, j]) => `update t set a = ${j} where a = ${k}`) },
  { weight: 2, arbitrary: key.map((k) => `delete from t where a >= ${k}`) },
  { weight: 4, arbitrary: fc.constant('select * from t order by a') },
  { weight: 1, arbitrary: fc.constantFrom('select 1/0', 'select nosuch', 'selec', 'select 1 from nosuch', '') },
  {
    weight: 3,
    arbitrary: fc
      .tuple(setting, fc.nat(1), fc.constantFrom('set', 'set local'))
      .map(([name, choice, how]) => `${how} ${name} = ${valueOf(name, choice)}`),
  },
  { weight: 2, arbitrary: setting.map((name) => `show ${name}`) },
  { weight: 1, arbitrary: setting.map((name) => `reset ${name}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('reset all', 'discard all', 'discard temp', 'deallocate all', 'close all', 'unlisten *'),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, fc.constantFrom('pg_try_advisory_lock', 'pg_advisory_unlock', 'pg_try_advisory_xact_lock'))
      .map(([k, name]) => `select ${name}(${k})`),
  },
  { weight: 2, arbitrary: word.map((w) => `prepare ${w} as select '${w}', count(*) from t where a > $1`) },
  { weight: 2, arbitrary: fc.tuple(word, key).map(([w, k]) => `execute ${w}(${k})`) },
  { weight: 1, arbitrary: word.map((w) => `deallocate ${w}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(word, fc.constantFrom('', ' with hold'))
      .map(([w, hold]) => `declare ${w} cursor${hold} for select a, '${w}' from t order by a`),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(word, fc.constantFrom('1', 'all', 'backward 1', '2')).map(([w, n]) => `fetch ${n} from ${w}`),
  },
  { weight: 1, arbitrary: word.map((w) => `close ${w}`) },
  { weight: 1, arbitrary: word.map((w) => `listen ${w}`) },
  { weight: 2, arbitrary: fc.tuple(word, key).map(([w, k]) => `notify ${w}, '${k}'`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'create temp table tt (a int)',
      'insert into tt values (1)',
      'select count(*) from tt',
      'drop table tt',
      'create temp table if not exists tt (a int) on commit drop',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'set role alice',
      'reset role',
      'select current_user',
      'set session authorization default',
    ),
  },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.tuple(session, statement).map(([who, text]) => query(who, text)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(session, fc.array(statement, { minLength: 2, maxLength: 4 }))
      .map(([who, texts]) => query(who, texts.join('; '))),
  },
  { weight: 5, arbitrary: fc.tuple(session, statement).map(([who, text]) => prepared(who, text)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(session, key)
      .map(([who, k]) => prepared(who, 'select * from t where a > $1 order by a', String(k))),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(session, fc.array(statement, { minLength: 2, maxLength: 3 })).map(([who, texts]) =>
      extended(
        who,
        ...texts.flatMap(
          (text) =>
            [
              ['parse', '', text],
              ['bind', { portal: '', statement: '' }],
              ['execute', '', 0],
            ] as const,
        ),
      ),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(session, key, word).map(([who, k, w]) => copyIn(who, 'copy t from stdin', [`${k}\t${w}\n`])),
  },
  { weight: 1, arbitrary: session.map((who) => query(who, 'copy (select * from t order by a) to stdout')) },
);

/**
 * Whatever two clients may do, one after the other. What would wait for the other's lock gives up at once, because a random script cannot
 * know when to go on: `lock_timeout` is short.
 */
export const randomScript: fc.Arbitrary<Step[]> = fc
  .array(step, { minLength: 5, maxLength: 40 })
  .map((steps) => [
    query('a', "create table t (a int primary key, b text); insert into t values (1, 'one'), (2, 'two')"),
    query('a', "set lock_timeout = '20ms'"),
    query('b', "set lock_timeout = '20ms'"),
    ...steps,
  ]);
