// node --conditions=@multigres/source packages/sql/src/classify.bench.ts
// Nanoseconds for classifying one text: a miss reads it, a hit finds it by its exact text.
import { performance } from 'node:perf_hooks';
import { ClassificationCache, classify } from './index.ts';

const texts: Readonly<Record<string, string>> = {
  'pgbench select': 'SELECT abalance FROM pgbench_accounts WHERE aid = 12345;',
  'pgbench update': 'UPDATE pgbench_tellers SET tbalance = tbalance + -42 WHERE tid = 7;',
  begin: 'BEGIN',
  set: "SET search_path TO 'tenant_42', public",
  'object mapper select':
    'SELECT "users"."id", "users"."name", "users"."email", "users"."created_at", count("orders"."id") AS "orders_count" FROM "users" ' +
    'LEFT OUTER JOIN "orders" ON "orders"."user_id" = "users"."id" WHERE "users"."active" = $1 AND lower("users"."email") = $2 ' +
    'GROUP BY "users"."id" HAVING count("orders"."id") > $3 ORDER BY "users"."created_at" DESC LIMIT $4 OFFSET $5',
  'insert of 1,000 rows': `INSERT INTO t (a, b, c) VALUES ${Array.from({ length: 1000 }, (_, i) => `(${i}, 'text ${i}', now())`).join(', ')}`,
};

function nanosecondsPerRun(run: () => unknown): number {
  let best = Infinity;
  for (let round = 0; round < 12; round++) {
    let runs = 0;
    const startMs = performance.now();
    while (performance.now() - startMs < 40) {
      for (let i = 0; i < 50; i++) run();
      runs += 50;
    }
    best = Math.min(best, ((performance.now() - startMs) * 1e6) / runs);
  }
  return best;
}

const cache = new ClassificationCache({ textCharactersMax: 1 << 20 });
for (const [name, text] of Object.entries(texts)) {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  // A text from the network is a new string each time, so its hash must be computed: decode it in both.
  const decode = nanosecondsPerRun(() => decoder.decode(bytes));
  const miss = nanosecondsPerRun(() => classify(decoder.decode(bytes))) - decode;
  const hit = nanosecondsPerRun(() => cache.classify(decoder.decode(bytes))) - decode;
  const shown = [decode, miss, hit].map((ns) => `${Math.round(ns)}`.padStart(8)).join(' ');
  process.stdout.write(`${shown}  decode, miss, hit (ns): ${name}, ${text.length} characters\n`);
}
