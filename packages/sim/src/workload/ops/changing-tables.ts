import type { Step } from '../pg-client.ts';
import { fateOf, type UserSession } from '../session.ts';

const name = 'changing';

/** A table of the session's own, whose columns change while it keeps a statement that answers all of them: it must never get rows of another kind than it prepared. */
export async function useChangingTable(session: UserSession): Promise<void> {
  const { model, random } = session;
  if (model.changing === undefined) return makeTable(session);
  if (random.chance(0.25)) return changeTable(session);
  if (model.changing.prepared === undefined || random.chance(0.2)) return prepareLook(session);
  return look(session);
}

/** Others may still be at work for a session that this user gave up. */
function tableOf({ client }: UserSession): string {
  return `changing_${client.name.replaceAll('-', '_')}_${client.sessions}`;
}

function columnsOf(count: number): string {
  return Array.from({ length: count }, (_, i) => `c${i} text`).join(', ');
}

function valuesOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `v${i}`);
}

function tableText(table: string, columns: number): string {
  const values = valuesOf(columns).map((value) => `'${value}'`);
  return `CREATE TABLE ${table} (${columnsOf(columns)}); INSERT INTO ${table} VALUES (${values.join(', ')})`;
}

async function makeTable(session: UserSession): Promise<void> {
  const effect = (): void => void (session.model.changing = { columns: 1, prepared: undefined });
  const reply = await session.simple(tableText(tableOf(session), 1), { effect });
  if (fateOf(reply) === 'unknown' && !session.over) session.pg.drop();
}

async function changeTable(session: UserSession): Promise<void> {
  const { model, random } = session;
  const table = tableOf(session);
  const columns = 1 + random.below(3);
  const effect = (): void => void (model.changing = { columns, prepared: model.changing?.prepared });
  const reply = await session.simple(`DROP TABLE ${table}; ${tableText(table, columns)}`, { effect });
  session.mark('client/table changed');
  if (fateOf(reply) === 'unknown' && !session.over) session.pg.drop();
  // Who made the change may know that it has to prepare again.
  if (fateOf(reply) === 'ok' && random.chance(0.5)) {
    await prepareLook(session);
    if (!session.over) await look(session);
  }
}

/** As drivers do: with a description, which they keep, or without. */
async function prepareLook(session: UserSession): Promise<void> {
  const { model, random } = session;
  const { columns } = model.changing as { readonly columns: number };
  const steps: Step[] = [
    { kind: 'close', target: 'statement', name },
    { kind: 'parse', name, text: `SELECT * FROM ${tableOf(session)}` },
  ];
  if (random.chance(0.6)) steps.push({ kind: 'describeStatement', name });
  const effect = (): void => void (model.changing = { columns, prepared: columns });
  const reply = await session.extended(`Parse of ${name}`, steps, { effect });
  // Nobody knows which of the two has happened.
  if (fateOf(reply) !== 'ok' && !session.over) session.pg.drop();
}

async function look(session: UserSession): Promise<void> {
  const { columns, prepared } = session.model.changing ?? {};
  if (columns === undefined || prepared === undefined) return;
  const steps: Step[] = [
    { kind: 'bind', portal: '', statement: name, parameters: [] },
    ...(session.random.chance(0.5) ? ([{ kind: 'describePortal', name: '' }] as const) : []),
    { kind: 'execute', portal: '', rowsMax: 0 },
  ];
  const isChanged = columns !== prepared;
  const reply = await session.extended(`Bind of ${name}`, steps, { expected: isChanged ? ['0A000'] : [] });
  if (fateOf(reply) !== 'ok') return;
  const rows = JSON.stringify(reply.rows);
  if (isChanged)
    session.wrong(
      'answers',
      `a statement that was prepared with ${prepared} columns answered ${rows} without an error`,
    );
  else if (rows !== JSON.stringify([valuesOf(columns)]))
    session.wrong('answers', `a table of ${columns} columns answered ${rows}`);
}
