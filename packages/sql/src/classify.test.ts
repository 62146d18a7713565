import { describe, expect, it } from 'vitest';
import { classify, harmless, pinNames, splitStatements, Trait, traitNames, type PinReasonName } from './index.ts';

type Row = readonly [text: string, kind: string];
type PinningRow = readonly [text: string, kind: string, pins: readonly PinReasonName[]];

const ordinary: readonly Row[] = [
  // pgbench
  ['SELECT abalance FROM pgbench_accounts WHERE aid = 1;', 'select'],
  ['UPDATE pgbench_accounts SET abalance = abalance + -5 WHERE aid = $1;', 'update'],
  ['INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, 4, CURRENT_TIMESTAMP);', 'insert'],
  ['vacuum analyze pgbench_branches', 'utility'],
  ['truncate table pgbench_accounts, pgbench_branches', 'truncate'],
  ['insert into t(tid,bid,tbalance) values (1, 1, 0)', 'insert'],
  // object mappers of Python
  [
    'SELECT "auth_user"."id", COUNT(*) AS "__count" FROM "auth_user" WHERE ("auth_user"."is_active" AND UPPER("auth_user"."email"::text) = UPPER(\'A\')) GROUP BY "auth_user"."id" LIMIT 21',
    'select',
  ],
  [
    'INSERT INTO "app_item" ("name", "price") VALUES (\'x\', \'1.5\'::numeric(10, 2)) RETURNING "app_item"."id"',
    'insert',
  ],
  [
    'SELECT anon_1.id FROM (SELECT t.id AS id, row_number() OVER (PARTITION BY t.a ORDER BY t.b) AS n FROM t) AS anon_1',
    'select',
  ],
  ['SELECT * FROM t WHERE (a, b) IN ((1, 2), (3, 4)) AND c = ANY (ARRAY[1, 2])', 'select'],
  ['SELECT pg_catalog.version()', 'select'],
  ['select current_schema()', 'select'],
  ['SELECT t.oid FROM pg_type t WHERE t.typname = $1 AND pg_type_is_visible(t.oid)', 'select'],
  // of Ruby
  [
    'SELECT "posts".* FROM "posts" INNER JOIN (SELECT 1) q (x) ON (q.x = "posts"."id") ORDER BY "posts"."id" ASC LIMIT $1',
    'select',
  ],
  [
    'INSERT INTO "users" ("name") VALUES ($1), ($2) ON CONFLICT ("name") DO UPDATE SET "updated_at"=(CASE WHEN ("users"."name" IS NOT DISTINCT FROM excluded."name") THEN "users"."updated_at" ELSE CURRENT_TIMESTAMP END) RETURNING "id"',
    'insert',
  ],
  ['SELECT 1 AS one FROM "users" WHERE "users"."email" ILIKE $1 AND NOT ("users"."id" = 3) LIMIT 1', 'select'],
  ['DELETE FROM "tags" WHERE "tags"."id" IN (SELECT "tags"."id" FROM "tags" LIMIT 10)', 'delete'],
  // of Java
  ['select u1_0.id,u1_0.name from users u1_0 where u1_0.id=$1 fetch first $2 rows only', 'select'],
  [
    'select o1_0.id from orders o1_0 left join lateral (select 1) x (y) on true offset $1 rows fetch next (1) rows only',
    'select',
  ],
  // of JavaScript
  [
    'SELECT "public"."User"."id" FROM "public"."User" WHERE ("public"."User"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3',
    'select',
  ],
  [
    'SELECT COALESCE(jsonb_agg("d"), \'[]\') FROM LATERAL (SELECT jsonb_build_object(\'a\', "t"."a") AS "d" FROM "t") AS "s"("d")',
    'select',
  ],
  ['UPDATE t SET (a, b) = (1, 2), c[1] = 3 FROM generate_series(1, 3) g (n) WHERE t.id = g.n', 'update'],
  [
    'WITH moved AS (DELETE FROM a RETURNING *), k (x, y) AS NOT MATERIALIZED (SELECT 1, 2) INSERT INTO b SELECT * FROM moved',
    'insert',
  ],
  [
    'SELECT count(*) FILTER (WHERE a > 1), percentile_cont(0.5) WITHIN GROUP (ORDER BY (b)) FROM t GROUP BY ROLLUP (a), CUBE (b), GROUPING SETS ((a), ())',
    'select',
  ],
  [
    "SELECT extract(epoch FROM now() AT TIME ZONE 'UTC'), position('a' IN b), substring(a FROM 1 FOR 2), trim(both from a)",
    'select',
  ],
  [
    "SELECT interval '1' day to second (3), x::timestamp(3) with time zone, CAST(y AS character varying (5)), bit varying (3) '1' FROM t",
    'select',
  ],
  ['SELECT DISTINCT ON (a) lower(b) FROM t TABLESAMPLE system (10) REPEATABLE (1)', 'select'],
  ['SELECT a OPERATOR(pg_catalog.+) lower(b) FROM t ORDER BY (a), (b)', 'select'],
  ['SELECT a::geometry(3), b::app.money(1, 2)[] FROM t', 'select'],
  ['SELECT * FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS u (a, b, n)', 'select'],
  [
    'MERGE INTO t USING s ON (t.id = s.id) WHEN MATCHED THEN UPDATE SET (a) = ROW (1) WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)',
    'merge',
  ],
  ['(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1', 'select'],
  ['VALUES (1, 2), (3, 4)', 'select'],
  ['TABLE t', 'select'],
  ['COPY t (a, b) FROM STDIN WITH (FORMAT csv, FORCE_NULL (a))', 'copyIn'],
  ['COPY (SELECT lower(a) FROM t) TO STDOUT', 'copyOut'],
  ["COPY t FROM PROGRAM 'cat'", 'copyFile'],
  [
    'CREATE TABLE t (id serial PRIMARY KEY, a numeric(10, 2) DEFAULT mine(1), CHECK (mine(a) > 0), FOREIGN KEY (a) REFERENCES u (a))',
    'ddl',
  ],
  [
    'CREATE INDEX CONCURRENTLY i ON t USING gin (mine(a) gin_ops(siglen = 3)) INCLUDE (b) WITH (fillfactor = 70)',
    'ddl',
  ],
  [
    'ALTER TABLE t ADD COLUMN a varchar(5), ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (a), ADD PRIMARY KEY (b)',
    'ddl',
  ],
  ['SAVEPOINT active_record_1', 'savepoint'],
  ['RELEASE SAVEPOINT active_record_1', 'release'],
  ['ROLLBACK TO SAVEPOINT active_record_1', 'rollbackTo'],
  ['SET LOCAL statement_timeout = 100', 'set'],
  ['SHOW server_version', 'show'],
  ['DECLARE c NO SCROLL CURSOR FOR SELECT * FROM t', 'declare'],
  ['FETCH FORWARD 100 FROM c', 'fetch'],
  ['LOCK TABLE t IN SHARE MODE', 'lock'],
  ["NOTIFY c, 'x'", 'notify'],
  ["select set_config('request.jwt.claims', $1, true), set_config('role', $2, true)", 'select'],
  ['SELECT pg_advisory_xact_lock(1)', 'select'],
  ['SELECT pg_try_advisory_xact_lock(1, 2)', 'select'],
  ["PREPARE TRANSACTION 'x'", 'prepareTransaction'],
  ['SELECT E\'\\\'; LISTEN x; --\', $a$;LISTEN y;$a$, "q;""", /* ; /* ; */ ; */ 1', 'select'],
];

const pinning: readonly PinningRow[] = [
  ["SET search_path = 'a'", 'set', ['settings']],
  ['set session role x', 'set', ['role']],
  ['RESET search_path', 'reset', ['settings']],
  ['SET seed TO 0.5', 'set', ['setseed']],
  ['SET search_path TO pg_temp, public', 'set', ['settings', 'tempObject']],
  ["SELECT set_config($1, 'x', false)", 'select', ['settings', 'role']],
  ["SELECT set_config('search_path', 'PG_TEMP', true) FROM t", 'select', ['settings', 'role', 'tempObject']],
  ['SELECT setseed(0.1)', 'select', ['setseed']],
  ["SELECT nextval('s')", 'select', ['sequence']],
  ['SELECT "pg_catalog" . "setval" (\'s\', 1)', 'select', ['sequence']],
  ['SELECT pg_advisory_lock(1)', 'select', ['advisoryLock']],
  ['SELECT pg_try_advisory_lock(1) FROM t', 'select', ['advisoryLock']],
  ['LISTEN c', 'listen', ['listen']],
  ['CREATE TEMP TABLE t (a int)', 'ddl', ['tempObject']],
  ['create or replace local temporary view v as select 1', 'ddl', ['tempObject']],
  ['CREATE TEMPORARY SEQUENCE s', 'ddl', ['tempObject']],
  ['CREATE TABLE pg_temp.t (a int)', 'ddl', ['tempObject']],
  ['CREATE FUNCTION "pg_temp".f() RETURNS int LANGUAGE sql RETURN 1', 'ddl', ['tempObject']],
  ['SELECT * INTO TEMP x FROM y', 'select', ['tempObject']],
  ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'declare', ['heldCursor']],
  ['PREPARE p (int) AS SELECT $1', 'prepare', ['preparedStatement']],
  ['PREPARE p AS SELECT mine($1)', 'prepare', ['preparedStatement', 'unknownFunction']],
  ['EXECUTE p (1)', 'execute', ['unknownFunction']],
  ["LOAD 'auto_explain'", 'load', ['loadedLibrary']],
  ['DO $$ BEGIN END $$', 'do', ['unknown']],
  ['CALL p()', 'call', ['unknown']],
  ['nonsense', 'unknown', ['unknown']],
  ['START_REPLICATION SLOT s LOGICAL 0/0', 'replication', ['replication']],
  ['SELECT mine(1)', 'select', ['unknownFunction']],
  ['SELECT other.lower(a) FROM t', 'select', ['unknownFunction']],
  ['SELECT "LOWER"(a) FROM t', 'select', ['unknownFunction']],
  ['SELECT U&"lower"(a) FROM t', 'select', ['unknownFunction']],
  ['SELECT a FROM t JOIN LATERAL mine(t.a) m (x) ON true', 'select', ['unknownFunction']],
  ['SELECT DISTINCT ON (a) mine(b) FROM t', 'select', ['unknownFunction']],
  ['SELECT a OPERATOR(pg_catalog.+) mine(b) FROM t', 'select', ['unknownFunction']],
  ['SELECT a OPERATOR(other.+) b FROM t', 'select', ['unknownFunction']],
  ['SELECT a <=#=> b FROM t', 'select', ['unknownFunction']],
  ['SELECT first(a) FROM t', 'select', ['unknownFunction']],
  ['SELECT rollup(a) FROM t', 'select', ['unknownFunction']],
  ["SELECT now() AT TIME ZONE mine('x')", 'select', ['unknownFunction']],
  ['INSERT INTO t (a) VALUES (mine(1))', 'insert', ['unknownFunction']],
  ['DELETE FROM t USING mine(3) AS m WHERE t.id = m', 'delete', ['unknownFunction']],
  ['COPY (SELECT mine(1)) TO STDOUT', 'copyOut', ['unknownFunction']],
  ['COPY t FROM STDIN WHERE mine(a)', 'copyIn', ['unknownFunction']],
  ['CREATE TABLE x AS SELECT mine(1)', 'ddl', ['unknownFunction']],
  ['CREATE TABLE x AS EXECUTE p', 'ddl', ['unknownFunction']],
  ['ALTER TABLE t ADD COLUMN a int DEFAULT mine(1)', 'ddl', ['unknownFunction']],
  ["EXPLAIN ANALYZE SELECT nextval('s')", 'explain', ['sequence']],
  ["EXPLAIN (ANALYZE, COSTS off) SELECT nextval('s')", 'explain', ['sequence']],
  ["EXPLAIN (ANALYZE off) SELECT nextval('s')", 'explain', []],
  ["EXPLAIN SELECT nextval('s')", 'explain', []],
  ['EXPLAIN SELECT mine(1)', 'explain', ['unknownFunction']],
  // Backslashes do not hide what follows a plain string; they do in E'...', also after a line break inside it.
  ["SELECT '\\' , mine(1), ''", 'select', ['unknownFunction']],
  ["SELECT E'\\' , mine(1), '", 'select', []],
  ["SELECT E'a'\n '\\' , mine(1), '", 'select', []],
  ["SELECT 'a' -- x\n 'b' , mine(1)", 'select', ['unknownFunction']],
  ['SELECT 1INTO TEMP x', 'select', ['tempObject']],
  ['CREATE TEMP TABLE t (a int) ON COMMIT DROP', 'ddl', ['tempUntilCommit']],
  ['CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1', 'ddl', ['tempUntilCommit']],
  ['CREATE TEMP TABLE t (a int) ON COMMIT DELETE ROWS', 'ddl', ['tempObject']],
];

describe('classify', () => {
  it.each([
    ['CREATE TEMP TABLE t (a int)', 't', false],
    ['CREATE TEMP TABLE IF NOT EXISTS "T" AS SELECT 1', 'T', false],
    ['CREATE TEMP VIEW v AS SELECT 1', 'v', false],
    ['CREATE TEMP TABLE pg_temp.t (a int)', undefined, false],
    ['CREATE TABLE t (a int)', undefined, false],
    ['DROP TABLE t', 't', true],
    ['DROP TABLE IF EXISTS t CASCADE', 't', true],
    ['DROP VIEW v', 'v', true],
    ['DROP TABLE t, u', undefined, false],
    ['DROP TABLE s.t', undefined, false],
    ['DROP FUNCTION f', undefined, false],
    ['ALTER TABLE t RENAME TO u', undefined, false],
  ] as const)('says what relation %s is about, if only one', (text, target, drops) => {
    const classification = classify(text);
    expect(classification.target).toBe(target);
    expect((classification.traits & Trait.drops) !== 0).toBe(drops);
  });

  it('tells the statements of a text apart', () => {
    const { parts, kind, unpins } = classify('RESET ALL; UNLISTEN *; SET a.b = 1');
    expect(kind).toBe('multi');
    expect(parts?.map((part) => part.kind)).toEqual(['reset', 'unlisten', 'set']);
    expect(parts?.[2]?.setting?.name).toBe('a.b');
    expect(pinNames(unpins)).toEqual(['listen']);
    expect(classify('SELECT 1;'.repeat(1000)).parts).toBeUndefined();
    expect(classify('SELECT 1').parts).toBeUndefined();
  });

  it.each(ordinary)('lets %s share backends', (text, kind) => {
    const classification = classify(text);
    expect(classification).toMatchObject({ statements: 1, kind, unpins: 0 });
    expect(pinNames(classification.pins)).toEqual([]);
  });

  it.each(pinning)('knows what %s leaves behind', (text, kind, pins) => {
    const classification = classify(text);
    expect(classification).toMatchObject({ statements: 1, kind });
    expect(pinNames(classification.pins)).toEqual(pins);
  });

  it.each([
    [
      'DISCARD ALL',
      [
        'settings',
        'role',
        'tempObject',
        'heldCursor',
        'advisoryLock',
        'listen',
        'preparedStatement',
        'sequence',
        'unknownFunction',
        'unknown',
        'unclassified',
        'tempUntilCommit',
      ],
    ],
    ['DISCARD SEQUENCES', ['sequence']],
    ['DISCARD TEMP', ['tempObject', 'tempUntilCommit']],
    ['DISCARD PLANS', []],
    ['RESET ALL', ['settings']],
    ['UNLISTEN *', ['listen']],
    ['UNLISTEN c', []],
    ['DEALLOCATE PREPARE ALL', ['preparedStatement']],
    ['DEALLOCATE p', []],
    ['CLOSE ALL', ['heldCursor']],
    ['SELECT pg_advisory_unlock_all()', ['advisoryLock']],
    ['SELECT pg_advisory_unlock_all() WHERE false', []],
    ['LISTEN a; UNLISTEN *', []],
  ] as const)('says that %s ends %j for certain', (text, ended) => {
    expect(pinNames(classify(text).unpins)).toEqual(ended);
  });

  it.each([
    ['BEGIN', 'begins'],
    ['START TRANSACTION READ ONLY', 'begins'],
    ['COMMIT WORK AND NO CHAIN', 'ends'],
    ['END', 'ends'],
    ['ABORT AND CHAIN', 'endsAndBegins'],
    ['ROLLBACK TO a', 'within'],
    ["PREPARE TRANSACTION 'x'", 'ends'],
    ["COMMIT PREPARED 'x'", 'none'],
    ['BEGIN; SELECT 1', 'begins'],
    ['BEGIN; SELECT 1; COMMIT', 'mixed'],
    ['SELECT 1; SELECT 2', 'none'],
  ] as const)('sees the transaction block in %s', (text, effect) => {
    expect(classify(text).transaction).toBe(effect);
  });

  it.each([
    ['PREPARE "P" AS SELECT 1', 'P'],
    ['EXECUTE Foo', 'foo'],
    ['DEALLOCATE ALL', '*'],
    ['DEALLOCATE prepare', 'prepare'],
    ['LISTEN "a""b"', 'a"b'],
    ['UNLISTEN *', '*'],
    ['FETCH BACKWARD ALL IN Cur', 'cur'],
    ['MOVE cur', 'cur'],
    ['CLOSE cur', 'cur'],
    ['ROLLBACK TRANSACTION TO SAVEPOINT s', 's'],
    ['SAVEPOINT savepoint', 'savepoint'],
    ["ROLLBACK PREPARED 'it''s'", "it's"],
    ['SELECT 1', undefined],
  ])('names what %s is about', (text, target) => {
    expect(classify(text).target).toBe(target);
  });

  it.each([
    ['SELECT 1', true],
    ['SELECT lower(a) FROM t', true],
    ['SHOW work_mem', true],
    ['EXPLAIN INSERT INTO t VALUES (1)', true],
    ['', false],
    ['SELECT 1; SELECT 2', false],
    ['SELECT a FROM t FOR UPDATE', false],
    ['SELECT a FROM t FOR NO KEY UPDATE', false],
    ['SELECT substring(a FOR 3) FROM t', true],
    ['WITH x AS (UPDATE t SET a = 1 RETURNING a) SELECT * FROM x', false],
    ['SELECT pg_sleep(1)', false],
    ['SELECT pg_backend_pid()', false],
    ["SELECT currval('s')", false],
    ['SELECT pg_advisory_xact_lock(1)', false],
    ['SELECT pg_advisory_unlock(1)', false],
    ['SELECT * INTO x FROM y', false],
    ['SELECT txid_current()', false],
    ['SELECT mine(1)', false],
    ['COPY t TO STDOUT', false],
    ['UPDATE t SET a = 1', false],
    ['BEGIN', false],
  ])('decides whether %s may run between the statements of others', (text, pipelinable) => {
    expect(classify(text).pipelinable).toBe(pipelinable);
  });

  it('tells which statements the server refuses inside or outside a transaction block', () => {
    expect(traitNames(classify('VACUUM').traits)).toContain('refusesTransactionBlock');
    expect(traitNames(classify('CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)').traits)).toContain(
      'refusesTransactionBlock',
    );
    expect(traitNames(classify('CREATE DATABASE d').traits)).toContain('refusesTransactionBlock');
    expect(traitNames(classify('DECLARE c CURSOR FOR SELECT 1').traits)).toContain('needsTransactionBlock');
    expect(traitNames(classify('BEGIN READ ONLY').traits)).toContain('readOnlyTransaction');
    expect(traitNames(classify('BEGIN READ WRITE').traits)).toEqual([]);
  });

  it('asks the catalogue about functions that it does not know, by their stored names', () => {
    const asked: string[] = [];
    const knownFunction = (name: string): typeof harmless | undefined => {
      asked.push(name);
      return name === 'app.mine' ? harmless : undefined;
    };
    expect(classify('SELECT App.Mine(lower(a)) FROM t', { knownFunction }).pipelinable).toBe(true);
    expect(classify('SELECT "Mine"(1)', { knownFunction }).pipelinable).toBe(false);
    expect(asked).toEqual(['app.mine', 'Mine']);
  });

  it('reads backslashes as escapes where standard_conforming_strings is off', () => {
    const text = "SELECT '\\'; LISTEN x; --'";
    expect(classify(text, { standardConformingStrings: true }).statements).toBe(2);
    expect(classify(text, { standardConformingStrings: false }).statements).toBe(1);
  });
});

describe('splitStatements', () => {
  it.each([
    ['', []],
    [' ;; -- x\n ; /* ; */', []],
    ['a;b', ['a', 'b']],
    ['select \';\' ; select ";" ;', ["select ';'", 'select ";"']],
    [
      'create rule r as on insert to t do (select 1; select 2); x',
      ['create rule r as on insert to t do (select 1; select 2)', 'x'],
    ],
    [
      'create function f() returns int begin atomic select case a when 1 then 2 end as end; select t.case; end; x',
      ['create function f() returns int begin atomic select case a when 1 then 2 end as end; select t.case; end', 'x'],
    ],
    ['begin; select 1; end; x', ['begin', 'select 1', 'end', 'x']],
    ['select $a$ ; $b$ ; $a$; x', ['select $a$ ; $b$ ; $a$', 'x']],
    ['select 1 /* unfinished ; ', ['select 1']],
    ["select 'unfinished ; ", ["select 'unfinished ; "]],
  ])('cuts %j where the server does', (text, expected) => {
    expect(splitStatements(text).map(({ start, end }) => text.slice(start, end))).toEqual(expected);
  });
});
