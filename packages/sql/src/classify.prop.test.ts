import fc from 'fast-check';
import { loadModule, parseSync } from 'libpg-query';
import { beforeAll, expect, it } from 'vitest';
import { classify, PinReason, splitStatements } from './index.ts';

beforeAll(loadModule);

/** A piece of SQL, and whether a function that nobody knows is called in it. */
interface Piece {
  readonly text: string;
  readonly calls: boolean;
}

const plain = (text: string): Piece => ({ text, calls: false });

/** A template with a hole (`%`) for each arbitrary. */
function fill(template: string, ...holes: readonly fc.Arbitrary<Piece>[]): fc.Arbitrary<Piece> {
  return fc.tuple(...holes).map((pieces) => {
    let i = 0;
    return {
      text: template.replace(/%/g, () => (pieces[i++] as Piece).text),
      calls: pieces.some((piece) => piece.calls),
    };
  });
}

const atoms = [
  'a',
  't.a',
  '"A;b"',
  '1',
  "'it''s; (x'",
  "E'\\'; ('",
  '$q$;(f(1)$q$',
  '$1',
  'NULL',
  'true',
  "DATE '2020-01-01'",
  "interval '1' day",
  'CURRENT_TIMESTAMP',
  'current_user',
  'now()',
  'ARRAY[1, 2]',
  'count(*)',
  'value',
  'rows',
  'name',
].map(plain);

const { query, expression } = fc.letrec<{ query: Piece; expression: Piece }>((tie) => {
  const e = tie('expression');
  const q = tie('query');
  const call = (template: string): fc.Arbitrary<Piece> => fill(template, e).map(({ text }) => ({ text, calls: true }));
  return {
    expression: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom(...atoms),
      call('mine(%)'),
      call('other.lower(%)'),
      call('"Lower" (%)'),
      call('a /* ( */ . -- (\n b(%)'),
      fill('lower(%)', e),
      fill('pg_catalog.concat(%, %)', e, e),
      fill('(%) + (%)', e, e),
      fill('% || %', fc.constantFrom(...atoms), e),
      fill('CASE WHEN % IS NULL THEN % ELSE % END', e, e, e),
      fill('CAST(% AS numeric(10, 2))', e),
      fill('(%)::varchar(5)', e),
      fill('COALESCE(%, %)', e, e),
      fill('(%) IN (%, %)', e, e, e),
      fill('(%) BETWEEN (%) AND (%)', e, e, e),
      fill('(%) NOT ILIKE (%)', e, e),
      fill('(%) AT TIME ZONE (%)', e, e),
      fill('extract(epoch FROM %)', e),
      fill('substring(% FROM (%) FOR 2)', e, e),
      fill('sum(%) FILTER (WHERE %) OVER (PARTITION BY %, (%) ORDER BY (%))', e, e, e, e, e),
      fill('percentile_cont(0.5) WITHIN GROUP (ORDER BY %)', e),
      fill('EXISTS (%)', q),
      fill('(%)', q),
      fill('ROW (%, %)', e, e),
      fill('(ARRAY[%])[(%)]', e, e),
    ),
    query: fc.oneof(
      { maxDepth: 3 },
      fill('SELECT %', e),
      fill('SELECT % AS x, % y FROM t q (a, b), lower(%) AS l (c) WHERE %', e, e, e, e),
      fill('SELECT DISTINCT ON (%) % FROM (%) s (a) ORDER BY (%) LIMIT (%)', e, e, q, e, e),
      fill('SELECT a FROM t JOIN (%) j (x, y) ON % LEFT JOIN u AS v (z) USING (x)', q, e),
      fill('SELECT a FROM t GROUP BY GROUPING SETS ((a), ()), ROLLUP (%), CUBE (a) HAVING %', e, e),
      fill('WITH x (a, b) AS (%), y AS NOT MATERIALIZED (%), mine (c) AS (%) SELECT % FROM x, y', q, q, q, e),
      fill('WITH RECURSIVE x (a) AS (%) SEARCH DEPTH FIRST BY a SET s SELECT % FROM x WITH ORDINALITY', q, e).map(
        (piece) => ({
          ...piece,
          text: piece.text.replace(/ WITH ORDINALITY$/, ''),
        }),
      ),
      fill('VALUES (%, %), (1, 2)', e, e),
      fill('SELECT a FROM ROWS FROM (unnest(%), lower(%)) WITH ORDINALITY AS r (a, b, c)', e, e),
      fill('SELECT a FROM t TABLESAMPLE system (10) REPEATABLE (%), LATERAL (%) l (x)', e, q),
    ),
  };
});

const changes: fc.Arbitrary<Piece> = fc.oneof(
  fill('INSERT INTO s.t (a, b) VALUES (%, %)', expression, expression),
  fill(
    'INSERT INTO t (a) % ON CONFLICT (a) DO UPDATE SET (a, b) = (%, %) RETURNING %',
    fc.constant(plain('VALUES (1)')),
    expression,
    expression,
    expression,
  ),
  fill('UPDATE t SET a = %, (b, c) = (%) WHERE %', expression, query, expression),
  fill('DELETE FROM t USING (%) q (a) WHERE % RETURNING %', query, expression, expression),
  fill(
    'MERGE INTO t USING s ON (%) WHEN MATCHED THEN UPDATE SET a = % WHEN NOT MATCHED THEN INSERT (a, b) VALUES (%, 1)',
    expression,
    expression,
    expression,
  ),
);

const nodes: Readonly<Record<string, string>> = {
  SelectStmt: 'select',
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
  MergeStmt: 'merge',
};

function parsed(text: string): { readonly kinds: readonly string[] } | undefined {
  try {
    return { kinds: (parseSync(text).stmts ?? []).map(({ stmt }) => Object.keys(stmt ?? {})[0] ?? '') };
  } catch {
    return undefined;
  }
}

it('pins a query exactly when a function in it is unknown, wherever the call hides', () => {
  let compared = 0;
  fc.assert(
    fc.property(fc.oneof(query, changes), ({ text, calls }) => {
      const kinds = parsed(text)?.kinds;
      if (kinds === undefined) return;
      compared++;
      const classification = classify(text);
      expect(classification.statements).toBe(1);
      expect(classification.kind).toBe(nodes[kinds[0] ?? '']);
      expect(classification.pins).toBe(calls ? PinReason.unknownFunction : 0);
      expect(classification.readOnly).toBe(classification.kind === 'select' && !calls);
    }),
    { numRuns: 3000 },
  );
  expect(compared).toBeGreaterThan(2000);
});

const gaps = fc.constantFrom(' ', '\n', '\t', ' -- ; (\n', '/* ; /* */ mine( */', ' ');

it('does not care about blanks, comments and the case of keywords', () => {
  fc.assert(
    fc.property(query, fc.array(gaps, { minLength: 1, maxLength: 20 }), fc.boolean(), ({ text }, blanks, upper) => {
      fc.pre(!/["'$]|--/.test(text));
      let i = 0;
      const spaced = text.replace(/ /g, () => blanks[i++ % blanks.length] ?? ' ');
      expect(classify(upper ? spaced.toUpperCase() : spaced)).toEqual(classify(text));
    }),
  );
});

const definitions = [
  'CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2 AS end; END',
  'CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM u; NOTIFY c)',
  'BEGIN',
  'END',
  "COMMENT ON TABLE t IS E'\\';'",
  'DO $x$ BEGIN; END $x$',
  "SET search_path = 'a;', b",
  '',
  '-- only a comment\n',
].map(plain);

it('cuts texts of many statements where the server does', () => {
  const separators = fc.constantFrom(';', ' ; ', ';;', '; -- ;\n', ';/* ; */');
  const statement = fc.oneof(query, changes, fc.constantFrom(...definitions));
  let compared = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(statement, separators), { maxLength: 5 }), (parts) => {
      const text = parts.map(([piece, separator]) => piece.text + separator).join('');
      const kinds = text.trim() === '' ? undefined : parsed(text)?.kinds;
      if (kinds === undefined) return;
      compared++;
      expect(splitStatements(text)).toHaveLength(kinds.length);
      expect(classify(text).statements).toBe(kinds.length);
    }),
    { numRuns: 1000 },
  );
  expect(compared).toBeGreaterThan(300);
});

const words = fc.constantFrom(
  ...'select|with|as|(|)|;|,|.|set|local|session|to|=|a|"b"|\'c\'|1|insert|into|update|for|from|create|temp|table|function|begin|atomic|case|end|explain|analyze|copy|stdin|declare|cursor|hold|set_config|true|false|all|reset|time|zone|::|[|]|operator|+|distinct|on|recursive|execute|prepare|fetch|close|listen|*|$$|--|/*|\n'.split(
    '|',
  ),
);

it('answers for any text, and agrees with the server on the number of statements where that accepts it', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(words, { maxLength: 25 }).map((all) => all.join(' ')),
        fc.string({ unit: 'binary' }),
      ),
      (text) => {
        const classification = classify(text);
        expect(classification.unpins & classification.pins).toBe(0);
        expect(splitStatements(text)).toHaveLength(classification.statements);
        const kinds = text.includes('\0') ? undefined : parsed(text)?.kinds;
        if (kinds !== undefined) expect(classification.statements).toBe(kinds.length);
      },
    ),
    { numRuns: 5000 },
  );
});
