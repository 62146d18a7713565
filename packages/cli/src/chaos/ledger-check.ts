import type { LedgerVerdict, WriteLedger } from '@multigres/history';

const rowsAtOnce = 50_000;

/** Reads all rows of the ledger and compares. `ask` answers rows of texts. */
export async function judgeLedger(
  ledger: WriteLedger,
  ask: (text: string) => Promise<readonly (readonly (string | null)[])[]>,
): Promise<LedgerVerdict> {
  const present: number[] = [];
  const last = Number((await ask('select coalesce(max(number), -1) from chaos.ledger'))[0]?.[0]);
  for (let from = 0; from <= last; from += rowsAtOnce) {
    const below = from + rowsAtOnce;
    const rows = await ask(
      `select string_agg(number::text, ',') from chaos.ledger where number >= ${from} and number < ${below}`,
    );
    const text = rows[0]?.[0];
    if (text !== null && text !== undefined) for (const number of text.split(',')) present.push(Number(number));
  }
  return ledger.judge(present);
}

/** What is lost on one member is lost. */
export function mergedVerdict(verdicts: readonly LedgerVerdict[]): LedgerVerdict {
  const all = (of: (verdict: LedgerVerdict) => readonly number[]): readonly number[] =>
    [...new Set(verdicts.flatMap(of))].toSorted((a, b) => a - b);
  const [first] = verdicts;
  if (first === undefined) throw new Error('nothing was judged');
  return { ...first, lost: all(({ lost }) => lost), ghosts: all(({ ghosts }) => ghosts) };
}
